"""What the services need from the outside world. Each port has a real adapter and a fake in the tests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from wattline.batches import Batch
from wattline.domain.alerts import Alert, AlertEvent, AlertState, Device, LiveChange, Rule, Transition
from wattline.domain.batteries import Battery, MetricBucket, MetricPoint
from wattline.domain.circuit import Circuit
from wattline.domain.energy import Piece, Statement
from wattline.domain.fleet import HeartbeatStatement, Kind
from wattline.domain.links import Link
from wattline.domain.loads import Load, LoadState
from wattline.domain.local_calendar import CalendarBucket
from wattline.domain.meter_series import BucketEnergy, MeterReading
from wattline.domain.obis import ObisCode
from wattline.domain.registers import Run
from wattline.domain.reports import Report
from wattline.domain.stores import Timetable, WeeklyHours
from wattline.tables import Table


@dataclass(frozen=True, slots=True)
class Received:
    """When a request came in; `seq` orders requests of one millisecond, and tells them apart."""

    at_ms: int
    seq: int


@dataclass(frozen=True, slots=True)
class EnergyRange:
    """Which statements to read: those about quarter hours starting in [start, end), received up to `as_of`."""

    spaceship_id: str
    start_ms: int
    end_ms: int
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class EnergySlice:
    """Statements found, complete for every quarter hour that starts before `complete_until_ms`."""

    statements: list[Statement]
    complete_until_ms: int


class HotEnergy(Protocol):
    """The recent statements about spaceships, readable the moment they are written."""

    def put(self, spaceship_id: str, pieces: Sequence[Piece], received: Received, now_ms: int) -> None:
        """Store what one post says. Raises TransientError when some of it may not be stored."""

    def read(self, wanted: EnergyRange, now_ms: int, at_least: int) -> EnergySlice:
        """Statements in time order; may end early, but not before `at_least` quarter hours are complete."""

    def knows(self, spaceship_id: str) -> bool:
        """Whether the spaceship was ever heard of."""


class EnergyHistory(Protocol):
    """All statements about spaceships, minutes after they were received."""

    def read(self, wanted: EnergyRange, at_least: int) -> EnergySlice:
        """Like `HotEnergy.read`. Raises QueryFailed, QueryTimeout or TransientError."""


class HistoryQueue(Protocol):
    """The way into the history."""

    def send(self, batch: Batch) -> None:
        """Durable when it returns. Raises TransientError when some of it may not be."""


class HistoryLake(Protocol):
    """The history's objects."""

    def append(self, batches: Iterable[Batch], name: str) -> None:
        """Write the rows, one object a table and partition, and mark the partitions for compaction.

        The same `name` writes the same objects again. Raises TransientError.
        """


class DeadLetters(Protocol):
    """Where messages go that can never be handled."""

    def bury(self, body: str, reason: str) -> None:
        """Keep the message for a person to look at. Raises TransientError."""


class QueueDepths(Protocol):
    """How much waits in the queues."""

    def read(self) -> dict[str, int]:
        """Messages waiting or in flight, by the queue's name. Raises TransientError."""


@dataclass(frozen=True, slots=True)
class HeartbeatRange:
    """Which heartbeats of a device to read: those in [start, end), received up to `as_of_s`."""

    device_id: str
    start_ms: int
    end_ms: int
    as_of_s: int


@dataclass(frozen=True, slots=True)
class DevicePage:
    """Live states, and where the next page goes on (None at the end)."""

    devices: list[HeartbeatStatement]
    next: str | None


class HotFleet(Protocol):
    """Live states, and the heartbeats of the last days."""

    def put(self, kind: Kind, statements: Sequence[HeartbeatStatement], request: int, now_ms: int) -> None:
        """Store the heartbeats of one request. Raises TransientError when some may not be stored."""

    def update_live(self, kind: Kind, statements: Iterable[HeartbeatStatement], *, complete: bool = True) -> None:
        """Make the newest heartbeat of each device its live state, unless a newer one is. Raises TransientError.

        Alerts judge what was `put` between two live states, so put first. `complete` says that these are all the
        statements that were put, and not only the newest of them.
        """

    def read(self, kind: Kind, wanted: HeartbeatRange, now_ms: int) -> list[HeartbeatStatement]:
        """All statements of the range."""

    def live(self, kind: Kind, device_id: str) -> HeartbeatStatement | None:
        """The live state; None for a device never heard of."""

    def page(self, kind: Kind, *, charging: bool, after: str | None, limit: int) -> DevicePage:
        """A page of live states; `charging` keeps the vehicles that are being charged."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Statements read from the history, and the bytes that took."""

    statements: list[HeartbeatStatement]
    scanned_bytes: int


