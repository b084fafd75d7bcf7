"""Two smart meters as their API would answer: the files of `events/obis`, the same on every run.

The import meter has a standby load, a refrigerator, and breakfast and dinner; the export meter is a small roof. The
two weeks hold the Sunday on which Swiss clocks skip an hour. Of the import meter three readings are estimated and an
hour and a half is missing, as happens.

`python -m infra.local.meter_model` writes the files anew.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from wattline.domain.instants import DAY_MS, HOUR_MS, INTERVAL_MS, format_instant, parse_instant

START_MS = parse_instant("2023-03-18T00:00:00Z")
END_MS = START_MS + 14 * DAY_MS
FOLDER = Path(__file__).parents[2] / "events" / "obis"

IMPORT_METER, IMPORT_CODE = "sample-import", "0100011D00FF"
EXPORT_METER, EXPORT_CODE = "sample-export", "0100021D00FF"

_MISSING = range(parse_instant("2023-03-23T10:00:00Z"), parse_instant("2023-03-23T11:30:00Z"), INTERVAL_MS)
_ESTIMATED = range(_MISSING.stop, _MISSING.stop + 3 * INTERVAL_MS, INTERVAL_MS)


def sample_files() -> dict[str, list[dict[str, Any]]]:
    """The items of each meter, newest first."""
    return {IMPORT_METER: [*_import_items()][::-1], EXPORT_METER: [*_export_items()][::-1]}


def _import_items() -> Iterator[dict[str, Any]]:
    random = Random(1)  # noqa: S311 - no secret
    for at in range(START_MS, END_MS, INTERVAL_MS):
        hour = at % DAY_MS / HOUR_MS
        load = 0.0114 + (0.011 if random.random() < 0.35 else 0.0)
        if 5.5 <= hour < 7 or 16.5 <= hour < 20:
            load += random.choice((0.02, 0.05, 0.1, 0.4)) * random.random()
        if at not in _MISSING:
            quality = "estimated" if at in _ESTIMATED else "measured"
            yield _item(IMPORT_METER, at, IMPORT_CODE, round(load, 4), quality)


def _export_items() -> Iterator[dict[str, Any]]:
    random = Random(2)  # noqa: S311 - no secret
    for day in range(START_MS, END_MS, DAY_MS):
        sky = random.uniform(0.3, 1.0)
        for at in range(day, day + DAY_MS, INTERVAL_MS):
            sun = max(0.0, math.sin((at - day) / HOUR_MS / 12 * math.pi - math.pi / 2 + 0.1))
            amount = round(0.17 * sky * sun * random.uniform(0.8, 1.0), 5)
            yield _item(EXPORT_METER, at, EXPORT_CODE, amount, "measured")


def _item(muid: str, at: int, code: str, amount: float, quality: str) -> dict[str, Any]:
    timestamp = format_instant(at).replace("Z", ".000Z")
    return {"measurement": "energy", "timestamp": timestamp, "tags": {"muid": muid, "quality": quality}, code: amount}


def render(items: list[dict[str, Any]]) -> str:
    """A file, an item a line."""
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in items)
    return f'{{"data":[\n{lines}\n]}}\n'


if __name__ == "__main__":
    for muid, items in sample_files().items():
        (FOLDER / f"{muid}.json").write_text(render(items))
