"""In-memory doubles of the ports. The contract suites in tests/contracts hold them to what the adapters do."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from wattline.batches import Batch, Row
from wattline.domain.energy import Basis, Piece, Statement
from wattline.domain.fleet import HOT_WINDOW_MS, Heartbeat, HeartbeatStatement, Kind, Run, is_charging, newest
from wattline.domain.instants import HOUR_MS, INTERVAL_MS
from wattline.domain.links import Link
from wattline.domain.reports import Report, State
from wattline.domain.stores import Timetable, WeeklyHours
from wattline.errors import TransientError
from wattline.ports import DevicePage, EnergyRange, EnergySlice, HeartbeatRange, Received, Scan
from wattline.tables import HEARTBEATS


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
    ships: set[str] = field(default_factory=set)

    def put(self, spaceship_id: str, pieces: Sequence[Piece], received: Received, now_ms: int) -> None:
        if self.broken:
            raise TransientError("the fake table is broken")
        self.ships.add(spaceship_id)
        for piece in pieces:
            kept_until = max(now_ms, piece.interval_ms + INTERVAL_MS) + self.window_ms + HOUR_MS
            self.items.append((spaceship_id, Statement(piece, received.at_ms, received.seq), kept_until))

    def read(self, wanted: EnergyRange, now_ms: int, at_least: int) -> EnergySlice:
        self.reads += 1
        alive = [said for ship, said, until in self.items if ship == wanted.spaceship_id and until > now_ms]
        return slice_of(alive, wanted, at_least)

    def knows(self, spaceship_id: str) -> bool:
        return spaceship_id in self.ships


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


@dataclass
class FakeHotFleet:
    """`HotFleet`; `broken` makes every put fail."""

    broken: bool = False
    said: dict[tuple[Kind, str, int, int], tuple[HeartbeatStatement, int]] = field(default_factory=dict)
    latest: dict[tuple[Kind, str], HeartbeatStatement] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def put(self, kind: Kind, statements: Sequence[HeartbeatStatement], request: int, now_ms: int) -> None:
        if self.broken:
            raise TransientError("the fake table is broken")
        for position, said in enumerate(statements):
            until = max(now_ms, said.heartbeat.ts_ms) + HOT_WINDOW_MS + HOUR_MS
            self.said[kind, said.heartbeat.device_id, request, position] = (said, until)

    def put_runs(self, kind: Kind, runs: Sequence[Run], request: int, now_ms: int) -> None:
        self.put(kind, [said for run in runs for said in run.statements], request, now_ms)

    def update_live(self, kind: Kind, statements: Iterable[HeartbeatStatement], *, complete: bool = True) -> None:
        with self._lock:
            for said in statements:
                key = (kind, said.heartbeat.device_id)
                there = self.latest.get(key)
                if there is None or (there.heartbeat.ts_ms, there.rank) < (said.heartbeat.ts_ms, said.rank):
                    self.latest[key] = said

    def read(self, kind: Kind, wanted: HeartbeatRange, now_ms: int) -> list[HeartbeatStatement]:
        return [
            said
            for (of_kind, device, _, _), (said, until) in self.said.items()
            if (of_kind, device) == (kind, wanted.device_id)
            and until > now_ms
            and wanted.start_ms <= said.heartbeat.ts_ms < wanted.end_ms
            and said.received_s <= wanted.as_of_s
        ]

    def live(self, kind: Kind, device_id: str) -> HeartbeatStatement | None:
        return self.latest.get((kind, device_id))

    def page(self, kind: Kind, *, charging: bool, after: str | None, limit: int) -> DevicePage:
        names = sorted(
            device
            for (of_kind, device), said in self.latest.items()
            if of_kind is kind and (not charging or is_charging(said.heartbeat)) and device > (after or "")
        )
        devices = [self.latest[kind, name] for name in names[:limit]]
        return DevicePage(devices, names[limit - 1] if len(names) > limit else None)


@dataclass
class FakeFleetHistory:
    """`FleetHistory` over what a `FakeLake` holds."""

    lake: FakeLake
    reads: int = 0

    def read(self, kind: Kind, wanted: HeartbeatRange) -> Scan:
        self.reads += 1
        rows = [
            row
            for (table, _, _), rows in self.lake.objects.items()
            for row in rows
            if table == HEARTBEATS[kind].name and row[0] == wanted.device_id
        ]
        said = [
            HeartbeatStatement(Heartbeat(wanted.device_id, int(ts), tuple(map(int, values))), int(received), int(seq))
            for _, ts, *values, received, seq in rows
        ]
        found = [
            each
            for each in said
            if wanted.start_ms <= each.heartbeat.ts_ms < wanted.end_ms and each.received_s <= wanted.as_of_s
        ]
        return Scan(newest(found), 100 * len(rows))


@dataclass
class FakeLinks:
    """`Links`."""

    meters: dict[str, tuple[list[Link], int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of_meter(self, meter_id: str) -> tuple[list[Link], int]:
        return self.meters.get(meter_id, ([], 0))

    def replace(self, meter_id: str, links: Sequence[Link], version: int) -> bool:
        with self._lock:
            if self.of_meter(meter_id)[1] != version:
                return False
            self.meters[meter_id] = (list(links), version + 1)
            return True

    def of_vehicle(self, vehicle_id: str) -> list[Link]:
        links = [link for links, _ in self.meters.values() for link in links if link.vehicle_id == vehicle_id]
        return sorted(links, key=lambda link: (link.from_ms, link.meter_id))


@dataclass
class FakeNewestPoll:
    """`NewestPoll`."""

    ts_ms: int | None = None

    def advance(self, ts_ms: int) -> None:
        self.ts_ms = max(ts_ms, self.ts_ms or ts_ms)

    def read(self) -> int | None:
        return self.ts_ms


@dataclass
class FakeReports:
    """`Reports`."""

    reports: dict[str, Report] = field(default_factory=dict)

    def create(self, report: Report) -> None:
        self.reports[report.report_id] = report

    def get(self, report_id: str) -> Report | None:
        return self.reports.get(report_id)

    def settle(self, report: Report) -> bool:
        if self.reports[report.report_id].state is not State.RUNNING:
            return False
        self.reports[report.report_id] = report
        return True


@dataclass
class FakeReportJobs:
    """`ReportJobs`; `broken` makes every send fail."""

    broken: bool = False
    sent: list[str] = field(default_factory=list)

    def send(self, report_id: str) -> None:
        if self.broken:
            raise TransientError("the fake queue is broken")
        self.sent.append(report_id)


@dataclass
class FakeStoreSets:
    """`StoreSets` with one set each, received at 0."""

    weekly: dict[str, WeeklyHours] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)

    def hours(self, received_until_ms: int) -> Mapping[str, WeeklyHours]:
        return self.weekly

    def zones(self, received_until_ms: int) -> Mapping[str, str]:
        return self.named


@dataclass
class FakeStoreHistory:
    """`StoreHistory`; raises `error` if there is one, and calls `meanwhile` while it computes."""

    rows: int = 1
    error: Exception | None = None
    meanwhile: Callable[[], object] = lambda: None
    runs: list[tuple[str, Timetable]] = field(default_factory=list)

    def write_report(self, report: Report, timetable: Timetable, run: str) -> tuple[str, int]:
        self.runs.append((run, timetable))
        self.meanwhile()
        if self.error is not None:
            raise self.error
        return f"reports/{report.report_id}/{run}.csv", self.rows
