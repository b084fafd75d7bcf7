"""`drops/obis`: smart meters' readings, as their API answers them, or a register a row in a CSV."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

from wattline.batches import Batch
from wattline.domain.loads import Format
from wattline.domain.obis import ObisCode
from wattline.domain.obis_readings import JudgedItem, judge_item
from wattline.loading.columns import LINE, Column
from wattline.loading.json_rows import json_items, ndjson_items, raw_json
from wattline.loading.judging import Text
from wattline.loading.kind import Drop, LateRejects, Progress, Stores, good_rows
from wattline.services.meter_readings import reading_row
from wattline.tables import OBIS_READINGS

BLOCK = 20_000
"""Items whose rows are gathered at once."""

_Judged = Iterator[tuple[int, Any, JudgedItem, int]]
"""The number of an item, the item (None of a CSV: its lines say more), what is good of it, how far the file is read."""


def _as_it_is(text: str) -> str:
    return text


CSV_COLUMNS = (
    Column("muid", Text(_as_it_is)),
    Column("timestamp", Text(_as_it_is), ("ts",)),
    Column("code", Text(_as_it_is), ("obis",)),
    Column("value", Text(_as_it_is), ("amount", "kwh")),
    Column("quality", Text(_as_it_is), optional=True),
)


class ObisKind:
    """All rows go to the history; a meter is known once its readings are there. A row is a register's reading."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """One judge for all formats."""
        landing = to.landing(OBIS_READINGS, drop)
        registers: dict[str, set[ObisCode]] = defaultdict(set)
        judged = _judged(drop, progress)
        refused = LateRejects(drop, progress)
        while block := list(islice(judged, BLOCK)):
            rows = []
            for line, item, found, _ in block:
                rows += [reading_row(reading, drop.received_ms, line) for reading in found.readings]
                for reading in found.readings:
                    registers[reading.muid].add(reading.code)
                for reason in found.reasons:
                    if item is None:
                        refused.add(line, reason)
                    else:
                        progress.reject(line, reason, raw_json(item))
            landing.add_batch(Batch(OBIS_READINGS, tuple(rows)))
            progress.stored(len(rows))
            progress.read_to(block[-1][3])
        refused.flush()
        landing.flush()
        for muid, codes in registers.items():
            to.smart_meters.remember(muid, codes)


def _judged(drop: Drop, progress: Progress) -> _Judged:
    if drop.format is Format.CSV:
        for rows in good_rows(drop, CSV_COLUMNS, progress):
            for row in rows.to_pylist():
                yield row[LINE], None, judge_item(_item(row), drop.now_ms), drop.size
        return
    items = json_items(drop.path) if drop.format is Format.JSON else ndjson_items(drop.path, progress.reject)
    for number, item, position in items:
        yield number, item, judge_item(item, drop.now_ms), position


def _item(row: dict[str, Any]) -> dict[str, object]:
    """A row of a CSV in the API's form."""
    quality = {} if row["quality"] is None else {"quality": row["quality"]}
    return {"timestamp": row["timestamp"], "tags": {"muid": row["muid"], **quality}, row["code"]: row["value"]}
