"""What a kind of drop is, and what it may use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import pyarrow as pa

from wattline.adapters.parquet_lake import LandingParts, ParquetLake
from wattline.adapters.store_sets import S3StoreSets
from wattline.domain.alerts import DEFAULT_RULES, Rule
from wattline.domain.loads import Format
from wattline.loading.columns import Column, RawBlock, Reject, judge_rows
from wattline.loading.csv_rows import read_csv
from wattline.loading.json_rows import json_items, ndjson_items, raw_blocks, raw_json
from wattline.loading.lines import blocks
from wattline.ports import Alerts, HotBatteries, HotEnergy, HotFleet, Links, NewestPoll, SmartMeters, TariffSets
from wattline.tables import Table


@dataclass(frozen=True, slots=True)
class Drop:
    """A dropped file on local disk. `received_ms` is the object's LastModified, for all of its rows."""

    path: Path
    size: int
    key: str
    format: Format
    load_id: str
    received_ms: int
    now_ms: int

    def request(self, part: int) -> int:
        """A number that tells the hot rows of a part of the file from those of others and of other requests."""
        return int(self.load_id, 16) % 10**6 * 10**4 + part


class Progress(Protocol):
    """What a kind tells while it loads."""

    def stored(self, rows: int) -> None:
        """So many rows more are durable, or will be before the load is complete."""

    def reject(self, line: int, reason: str, raw: str) -> None:
        """A row that is not taken. `line` counts from 1: lines of a text file, items of a JSON list."""

    def read_to(self, position: int) -> None:
        """How far into the file the load has come, in bytes."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Where rows go."""

    lake: ParquetLake
    energy: HotEnergy
    fleet: HotFleet
    links: Links
    batteries: HotBatteries
    smart_meters: SmartMeters
    tariffs: TariffSets
    newest_poll: NewestPoll
    store_sets: S3StoreSets
    alerts: Alerts
    rules: tuple[Rule, ...] = DEFAULT_RULES
    """Of alerts: batteries have no hot rows, so their loader judges what a file says."""

    def landing(self, table: Table, drop: Drop) -> LandingParts:
        """The way of a load's rows into a history table."""
        return LandingParts(self.lake, table, drop.load_id)


class Kind(Protocol):
    """A kind of drop: one small module each, listed in `wattline.loading.kinds`."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """Take the good rows, reject the others. Running it again leaves the same rows once.

        Raises `Unreadable` where the file as a whole is no good, TransientError where trying again may help.
        """


@runtime_checkable
class ReplacesAtOnce(Protocol):
    """A kind whose files are whole sets: dropping an earlier one again puts it in force again."""

    def drop_again(self, load_id: str, received_ms: int, to: Stores) -> None:
        """The file of a load that is complete was dropped once more. Raises TransientError."""


@runtime_checkable
class LoadsAgain(Protocol):
    """A kind whose rows hold from their drop on and have no time of their own: dropped again, they hold again."""

    loads_again: Literal[True]


def good_rows(drop: Drop, columns: Sequence[Column], progress: Progress) -> Iterator[pa.Table]:
    """The good rows of a file of any format, in blocks: judged columns and `LINE`. Bad rows are rejected.

    Raises Unreadable.
    """
    refused: list[tuple[int, str, str]] = []

    def refuse(line: int, reason: str, raw: str) -> None:
        refused.append((line, reason, raw))

    for rows, raw_text, position in _raw_blocks(drop, columns, refuse):
        good, reasons = judge_rows(rows, columns, drop.now_ms)
        refused += [(line, reason, raw_text(line)) for line, reason in reasons.items()]
        for each in sorted(refused):
            progress.reject(*each)
        refused.clear()
        yield good
        progress.read_to(position)
    for each in sorted(refused):
        progress.reject(*each)


def _raw_blocks(drop: Drop, columns: Sequence[Column], reject: Reject) -> Iterator[RawBlock]:
    match drop.format:
        case Format.CSV:
            return read_csv(drop.path, columns, reject)
        case Format.JSON:
            return raw_blocks(json_items(drop.path), columns, reject)
        case Format.NDJSON:
            return raw_blocks(ndjson_items(drop.path, reject), columns, reject)


LATE_REJECTS = 100_000


class LateRejects:
    """Rows that turn out bad when their block is gone: their raw texts are read from the file again, by `flush`."""

    def __init__(self, drop: Drop, progress: Progress) -> None:
        self._drop = drop
        self._progress = progress
        self._reasons: dict[int, str] = {}

    def add(self, line: int, reason: str) -> None:
        """A row by its line. So many at most are kept in memory."""
        self._reasons[line] = reason
        if len(self._reasons) >= LATE_REJECTS:
            self.flush()

    def flush(self) -> None:
        """Reject them, by line."""
        for line, raw in _raw_texts(self._drop, sorted(self._reasons)) if self._reasons else ():
            self._progress.reject(line, self._reasons[line], raw)
        self._reasons.clear()


def _raw_texts(drop: Drop, lines: list[int]) -> Iterator[tuple[int, str]]:
    """The raw text of each of some lines, which ascend."""
    if drop.format is Format.JSON:
        wanted = set(lines)
        yield from ((number, raw_json(item)) for number, item, _ in json_items(drop.path) if number in wanted)
        return
    at = 0
    for block in blocks(drop.path):
        end = block.first_line + block.lines + (not block.data.endswith(b"\n"))
        while at < len(lines) and lines[at] < end:
            yield lines[at], block.text(lines[at])
            at += 1