class FleetHistory(Protocol):
    """All heartbeats, a minute or so after they were received."""

    def read(self, kind: Kind, wanted: HeartbeatRange) -> Scan:
        """The statements in force. Raises QueryFailed, QueryTimeout or TransientError."""


class Links(Protocol):
    """Which meter feeds which vehicle."""

    def of_meter(self, meter_id: str) -> tuple[list[Link], int]:
        """All links of a meter, and their version."""

    def replace(self, meter_id: str, links: Sequence[Link], version: int) -> bool:
        """Put the links of a meter in place of those of the version; False when that is no longer the newest."""

    def of_vehicle(self, vehicle_id: str) -> list[Link]:
        """All links of a vehicle, by time."""


@dataclass(frozen=True, slots=True)
class PartitionState:
    """What the last committed run left: inputs that queries no longer need, and since when."""

    generation: int = 0
    superseded: tuple[str, ...] = ()
    superseded_ms: int = 0


class Ledger(Protocol):
    """Marks, locks and states of partitions."""

    def marked(self, table: Table) -> list[str]:
        """The partitions that writers have marked."""

    def mark(self, table: Table, dt: str) -> str | None:
        """The mark's content, to clear it only if nobody renewed it."""

    def clear(self, table: Table, dt: str, mark: str) -> None:
        """Take the mark away if it is still this one."""

    def lock(self, table: Table, dt: str, run: str, now_ms: int, until_ms: int) -> bool:
        """Take the lock, or one that has expired."""

    def unlock(self, table: Table, dt: str, run: str) -> None:
        """Give the lock back if it is still this run's."""

    def state(self, table: Table, dt: str) -> PartitionState:
        """The committed state."""

    def commit(self, table: Table, dt: str, run: str, state: PartitionState) -> bool:
        """Record a state if the lock is still this run's."""


class PartitionObjects(Protocol):
    """The objects of partitions."""

    def keys(self, table: Table, dt: str) -> list[str]:
        """All of a partition, in order."""

    def merge(self, table: Table, dt: str, inputs: Sequence[str], name: str) -> int:
        """Write the rows of the inputs as one sorted object a bucket, identical rows once; says how many rows."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete them; those that are gone already do no harm."""


@dataclass(frozen=True, slots=True)
class LoadPage:
    """Loads, newest first, and where the next page goes on (None at the end)."""

    loads: list[Load]
    next: str | None


class Loads(Protocol):
    """What became of dropped files."""

    def find(self, load_id: str) -> Load | None:
        """One load."""

    def save(self, load: Load) -> None:
        """Record how far it is, unless it is complete already. Raises TransientError."""

    def page(self, *, state: LoadState | None, after: str | None, limit: int, now_ms: int) -> LoadPage:
        """A page of loads, newest first, in the state they are in `as_seen` at `now_ms`.

        With a state it may hold fewer than `limit` though more follow.
        """

    def rejects_url(self, load_id: str) -> str:
        """A link to the rows that were not taken, good for a while."""


@dataclass(frozen=True, slots=True)
class OpenDrop:
    """A dropped object that is being read: when it was dropped, and its bytes, in order."""

    received_ms: int
    chunks: Iterator[bytes]


class Drops(Protocol):
    """The objects that senders drop, and what is told about their rows."""

    def open(self, key: str, etag: str) -> OpenDrop:
        """This version of the object. Raises NotFound when it is gone, Conflict when it was overwritten."""

    def received(self, key: str, etag: str) -> int:
        """When this version of the object was dropped. Raises as `open` does."""

    def put_rejects(self, load_id: str, file: Path) -> None:
        """Keep the rows that were not taken. Raises TransientError."""


