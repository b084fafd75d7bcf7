"""`drops/battery/assets` and `drops/battery/telemetry`: the responses of a battery vendor's API, as they came.

`drops/battery/telemetry/<deviceId>.json`, or `.../<deviceId>/<any name>.json`: a response does not say whose it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from json import dumps
from pathlib import Path
from typing import Any, Literal

from ijson.backends import yajl2_c as ijson

from wattline.domain.alerts import Device, DeviceKind, Reading
from wattline.domain.batteries import MICRO, Battery, Point, latest_of, merge
from wattline.domain.battery_responses import SeriesJudge, judge_asset, judge_device_id
from wattline.domain.loads import DROPS, Format
from wattline.loading.json_rows import check_json, json_items
from wattline.loading.kind import Drop, Progress, Stores
from wattline.loading.lines import RAW_SHOWN
from wattline.loading.staging import Unreadable
from wattline.services.alerts import judge
from wattline.services.batteries import telemetry_batch
from wattline.tables import BATTERY_TELEMETRY

TELEMETRY = f"{DROPS}battery/telemetry/"

POINTS = 50_000
"""Points that are stored at once."""

_INSIDE = {"map_key", "end_map", "end_array"}
"""Events that do not begin a value."""


class AssetsKind:
    """The list of assets: descriptions and states, as of the drop."""

    loads_again: Literal[True] = True

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """Nothing for the history: a description is what holds now."""
        _only_json(drop)
        if not any(prefix == "items" and event == "start_array" for prefix, event, _ in _events(drop.path)):
            raise Unreadable('the file has no list of items; a response looks like {"items": [{"deviceId": ...}]}')
        described: dict[str, Battery] = {}
        for number, item, position in json_items(drop.path, ("items",)):
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
        """All good points to the history, in blocks; then the latest of each series to the live state, and alerts."""
        _only_json(drop)
        device_id = _device_of(drop.key)
        landing = to.landing(BATTERY_TELEMETRY, drop)
        battery = Battery(device_id)
        good = _good_points(drop, progress)
        watched: list[Reading] = []
        while block := list(islice(good, POINTS)):
            landing.add_batch(telemetry_batch(device_id, block, drop.received_ms))
            battery = merge(battery, latest_of(device_id, block, drop.received_ms))
            watched += [
                Reading(point.metric, point.ts_ms, point.value / MICRO, drop.received_ms, point.seq)
                for point in block
                if any(rule.watches(point.metric) for rule in to.rules)
            ]
            progress.stored(len(block))
        landing.flush()
        to.batteries.merge(battery)
        device = Device(DeviceKind.BATTERY, device_id)
        judge(device, watched, rules=to.rules, alerts=to.alerts, now_ms=drop.now_ms)


def _only_json(drop: Drop) -> None:
    if drop.format is not Format.JSON:
        raise Unreadable("the vendor's responses are JSON; name the file .json or .json.gz")


def _device_of(key: str) -> str:
    name = re.split(r"/|\.json(?:\.gz)?$", key.removeprefix(TELEMETRY), maxsplit=1, flags=re.IGNORECASE)[0]
    try:
        return judge_device_id(name)
    except ValueError as error:
        raise Unreadable(f"the file's name tells the battery, as in {TELEMETRY}<deviceId>.json: {error}") from error


@dataclass(slots=True)
class _Series:
    """A series as the file has it: its name, which may stand behind its points, and how many points there are."""

    name: Any = None
    points: int = 0
    is_list: bool = False


def _good_points(drop: Drop, progress: Progress) -> Iterator[Point]:
    """Judged one by one; the others are rejected by their position in the file, from 1."""
    with drop.path.open("rb") as file:
        items = ijson.items(file, "series.item.data.item")
        seq = 0
        for series in _outline(drop.path):
            judge = SeriesJudge(series.name, drop.now_ms)
            if not series.is_list:
                progress.reject(seq + 1, f"{series.name or 'a series'}: has no list of data", "")
                seq += 1
            for item in islice(items, series.points):
                try:
                    yield judge.point(item, seq)
                except ValueError as refusal:
                    progress.reject(seq + 1, str(refusal), _raw(item))
                seq += 1
            progress.read_to(file.tell())


def _outline(path: Path) -> list[_Series]:
    """All series, without their points. Raises Unreadable where the file is not JSON of this shape."""
    found: list[_Series] = []
    has_series = False
    for prefix, event, value in _events(path):
        match prefix:
            case "series.item.data.item":
                # an item begins with its only event, or with the start of its list or object
                found[-1].points += event not in _INSIDE
            case "series.item":
                if event not in _INSIDE:
                    found.append(_Series())
            case "series.item.name":
                found[-1].name = value
            case "series.item.data":
                found[-1].is_list = event in {"start_array", "end_array"}
            case "series":
                has_series = has_series or event == "start_array"
    if not has_series:
        raise Unreadable('the file has no list of series; a response is {"series": [{"name": ..., "data": [...]}]}')
    return found


def _events(path: Path) -> Iterator[tuple[str, str, Any]]:
    check_json(path)
    with path.open("rb") as file:
        yield from ijson.parse(file)


def _raw(item: object) -> str:
    return dumps(item, default=float)[:RAW_SHOWN]
