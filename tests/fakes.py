"""In-memory doubles of the ports. The contract suites in tests/contracts hold them to what the adapters do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wattline.batches import Batch, Row
from wattline.domain.energy import Basis, Piece, Statement
from wattline.domain.instants import HOUR_MS, INTERVAL_MS
from wattline.errors import TransientError
from wattline.ports import EnergyRange, EnergySlice, Received


def slice_of(statements: Iterable[Statement], wanted: EnergyRange, at_least: int) -> EnergySlice:
    """The statements of a range, ended as early as the ports allow, so that callers must cope with it."""
    matching = sorted(
        (
            said
            for said in statements
            if wanted.start_ms <= said.piece.interval_ms < wanted.end_ms and said.received_ms <= wanted.as_of_ms
        ),
        key=lambda said: said.piece.interval_ms,
    )
    intervals = sorted({said.piece.interval_ms for said in matching})
    if len(intervals) <= at_least:
        return EnergySlice(matching, wanted.end_ms)
    until = intervals[at_least]
    return EnergySlice([said for said in matching if said.piece.interval_ms < until], until)


@dataclass
class FakeHotEnergy:
    """`HotEnergy`; `broken` makes every put fail."""

    window_ms: int
    broken: bool = False
    reads: int = 0
    items: list[tuple[str, Statement, int]] = field(default_factory=list)

    def put(self, spaceship_id: str, pieces: Sequence[Piece], received: Received, now_ms: int) -> None:
        if self.broken:
            raise TransientError("the fake table is broken")
        for piece in pieces:
            kept_until = max(now_ms, piece.interval_ms + INTERVAL_MS) + self.window_ms + HOUR_MS
            self.items.append((spaceship_id, Statement(piece, received.at_ms, received.seq), kept_until))

    def read(self, wanted: EnergyRange, now_ms: int, at_least: int) -> EnergySlice:
        self.reads += 1
        alive = [said for ship, said, until in self.items if ship == wanted.spaceship_id and until > now_ms]
        return slice_of(alive, wanted, at_least)

    def knows(self, spaceship_id: str) -> bool:
        return any(ship == spaceship_id for ship, _, _ in self.items)


@dataclass
class FakeHistoryQueue:
    """`HistoryQueue`; `broken` makes every send fail."""

    broken: bool = False
    batches: list[Batch] = field(default_factory=list)

    def send(self, batch: Batch) -> None:
        if self.broken:
            raise TransientError("the fake queue is broken")
        self.batches.append(batch)


@dataclass
class FakeLake:
    """`HistoryLake`: objects by name, table and partition."""

    broken: bool = False
    objects: dict[tuple[str, str, str], tuple[Row, ...]] = field(default_factory=dict)

    def append(self, batches: Iterable[Batch], name: str) -> None:
        if self.broken:
            raise TransientError("the fake lake is broken")
        partitions: dict[tuple[str, str, str], list[Row]] = {}
        for batch in batches:
            at = batch.table.column_names.index(batch.table.event_time)
            for row in batch.rows:
                partitions.setdefault((batch.table.name, batch.table.dt_of(int(row[at])), name), []).append(row)
        self.objects |= {key: tuple(rows) for key, rows in partitions.items()}

    def rows(self) -> list[Row]:
        """Everything, duplicates included."""
        return [row for rows in self.objects.values() for row in rows]


@dataclass
class FakeEnergyHistory:
    """`EnergyHistory` over what a `FakeLake` holds."""

    lake: FakeLake
    reads: int = 0

    def read(self, wanted: EnergyRange, at_least: int) -> EnergySlice:
        self.reads += 1
        rows = (row for row in self.lake.rows() if row[0] == wanted.spaceship_id)
        newest: dict[Row, Statement] = {}
        for said in map(_statement, rows):
            if said.received_ms > wanted.as_of_ms:
                continue
            key = (said.piece.interval_ms, said.piece.offset_ms, said.piece.length_ms)
            kept = newest.get(key)
            if kept is None or (said.received_ms, said.seq) > (kept.received_ms, kept.seq):
                newest[key] = said
        return slice_of(newest.values(), wanted, at_least)


def _statement(row: Row) -> Statement:
    _, interval, start, end, amount, basis, received_ms, seq = row
    interval, start, end = int(interval), int(start), int(end)
    piece = Piece(interval, start - interval, end - start, int(amount), Basis(str(basis)))
    return Statement(piece, int(received_ms), int(seq))


@dataclass
class FakeDeadLetters:
    """`DeadLetters`; `broken` makes every burial fail."""

    broken: bool = False
    buried: list[tuple[str, str]] = field(default_factory=list)

    def bury(self, body: str, reason: str) -> None:
        if self.broken:
            raise TransientError("the fake dead-letter queue is broken")
        self.buried.append((body, reason))


@dataclass
class FakeDepths:
    """`QueueDepths` with fixed figures."""

    queues: dict[str, int]

    def read(self) -> dict[str, int]:
        return self.queues