@dataclass(frozen=True, slots=True)
class BatteryPage:
    """Batteries as they are now, and where the next page goes on (None at the end)."""

    batteries: list[Battery]
    next: str | None


class HotBatteries(Protocol):
    """What is known of each battery now."""

    def merge(self, said: Battery) -> None:
        """Keep what is newer than what is there. Raises TransientError."""

    def get(self, device_id: str) -> Battery | None:
        """One battery; None for one never heard of."""

    def page(self, *, after: str | None, limit: int) -> BatteryPage:
        """A page of all batteries."""


@dataclass(frozen=True, slots=True)
class MetricRange:
    """Which points of a battery's metric to read: those in [start, end), received up to `as_of_ms`."""

    device_id: str
    metric: str
    start_ms: int
    end_ms: int
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class RegisterRange:
    """Which readings of a smart meter's register to read: those in [start, end), received up to `as_of`."""

    muid: str
    code: ObisCode
    start_ms: int
    end_ms: int
    as_of_ms: int


Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class MetricSlice(Generic[Found]):
    """What was found, in time order, complete up to `complete_until_ms`, and the bytes that were read for it."""

    found: list[Found]
    complete_until_ms: int
    scanned_bytes: int


class BatteryHistory(Protocol):
    """All telemetry of batteries.

    Every read may end early, but not before it is complete for `at_least` points or buckets. Buckets are whole
    multiples of `step_ms` since 1970, UTC. Raises QueryFailed, QueryTimeout or TransientError.
    """

    def points(self, wanted: MetricRange, at_least: int) -> MetricSlice[MetricPoint]:
        """The values themselves."""

    def buckets(self, wanted: MetricRange, step_ms: int, at_least: int) -> MetricSlice[MetricBucket]:
        """The values summed up by bucket; the range consists of whole buckets."""

    def runs(self, wanted: MetricRange, step_ms: int, before_ms: int, at_least: int) -> MetricSlice[Run]:
        """A register by bucket; what it showed in the `before_ms` before the range comes first, as one bucket."""


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """A rule's state on a device, and the version to change it by."""

    alert: Alert = field(default_factory=Alert)
    version: int = 0


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """A pending, firing or clearing alert, as it is listed."""

    device: Device
    rule: str
    metric: str
    state: AlertState
    since_ms: int
    value: float
    fired_ms: int | None


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Open alerts, and where the next page goes on (None at the end)."""

    alerts: list[OpenAlert]
    next: str | None


class Alerts(Protocol):
    """The states of alerts."""

    def of_device(self, device: Device) -> dict[str, StoredAlert]:
        """By rule; none for a rule that never left its first state. Raises TransientError."""

    def save(  # noqa: PLR0913 - the parts of a versioned write
        self,
        device: Device,
        rule: Rule,
        alert: Alert,
        transitions: Sequence[Transition],
        *,
        version: int,
        now_ms: int,
    ) -> bool:
        """Put the state in place of that version, and the transitions (at most 99) into the outbox, all or nothing.

        False when that version is no longer the newest. Raises TransientError.
        """

    def page(self, *, rule: str | None, state: AlertState | None, after: str | None, limit: int) -> AlertPage:
        """Open alerts by rule and device. Raises TransientError."""


class AlertOutbox(Protocol):
    """Transitions that were decided, until they are published."""

    def waiting(self, event_id: str) -> AlertEvent | None:
        """The event, or None once it is marked (or forgotten, a month later). Raises TransientError."""

    def mark(self, event_id: str, now_ms: int) -> None:
        """Say that it was published. Raises TransientError."""

    def overdue(self, written_before_ms: int, limit: int) -> list[str]:
        """Ids of events that wait since before that time, oldest first. Raises TransientError."""


class AlertTopic(Protocol):
    """Those who want to hear of alerts."""

    def publish(self, event: AlertEvent) -> None:
        """Durable when it returns. Raises TransientError."""


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """What the hot table's stream tells the alerter: a vehicle's live `change`, or the id of an event to publish.

    Records of one `key` come in order; `number` names the record to the stream.
    """

    number: str
    key: str
    change: LiveChange | None = None
    event_id: str | None = None


class ObisHistory(Protocol):
    """All readings of smart meters, a minute or so after they were received."""

    def readings(self, wanted: RegisterRange, limit: int) -> list[MeterReading]:
        """The first `limit` in force, by time. Raises QueryFailed, QueryTimeout or TransientError."""

    def sums(self, wanted: RegisterRange, units: Sequence[CalendarBucket]) -> list[BucketEnergy]:
        """The sum of each calendar unit, whose parts lie in the range. Raises like `readings`."""


class SmartMeters(Protocol):
    """Which registers each smart meter has sent."""

    def registers(self, muid: str) -> AbstractSet[ObisCode]:
        """Empty for a meter never heard of."""

    def remember(self, muid: str, registers: Iterable[ObisCode]) -> None:
        """Note that it has sent these. Raises TransientError."""


@dataclass(frozen=True, slots=True)
class StoredTariffs:
    """A set of tariffs as it was dropped, and when."""

    document: str
    received_ms: int


class TariffSets(Protocol):
    """Every set of tariffs that was dropped; the newest holds."""

    def put(self, name: str, document: str, received_ms: int) -> None:
        """Keep a set beside the earlier ones; it is in force from then on. Raises TransientError."""

    def put_again(self, name: str, received_ms: int) -> None:
        """The set of that name is in force once more, from then on. Raises TransientError."""

    def newest(self, as_of_ms: int) -> StoredTariffs | None:
        """The newest received up to then."""


class MeterSource(Protocol):
    """An API that knows smart meters' readings."""

    def page(self, muid: str, start_ms: int, stop_ms: int, limit: int) -> list[object]:
        """Up to `limit` items from `start` to `stop`, the newest ones.

        Raises SourceUnavailable, or SourceRefused when it refuses this meter.
        """


