"""The responses of a battery vendor's API, judged point by point.

* Assets: `{"totalCount": n, "items": [{"deviceId", "description", "state"}]}`.
* Telemetry of one asset: `{"series": [{"name", "data": [[epoch, value], ...]}]}`; the epoch is in milliseconds or in
  seconds, and series, points and their order are whatever the vendor sends.
"""

import json
import re
from dataclasses import dataclass, field

from wattline.domain.batteries import CAPACITY_MICRO, MICRO, STATE_OF_CHARGE, Description, Point, is_register
from wattline.domain.instants import CLOCK_TOLERANCE_MS, EARLIEST_MS, MINUTE_MS, too_far_ahead
from wattline.errors import InvalidRequest

DEVICE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_LONGEST_NAME = 100

MILLISECONDS_FROM = 10**11
"""A smaller epoch is in seconds: 10^11 s lie in the year 5138, 10^11 ms in March 1973, before there was such data."""

_TEXT = 1_000
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Rejection:
    """An item that is not taken: its position among all items of the response, why, and how it came."""

    position: int
    reason: str
    raw: str


@dataclass(slots=True)
class JudgedTelemetry:
    """The good points in the order they came, the bad ones, and how many there were in all."""

    points: list[Point] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    read: int = 0


@dataclass(slots=True)
class JudgedAssets:
    """Descriptions by device id, the bad items, and how many there were in all."""

    assets: dict[str, Description] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    read: int = 0


def judge_assets(response: object, received_ms: int) -> JudgedAssets:
    """Judge a list of assets. Raises InvalidRequest when it is none; of an id that is listed twice the last counts."""
    items = response.get("items") if isinstance(response, dict) else None
    if not isinstance(items, list):
        raise InvalidRequest.of_field("items", 'is not a list; a response looks like {"items": [{"deviceId": ...}]}')
    judged = JudgedAssets(read=len(items))
    for position, item in enumerate(items):
        try:
            device_id = _device_id(item)
            text, state = (_text(item.get(name), name) for name in ("description", "state"))
            judged.assets[device_id] = Description(text, state, received_ms, position)
        except ValueError as refusal:
            judged.rejections.append(Rejection(position, str(refusal), _shown(item)))
    return judged


def _device_id(item: object) -> str:
    if not isinstance(item, dict):
        raise ValueError("is not an object with a deviceId")
    found = item.get("deviceId")
    device_id = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    if not isinstance(device_id, str) or not DEVICE_ID.fullmatch(device_id):
        raise ValueError(f"deviceId: must match ^{DEVICE_ID.pattern}$")
    return device_id


def _text(value: object, name: str) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= _TEXT and value.isprintable()):
        return value
    raise ValueError(f"{name}: is not a printable text of up to {_TEXT:,} characters")


def judge_telemetry(response: object, now_ms: int) -> JudgedTelemetry:
    """Judge one asset's telemetry: a bad point costs no good one.

    Raises InvalidRequest when it is no such response. Points may be unsorted and repeat each other: each is a
    statement, and of several about one moment the last of the response holds.
    """
    series = response.get("series") if isinstance(response, dict) else None
    if not isinstance(series, list):
        raise InvalidRequest.of_field(
            "series", 'is not a list; a response looks like {"series": [{"name": ..., "data": [[epoch, value]]}]}'
        )
    judged = JudgedTelemetry()
    for each in series:
        judge_series(each, now_ms, judged)
    return judged


def judge_series(series: object, now_ms: int, judged: JudgedTelemetry) -> None:
    """Judge one series and add what it holds to `judged`. A series that cannot be read counts as one item."""
    try:
        metric, data = _named(series)
    except ValueError as refusal:
        judged.rejections.append(Rejection(judged.read, str(refusal), _shown(series)))
        judged.read += 1
        return
    limits = _limits(metric)
    for seq, item in enumerate(data, judged.read):
        try:
            judged.points.append(_point(metric, item, seq, now_ms, limits))
        except ValueError as refusal:
            judged.rejections.append(Rejection(seq, f"{metric}: {refusal}", _shown(item)))
    judged.read += len(data)


def _named(series: object) -> tuple[str, list[object]]:
    if not isinstance(series, dict):
        raise ValueError("is not a series with a name and data")
    name, data = series.get("name"), series.get("data")
    if (
        not isinstance(name, str)
        or not 0 < len(name) <= _LONGEST_NAME
        or not name.isprintable()
        or name != name.strip()
    ):
        raise ValueError(f"name: is not a printable text of 1 to {_LONGEST_NAME} characters")
    if not isinstance(data, list):
        raise ValueError(f"{name}: data: is not a list of [epoch, value]")
    return name, data


@dataclass(frozen=True, slots=True)
class _Limits:
    """What a value of a series may be, in millionths, and how to say that it is not."""

    least: int
    most: int
    reason: str


def _limits(metric: str) -> _Limits:
    if metric == STATE_OF_CHARGE:
        return _Limits(0, 100 * MICRO, "value: a state of charge lies between 0 and 100 %")
    if is_register(metric):
        return _Limits(0, CAPACITY_MICRO, "value: a register is neither negative nor above 999,999,999,999")
    return _Limits(-CAPACITY_MICRO, CAPACITY_MICRO, "value: is beyond 999,999,999,999, the most that can be stored")


def _point(metric: str, item: object, seq: int, now_ms: int, limits: _Limits) -> Point:
    if not isinstance(item, list) or len(item) != 2:
        raise ValueError("is not a pair [epoch, value]")
    value = _micro(item[1])
    if not limits.least <= value <= limits.most:
        raise ValueError(limits.reason)
    return Point(metric, _instant(item[0], now_ms), value, seq)


def _instant(epoch: object, now_ms: int) -> int:
    """Milliseconds since 1970 of an epoch in milliseconds or seconds, cut to whole milliseconds."""
    number = _number(epoch, "time")
    ts_ms = int(number if abs(number) >= MILLISECONDS_FROM else number * 1_000)
    if number < 0 or ts_ms < EARLIEST_MS:
        raise ValueError("time: lies before 1970, where the history begins")
    if too_far_ahead(ts_ms, now_ms):
        raise ValueError(f"time: lies more than {CLOCK_TOLERANCE_MS // MINUTE_MS} minutes ahead")
    return ts_ms


def _micro(value: object) -> int:
    """Millionths, rounded half up. Exact for decimals of six places below 10^9, which a float tells apart."""
    number = _number(value, "value")
    if isinstance(number, int):
        return number * MICRO
    if abs(number) > CAPACITY_MICRO / MICRO + 1:  # before the multiplication, which may overflow
        return CAPACITY_MICRO + 1 if number > 0 else -CAPACITY_MICRO - 1
    return int(number * MICRO + 0.5) if number >= 0 else -int(-number * MICRO + 0.5)


def _number(value: object, name: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: is null" if value is None else f"{name}: is not a number")
    if value - value != 0:
        raise ValueError(f"{name}: is not a finite number")
    return value


def _shown(item: object) -> str:
    """An item as it came, or its beginning."""
    return json.dumps(item, ensure_ascii=False)[:_SHOWN]
