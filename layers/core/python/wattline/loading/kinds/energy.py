"""`drops/energy`: readings of spaceships, a row each. All rows of a ship in one unit are one series, as in a post.

The step of a series is known only when all of it is read, so rows wait on local disk, in a few files by series.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from wattline.adapters.arrow import Array, pc
from wattline.domain.energy import Piece, Reading
from wattline.domain.energy_post import (
    MAX_STEP_MINUTES,
    Units,
    most_frequent,
    reading_amount,
    split_within_capacity,
)
from wattline.domain.instants import MINUTE_MS, interval_floor
from wattline.errors import InvalidRequest
from wattline.loading.columns import LINE, Column
from wattline.loading.judging import Exactly, Instant, Text, choice, identifier
from wattline.loading.kind import Drop, LateRejects, Progress, Stores, good_rows
from wattline.loading.staging import Unreadable
from wattline.ports import Received
from wattline.services.energy import HOT_WINDOW_MS, energy_batch
from wattline.tables import ENERGY_INTERVALS

MAX_DIGITS = 9
"""Of a number of minutes, leading zeros included."""


def _minutes(text: str) -> int:
    minutes = int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else 0
    if 1 <= minutes <= MAX_STEP_MINUTES:
        return minutes
    raise ValueError(f"must be a whole number from 1 to {MAX_STEP_MINUTES:,}")


def _later(text: str) -> str:
    """Values are judged when their series is whole: the times of bad ones count for its step, as in a post."""
    return text


COLUMNS = (
    Column("spaceship_id", identifier(), ("spaceshipId", "ship_id")),
    Column("units", choice(kw=Units.KW.value, kwh=Units.KWH.value), ("unit",)),
    Column("interval_minutes", Exactly(_minutes, json=(int,)), ("step_minutes",), optional=True),
    Column("datetime", Instant(), ("timestamp", "ts")),
    Column("value", Text(_later, json=(str, int, float, Decimal, bool, list, dict))),
)

SPOOLS = 64
"""Files that rows wait in."""

SERIES_ROWS = 3_000_000
"""The most rows of one series in a file, nearly six years of minutes: what is sorted in memory at once."""

CHUNK = 20_000
"""Readings of a series that are split at once; the last quarter hour of a chunk is whole."""

LONGEST_CHUNK = 2 * CHUNK
"""Where readings always span the quarter hours' edges, a chunk of so many ends within one.

That shows only where a part of just this quarter hour is corrected later: its two pieces are corrected each.
"""

CHUNKS = 1_000
"""More than a series can have."""

THREADS = 16
PENDING = 200
"""Puts into the hot table that are under way at once."""

Series = tuple[str, Units, int | None]
"""The ship, its unit, and the minutes that a reading covers if the rows say so."""

_TYPES: dict[str, pa.DataType] = {
    "series": pa.int32(),
    "datetime": pa.int64(),
    "value": pa.string(),
    LINE: pa.int64(),
}
_SPOOLED = pa.schema(_TYPES)

_Kept = dict[int, tuple[int, Reading]]
"""By time: the line of a reading, and the reading."""


class EnergyKind:
    """The columns of `POST /data`, with the ship and its unit in each row."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """Pieces to the history, those inside the hot window to the hot table too."""
        landing = to.landing(ENERGY_INTERVALS, drop)
        refused = LateRejects(drop, progress)
        with ThreadPoolExecutor(THREADS) as threads:
            puts: list[Future[None]] = []
            for series, rows in _spooled(good_rows(drop, COLUMNS, progress), drop.path):
                for seq, pieces in _split_series(series, rows, refused.add, progress.stored):
                    received = Received(drop.received_ms, seq)
                    landing.add_batch(energy_batch(series[0], pieces, received))
                    recent = [piece for piece in pieces if piece.interval_ms >= drop.now_ms - HOT_WINDOW_MS]
                    puts.append(threads.submit(to.energy.put, series[0], recent, received, drop.now_ms))
                    if len(puts) >= PENDING:
                        _finish(puts)
            _finish(puts)
        landing.flush()
        refused.flush()


def _finish(puts: list[Future[None]]) -> None:
    """Raises what one of them raised."""
    for put in puts:
        put.result()
    puts.clear()


def _spooled(blocks: Iterable[pa.Table], beside: Path) -> Iterator[tuple[Series, pa.Table]]:
    """The rows of all blocks again, series by series, by time and line. Raises Unreadable for one that is too long."""
    numbers: dict[Series, int] = {}
    lengths: Counter[int] = Counter()
    paths = [beside.with_name(f"{beside.name}.{spool}") for spool in range(SPOOLS)]
    with ExitStack() as files:
        writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
        for rows in blocks:
            series = _numbered(rows, numbers)
            for count in pc.value_counts(series).to_pylist():
                lengths[count["values"]] += count["counts"]
            plain = pa.table([series, *(rows[name] for name in _SPOOLED.names[1:])], _SPOOLED.names).cast(_SPOOLED)
            spools = pc.bit_wise_and(series, SPOOLS - 1)
            for spool in pc.unique(spools).to_pylist():
                if spool not in writers:
                    sink = files.enter_context(pa.OSFile(str(paths[spool]), "wb"))
                    writers[spool] = files.enter_context(pa.ipc.new_stream(sink, _SPOOLED))
                writers[spool].write_table(plain.filter(pc.equal(spools, spool)))
    for (ship, units, _), number in numbers.items():
        if lengths[number] > SERIES_ROWS:
            raise Unreadable(
                f"spaceship {ship} has {lengths[number]:,} rows in {units}, and a file may have {SERIES_ROWS:,} "
                "of one series; split it by time"
            )
    names = list(numbers)
    for path in (paths[spool] for spool in sorted(writers)):
        with pa.OSFile(str(path), "rb") as source:
            spooled = pa.ipc.open_stream(source).read_all()
        path.unlink()
        for number in pc.unique(spooled["series"]).to_pylist():
            of_series = spooled.filter(pc.equal(spooled["series"], number)).drop_columns("series")
            yield names[number], of_series.sort_by([("datetime", "ascending"), (LINE, "ascending")])


def _numbered(rows: pa.Table, numbers: dict[Series, int]) -> Array:
    """Each row's series by number; new ones are added to `numbers`."""
    columns: list[Array] = [rows[name].combine_chunks() for name in ("spaceship_id", "units", "interval_minutes")]
    ships, units, minutes = columns
    names = list(Units)
    unit_at = pc.index_in(units.dictionary, pa.array([name.value for name in names])).take(units.indices)
    key = pc.add(pc.multiply(ships.indices.cast(pa.int64()), len(names)), unit_at.cast(pa.int64()))
    key = pc.add(pc.multiply(key, MAX_STEP_MINUTES + 1), pc.fill_null(minutes, 0)).dictionary_encode()
    found = []
    for distinct in key.dictionary.to_pylist():
        ship_and_unit, step = divmod(distinct, MAX_STEP_MINUTES + 1)
        ship, unit = divmod(ship_and_unit, len(names))
        series = (ships.dictionary[ship].as_py(), names[unit], step or None)
        found.append(numbers.setdefault(series, len(numbers)))
    return pa.array(found, pa.int32()).take(key.indices)


