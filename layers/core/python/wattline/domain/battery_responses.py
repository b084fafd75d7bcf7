"""The responses of a battery vendor's API, judged item by item.

* Assets: `{"totalCount": n, "items": [{"deviceId", "description", "state"}]}`.
* Telemetry of one asset: `{"series": [{"name", "data": [[epoch, value], ...]}]}`; the epoch is in milliseconds or in
  seconds, and series, points and their order are whatever the vendor sends. Each point is a statement: of several
  about one moment the last of the response holds.

Items are JSON values; the functions raise ValueError with a reason that can be shown to the sender.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from wattline.domain.batteries import CAPACITY_MICRO, MICRO, STATE_OF_CHARGE, Description, Point, is_register
from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import CLOCK_TOLERANCE_MS, EARLIEST_MS, MINUTE_MS, too_far_ahead

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


def judge_point(metric: object, item: object, seq: int, now_ms: int) -> Point:
    """A point of a series; `seq` is its position in the response."""
    if not isinstance(metric, str):
        raise ValueError("name: the series has none")
    limits = _limits(metric)
    if not isinstance(item, list) or len(item) != 2:
        raise ValueError(f"{metric}: is not a pair [epoch, value]")
    try:
        ts_ms, value = _instant(item[0], now_ms), _micro(item[1])
    except ValueError as refusal:
        raise ValueError(f"{metric}: {refusal}") from refusal
    if not limits.least <= value <= limits.most:
        raise ValueError(f"{metric}: {limits.reason}")
    return Point(metric, ts_ms, value, seq)


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a value of a series may be, in millionths, and how to say that it is not."""

    least: int
    most: int
    reason: str


@lru_cache(maxsize=10_000)
def _limits(metric: str) -> _Limits:
    if not 0 < len(metric) <= LONGEST_NAME or not metric.isprintable() or metric != metric.strip():
        raise ValueError(f"name: is not a printable text of 1 to {LONGEST_NAME} characters")
    if metric == STATE_OF_CHARGE:
        return _Limits(0, 100 * MICRO, "value: a state of charge lies between 0 and 100 %")
    if is_register(metric):
        return _Limits(0, CAPACITY_MICRO, "value: a register is neither negative nor above 999,999,999,999")
    return _Limits(-CAPACITY_MICRO, CAPACITY_MICRO, "value: is beyond 999,999,999,999, the most that can be stored")


def _instant(epoch: object, now_ms: int) -> int:
    """Milliseconds since 1970 of an epoch in milliseconds or seconds, cut to whole milliseconds."""
    number = _number(epoch, "time")
    ts_ms = int(number if abs(number) >= MILLISECONDS_FROM else number * 1_000)
    if number < EARLIEST_MS:
        raise ValueError("time: lies before 1970, where the history begins")
    if too_far_ahead(ts_ms, now_ms):
        raise ValueError(f"time: lies more than {CLOCK_TOLERANCE_MS // MINUTE_MS} minutes ahead")
    return ts_ms


def _micro(value: object) -> int:
    """Millionths, rounded once, half away from zero."""
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
