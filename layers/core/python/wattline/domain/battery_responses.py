"""The responses of a battery vendor's API, judged item by item.

* Assets: `{"totalCount": n, "items": [{"deviceId", "description", "state"}]}`.
* Telemetry of one asset: `{"series": [{"name", "data": [[epoch, value], ...]}]}`; the epoch is in milliseconds or in
  seconds, and series, points and their order are whatever the vendor sends. Each point is a statement: of several
  about one moment the last of the response holds.

Items are JSON values; judging raises ValueError with a reason that can be shown to the sender.
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from wattline.domain.batteries import CAPACITY_MICRO, MICRO, STATE_OF_CHARGE, Description, Point, is_register
from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import CLOCK_TOLERANCE_MS, EARLIEST_MS, MINUTE_MS

MILLISECONDS_FROM = 10**11
"""A smaller epoch is in seconds: 10^11 s lie in the year 5138, 10^11 ms in March 1973, before there was such data."""

_MILLIONTH = Decimal("0.000001")
_MOST_DIGITS = 18
"""Before the decimal point; what is longer is not looked at any further."""

LONGEST_NAME = 100
LONGEST_TEXT = 1_000


def judge_device_id(value: object) -> str:
    """A battery's id; an integer is taken as its decimal string."""
    device_id = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(device_id, str) or not re.fullmatch(ID_PATTERN, device_id):
        raise ValueError(f"deviceId: must match {ID_PATTERN}")
    return device_id


def judge_asset(item: object, received_ms: int, seq: int) -> tuple[str, Description]:
    """The id and the description of an asset; `seq` is its position in the list."""
    if not isinstance(item, dict):
        raise ValueError("is not an object with a deviceId")
    device_id = judge_device_id(item.get("deviceId"))
    text, state = (_text(item.get(name), name) for name in ("description", "state"))
    return device_id, Description(text, state, received_ms, seq)


def _text(value: object, name: str) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= LONGEST_TEXT and value.isprintable()):
        return value
    raise ValueError(f"{name}: is not a printable text of up to {LONGEST_TEXT:,} characters")


class SeriesJudge:
    """Judges the points of one series. Without a good name the series has no good point."""

    def __init__(self, metric: object, now_ms: int) -> None:
        self._name_fault = _name_fault(metric)
        self._metric = str(metric)
        self._latest_ms = now_ms + CLOCK_TOLERANCE_MS
        self._least, self._most, self._reason = _limits(self._metric)

    def point(self, item: object, seq: int) -> Point:
        """A point; `seq` is its position in the response."""
        if self._name_fault:
            raise ValueError(self._name_fault)
        try:
            if type(item) is not list or len(item) != 2:
                raise ValueError("is not a pair [epoch, value]")
            ts_ms, value = self._instant(item[0]), _micro(item[1])
            if not self._least <= value <= self._most:
                raise ValueError(self._reason)
        except ValueError as refusal:
            raise ValueError(f"{self._metric}: {refusal}") from refusal
        return Point(self._metric, ts_ms, value, seq)

    def _instant(self, epoch: object) -> int:
        """Milliseconds since 1970 of an epoch in milliseconds or seconds, cut to whole milliseconds."""
        number = epoch if type(epoch) is int else _number(epoch, "time")
        if number < EARLIEST_MS:
            raise ValueError("time: lies before 1970, where the history begins")
        ts_ms = int(number if number >= MILLISECONDS_FROM else number * 1_000)
        if ts_ms > self._latest_ms:
            raise ValueError(f"time: lies more than {CLOCK_TOLERANCE_MS // MINUTE_MS} minutes ahead")
        return ts_ms


def _name_fault(metric: object) -> str | None:
    if not isinstance(metric, str):
        return "name: the series has none"
    if not 0 < len(metric) <= LONGEST_NAME or not metric.isprintable() or metric != metric.strip():
        return f"name: is not a printable text of 1 to {LONGEST_NAME} characters"
    return None


def _limits(metric: str) -> tuple[int, int, str]:
    """What a value of a series may be at least and at most, in millionths, and how to say that it is not."""
    if metric == STATE_OF_CHARGE:
        return 0, 100 * MICRO, "value: a state of charge lies between 0 and 100 %"
    if is_register(metric):
        return 0, CAPACITY_MICRO, "value: a register is neither negative nor above 999,999,999,999"
    return -CAPACITY_MICRO, CAPACITY_MICRO, "value: is beyond 999,999,999,999, the most that can be stored"


def _micro(value: object) -> int:
    """Millionths, rounded once, half away from zero."""
    if type(value) is int:
        return value * MICRO
    return int(_number(value, "value").quantize(_MILLIONTH, ROUND_HALF_UP).scaleb(6))


def _number(value: object, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{name}: is null" if value is None else f"{name}: is not a number")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{name}: is not a finite number")
    if number.adjusted() >= _MOST_DIGITS:
        raise ValueError(f"{name}: has more than {_MOST_DIGITS} digits before the decimal point")
    return number