def _split_series(
    series: Series, rows: pa.Table, refuse: Callable[[int, str], None], stored: Callable[[int], None]
) -> Iterator[tuple[int, list[Piece]]]:
    """The pieces of a series, chunk by chunk, with the `seq` that orders the chunk among all of the load.

    Series count as received in the order of their first lines; chunks of one speak of different times.
    """
    _, units, minutes = series
    try:
        step_ms = minutes * MINUTE_MS if minutes else _step(rows["datetime"])
    except InvalidRequest as refusal:
        lines: Array = rows[LINE]
        for line in lines.to_pylist():
            refuse(line, refusal.detail)
        return
    first_seq = pc.min(rows[LINE]).as_py() * CHUNKS
    for number, (count, kept, bad) in enumerate(_chunks(rows, units, step_ms)):
        pieces, overfull = split_within_capacity(kept, step_ms, units.basis)
        for line, reason in (bad | overfull).items():
            refuse(line, reason)
        if pieces:
            yield first_seq + number, pieces
        stored(count - len(bad) - len(overfull))


def _step(times: Array) -> int:
    """As `infer_step`, of times in order."""
    spacings = pc.value_counts(pc.pairwise_diff(times.combine_chunks()))
    return most_frequent({int(each["values"]): each["counts"] for each in spacings.to_pylist() if each["values"]})


def _chunks(rows: pa.Table, units: Units, step_ms: int) -> Iterator[tuple[int, _Kept, dict[int, str]]]:
    """Rows, good readings by time and refused lines, cut where no reading spans the cut."""
    kept: _Kept = {}
    refused: dict[int, str] = {}
    count = 0
    end_ms = 0
    for batch in rows.to_batches(max_chunksize=CHUNK):
        for at_ms, text, line in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            cut_ms = interval_floor(at_ms) if count < LONGEST_CHUNK else at_ms
            if count >= CHUNK and cut_ms >= end_ms:
                yield count, kept, refused
                kept, refused, count = {}, {}, 0
            count += 1
            end_ms = at_ms + step_ms
            try:
                kept[at_ms] = (line, Reading(at_ms, _amount(text, units)))
            except ValueError as refusal:
                refused[line] = str(refusal)
    yield count, kept, refused


@lru_cache(maxsize=100_000)
def _amount(text: str, units: Units) -> int:
    if not text:
        raise ValueError("value: is missing")
    return reading_amount(text, units)