@dataclass(frozen=True, slots=True)
class PollMark:
    """How far a meter has been polled: its newest reading, and what its last readings said, by register and time."""

    version: int = 0
    watermark_ms: int | None = None
    recent: Mapping[tuple[ObisCode, int], tuple[int, str]] = field(default_factory=dict)


class PollLedger(Protocol):
    """What the poller remembers between its runs."""

    def mark(self, muid: str) -> PollMark:
        """A fresh one for a meter never polled."""

    def move(self, muid: str, mark: PollMark) -> bool:
        """Replace the mark of the same version; False if another run was faster."""

    def circuit(self) -> Circuit:
        """Of the source."""

    def set_circuit(self, circuit: Circuit) -> None:
        """Remember it."""


class NewestPoll(Protocol):
    """The newest poll of all stores, which a report takes as its now."""

    def advance(self, ts_ms: int) -> None:
        """A poll was stored; a newer one stays. Raises TransientError."""

    def read(self) -> int | None:
        """Its time; None before the first poll."""


class StoreSets(Protocol):
    """Opening hours and time zones of stores. Each file dropped is a whole set; the one dropped last is in force."""

    def hours(self, received_until_ms: int) -> Mapping[str, WeeklyHours]:
        """The set in force at that time; empty before the first. Raises TransientError."""

    def zones(self, received_until_ms: int) -> Mapping[str, str]:
        """Likewise."""


class Reports(Protocol):
    """What became of reports."""

    def create(self, report: Report) -> None:
        """Remember a running report. Raises TransientError."""

    def get(self, report_id: str) -> Report | None:
        """None when there is none, or its time is over but for DynamoDB's deleting it."""

    def settle(self, report: Report) -> bool:
        """Record that a running report is complete or failed; False when it is settled already."""


class ReportJobs(Protocol):
    """The way to the report worker."""

    def send(self, report_id: str) -> None:
        """Durable when it returns. Raises TransientError."""


class StoreHistory(Protocol):
    """The polls of all stores."""

    def write_report(self, report: Report, timetable: Timetable, run: str) -> tuple[str, int]:
        """Write the CSV of a report under a key of this run's own; the key, and how many rows.

        Raises QueryFailed, QueryTimeout or TransientError.
        """


class ReportFiles(Protocol):
    """The CSV files of complete reports."""

    def read(self, key: str, at_most: int) -> str | None:
        """The file, or None when it holds more bytes. Raises TransientError."""

    def link(self, report: Report, seconds: int) -> str:
        """An address from which anyone can download the file for so long."""
