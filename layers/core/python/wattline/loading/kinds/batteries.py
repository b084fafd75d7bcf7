"""`drops/battery/assets` and `drops/battery/telemetry`: the responses of a battery vendor's API, as they came.

`drops/battery/telemetry/<deviceId>.json`, or `.../<deviceId>/<any name>.json`: a response does not say whose it is.
"""

import re
from collections.abc import Iterator
from itertools import islice
from json import dumps
from pathlib import Path
from typing import Any

from ijson.backends import yajl2_c as ijson
from ijson.common import JSONError, ObjectBuilder

from wattline.domain.batteries import Battery, Point, latest_of, merge
from wattline.domain.battery_responses import judge_asset, judge_device_id, judge_point
from wattline.domain.loads import DROPS, Format
from wattline.loading.json_rows import json_items
from wattline.loading.kind import Drop, Progress, Stores
from wattline.loading.lines import RAW_SHOWN
from wattline.loading.staging import Unreadable
from wattline.services.batteries import telemetry_batch
from wattline.tables import BATTERY_TELEMETRY

TELEMETRY = f"{DROPS}battery/telemetry/"

POINTS = 50_000
"""Points that are stored at once."""

_SERIES, _NAME, _DATA, _POINT = "series.item", "series.item.name", "series.item.data", "series.item.data.item"
_AS_EXPECTED = {
    (_SERIES, "start_map"),
    (_SERIES, "map_key"),
    (_SERIES, "end_map"),
    (_DATA, "start_array"),
    (_DATA, "end_array"),
}


class AssetsKind:
    """The list of assets: descriptions and states."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """Nothing for the history: a description is what holds now."""
        _only_json(drop)
        if not any(prefix == "items" and event == "start_array" for prefix, event, _ in _events(drop.path)):
            raise Unreadable('the file has no list of items; a response looks like {"items": [{"deviceId": ...}]}')
        described: dict[str, Battery] = {}
        for number, item, position in json_items(drop.path):
            try:
                device_id, description = judge_asset(item, drop.received_ms, number)
            except ValueError as refusal:
                progress.reject(number, str(refusal), _raw(item))
            else:
                described[device_id] = Battery(device_id, description)
                progress.stored(1)
            progress.read_to(position)
        for battery in described.values():
            to.batteries.merge(battery)


class TelemetryKind:
    """The series of one asset, whatever they are."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """All good points to the history, in blocks; then the latest of each series to the live state."""
        _only_json(drop)
        device_id = _device_of(drop.key)
        landing = to.landing(BATTERY_TELEMETRY, drop)
        battery = Battery(device_id)
        good = _good_points(drop, progress)
        while block := list(islice(good, POINTS)):
            landing.add_batch(telemetry_batch(device_id, block, drop.received_ms))
            battery = merge(battery, latest_of(device_id, block, drop.received_ms))
            progress.stored(len(block))
        landing.flush()
        to.batteries.merge(battery)


def _only_json(drop: Drop) -> None:
    if drop.format is not Format.JSON:
        raise Unreadable("the vendor's responses are JSON; name the file .json or .json.gz")


def _device_of(key: str) -> str:
    name = re.split(r"/|\.json(?:\.gz)?$", key.removeprefix(TELEMETRY), maxsplit=1, flags=re.IGNORECASE)[0]
    try:
        return judge_device_id(name)
    except ValueError as error:
        raise Unreadable(f"the file's name tells the battery, as in {TELEMETRY}<deviceId>.json: {error}") from error


def _good_points(drop: Drop, progress: Progress) -> Iterator[Point]:
    """Judged one by one; the others are rejected by their position in the file, from 1."""
    names = _names(drop.path)
    for seq, (series, item, position) in enumerate(_items(drop.path)):
        progress.read_to(position)
        try:
            yield judge_point(names.get(series), item, seq, drop.now_ms)
        except ValueError as refusal:
            progress.reject(seq + 1, str(refusal), _raw(item))


def _names(path: Path) -> dict[int, Any]:
    """The name of each series, which may stand behind its points; and that all of the file is JSON of this shape."""
    names: dict[int, Any] = {}
    number, has_series = 0, False
    for prefix, event, value in _events(path):
        has_series = has_series or (prefix == "series" and event == "start_array")
        number += (prefix, event) == (_SERIES, "start_map")
        if prefix == _NAME:
            names[number] = value
    if not has_series:
        raise Unreadable('the file has no list of series; a response is {"series": [{"name": ..., "data": [...]}]}')
    return names


def _items(path: Path) -> Iterator[tuple[int, Any, int]]:
    """The number of the series, a point, and how far the file is read; for a series without a list, the value there."""
    number, depth = 0, 0
    builder = ObjectBuilder()
    with path.open("rb") as file:
        for prefix, event, value in ijson.parse(file):
            if depth == 0:
                number += (prefix, event) == (_SERIES, "start_map")
                if prefix not in {_SERIES, _DATA, _POINT} or (prefix, event) in _AS_EXPECTED:
                    continue
                builder, of_series = ObjectBuilder(), number if prefix != _SERIES else 0
            builder.event(event, value)
            depth += event in {"start_map", "start_array"}
            depth -= event in {"end_map", "end_array"}
            if depth == 0:
                yield of_series, builder.value, file.tell()


def _events(path: Path) -> Iterator[tuple[str, str, Any]]:
    with path.open("rb") as file:
        try:
            yield from ijson.parse(file)
        except (JSONError, ValueError) as error:
            raise Unreadable(f"the file is not JSON: {error}") from error


def _raw(item: object) -> str:
    return dumps(item, default=float)[:RAW_SHOWN]
