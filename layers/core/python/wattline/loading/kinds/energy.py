"""`drops/energy`: readings of spaceships, a row each. All rows of a ship in one unit are one series, as in a post.

The step of a series is known only when all of it is read, so good rows wait on local disk, in a few files by ship.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from pathlib import Path
from zlib import crc32

import pyarrow as pa

from wattline.adapters.arrow import Array, pc
from wattline.domain.energy import Piece, Reading
from wattline.domain.energy_post import (
    MAX_STEP_MINUTES,
    NUMERIC,
    Units,
    infer_step,
    reading_amount,
    split_within_capacity,
)
from wattline.domain.fleet import Measure
from wattline.domain.instants import MINUTE_MS, format_instant
from wattline.errors import InvalidRequest
from wattline.loading.columns import LINE, Column
from wattline.loading.judging import Instant, Number, Text, choice, identifier
from wattline.loading.kind import Drop, Progress, Stores, good_rows
from wattline.ports import Received
from wattline.services.energy import HOT_WINDOW_MS, energy_batch
from wattline.tables import ENERGY_INTERVALS


def _numeric(text: str) -> str:
    if NUMERIC.fullmatch(text):
        return text.strip()
    raise ValueError("is text that is not a number (a decimal point is a point)" if text.strip() else "is missing")


_STEP = Measure("interval_minutes", "minutes", 0, 1, MAX_STEP_MINUTES)

COLUMNS = (
    Column("spaceship_id", identifier(), ("spaceshipId", "ship_id")),
    Column("units", choice(kw=Units.KW.value, kwh=Units.KWH.value), ("unit",)),
    Column("interval_minutes", Number(_STEP), ("step_minutes",), optional=True),
    Column("datetime", Instant(), ("timestamp", "ts")),
    Column("value", Text(_numeric)),
)

SERIES = ("spaceship_id", "units", "interval_minutes")
"""What rows of one series have in common."""

SPOOLS = 32
"""Files that rows wait in: a file of a hundred million rows is worked on three million at a time."""

CHUNK = 20_000
"""Readings of a series that are split at once."""

_Row = tuple[int, str, int]
"""Time, value as text, line."""

_Kept = dict[int, tuple[int, Reading]]
"""By time: the line of a reading, and the reading."""


class EnergyKind:
    """The columns of `POST /data`, with the ship and its unit in each row."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """Pieces to the history, those inside the hot window to the hot table too."""
        landing = to.landing(ENERGY_INTERVALS, drop)
        for spool in _spooled(good_rows(drop, COLUMNS, progress), drop.path):
            for series in _series(spool):
                for line, pieces in _split_series(series, progress):
                    received = Received(drop.received_ms, line)
                    landing.add_batch(energy_batch(series.ship, pieces, received))
                    recent = [piece for piece in pieces if piece.interval_ms >= drop.now_ms - HOT_WINDOW_MS]
                    to.energy.put(series.ship, recent, received, drop.now_ms)
        landing.flush()


def _spooled(blocks: Iterable[pa.Table], beside: Path) -> Iterator[pa.Table]:
    """The rows of all blocks again, all of a ship's together, with plain texts."""
    schema = pa.schema([*((c.name, pa.int64()) for c in COLUMNS), (LINE, pa.int64())])
    for text in ("spaceship_id", "units", "value"):
        schema = schema.set(schema.get_field_index(text), pa.field(text, pa.string()))
    writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
    paths = {spool: beside.with_name(f"{beside.name}.{spool:02d}") for spool in range(SPOOLS)}
    with ExitStack() as files:
        for rows in blocks:
            ships: Array = rows["spaceship_id"].combine_chunks()
            spool_of = pa.array([crc32(ship.encode()) % SPOOLS for ship in ships.dictionary.to_pylist()], pa.int32())
            spools = spool_of.take(ships.indices)
            plain = rows.cast(schema)
            for spool in pc.unique(spools).to_pylist():
                if spool not in writers:
                    sink = files.enter_context(pa.OSFile(str(paths[spool]), "wb"))
                    writers[spool] = files.enter_context(pa.ipc.new_stream(sink, schema))
                writers[spool].write_table(plain.filter(pc.equal(spools, spool)))
    for spool in sorted(writers):
        with pa.OSFile(str(paths[spool]), "rb") as source:
            yield pa.ipc.open_stream(source).read_all()
        paths[spool].unlink()


@dataclass(frozen=True, slots=True)
class _Series:
    """Rows by time (those of one time in the file's order), and the step that they give, in minutes."""

    ship: str
    units: Units
    minutes: int | None
    rows: list[_Row]


def _series(rows: pa.Table) -> Iterator[_Series]:
    ordered = rows.sort_by([(name, "ascending") for name in (*SERIES, "datetime", LINE)])
    names = [*SERIES, "datetime", "value", LINE]
    batches = ordered.select(names).to_batches(max_chunksize=50_000)
    tuples = chain.from_iterable(
        zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in batches
    )
    for (ship, unit, minutes), group in groupby(tuples, key=lambda row: row[:3]):
        yield _Series(ship, Units(unit), minutes, [row[3:] for row in group])


def _split_series(series: _Series, progress: Progress) -> Iterator[tuple[int, list[Piece]]]:
    """The pieces of a series, chunk by chunk, with the line that orders the chunk among all of the load."""
    kept: _Kept = {}
    refused: dict[int, str] = {}
    for at_ms, text, line in series.rows:
        try:
            kept[at_ms] = (line, Reading(at_ms, _amount(text, series.units)))
        except ValueError as refusal:
            refused[line] = str(refusal)
    try:
        step_ms = series.minutes * MINUTE_MS if series.minutes else infer_step(row[0] for row in series.rows)
    except InvalidRequest as refusal:
        refused, kept = {line: refusal.detail for _, _, line in series.rows}, {}
    for chunk in _chunks(kept, step_ms) if kept else ():
        pieces, overfull = split_within_capacity(chunk, step_ms, series.units.basis)
        refused |= overfull
        yield min(line for line, _ in chunk.values()), pieces
    for at_ms, text, line in series.rows:
        if line in refused:
            progress.reject(line, refused[line], f"{series.ship},{format_instant(at_ms)},{text},{series.units}")
    progress.stored(len(series.rows) - len(refused))


def _chunks(kept: _Kept, step_ms: int) -> Iterator[_Kept]:
    """Readings by time, cut where no reading spans the cut: so cut, a series splits as it does at once."""
    chunk: _Kept = {}
    end = 0
    for at_ms, reading in kept.items():
        if len(chunk) >= CHUNK and at_ms >= end:
            yield chunk
            chunk = {}
        chunk[at_ms] = reading
        end = at_ms + step_ms
    yield chunk


@lru_cache(maxsize=100_000)
def _amount(text: str, units: Units) -> int:
    return reading_amount(text, units)
