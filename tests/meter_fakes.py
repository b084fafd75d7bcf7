"""In-memory doubles of the smart meters' ports; tests/contracts/test_meters.py holds them to the adapters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tests.fakes import FakeHistoryQueue
from wattline.batches import Row
from wattline.domain.circuit import Circuit
from wattline.domain.local_calendar import CalendarBucket
from wattline.domain.meter_series import BucketEnergy, MeterReading, bucketed
from wattline.domain.obis import ObisCode
from wattline.ports import PollMark, RegisterRange, StoredTariffs


@dataclass
class FakeObisHistory:
    """`ObisHistory` over rows of `obis_readings`."""

    rows: list[Row] = field(default_factory=list)

    @classmethod
    def of_queue(cls, queue: FakeHistoryQueue) -> "FakeObisHistory":
        return cls([row for batch in queue.batches for row in batch.rows])

    def readings(self, wanted: RegisterRange, limit: int) -> list[MeterReading]:
        newest: dict[int, tuple[tuple[int, ...], MeterReading]] = {}
        for muid, code, *numbers, quality, received_at, order in self.rows:
            ts, amount, received, seq = map(int, (*numbers, received_at, order))
            if (muid, code) != (wanted.muid, wanted.code.hex) or received > wanted.as_of_ms:
                continue
            if not wanted.start_ms <= ts < wanted.end_ms:
                continue
            rank = (received, seq, amount)
            if ts not in newest or newest[ts][0] < rank:
                newest[ts] = rank, MeterReading(ts, amount, str(quality))
        return [newest[ts][1] for ts in sorted(newest)][:limit]

    def sums(self, wanted: RegisterRange, units: Sequence[CalendarBucket]) -> list[BucketEnergy]:
        return bucketed(self.readings(wanted, len(self.rows)), units)


@dataclass
class FakeSmartMeters:
    """`SmartMeters`."""

    known: dict[str, set[ObisCode]] = field(default_factory=dict)

    def registers(self, muid: str) -> set[ObisCode]:
        return set(self.known.get(muid, set()))

    def remember(self, muid: str, registers: Iterable[ObisCode]) -> None:
        self.known.setdefault(muid, set()).update(registers)


@dataclass
class FakeTariffSets:
    """`TariffSets`."""

    documents: dict[str, str] = field(default_factory=dict)
    said: list[tuple[int, str]] = field(default_factory=list)

    def put(self, name: str, document: str, received_ms: int) -> None:
        self.documents[name] = document
        self.put_again(name, received_ms)

    def put_again(self, name: str, received_ms: int) -> None:
        self.said.append((received_ms, name))

    def newest(self, as_of_ms: int) -> StoredTariffs | None:
        known = [each for each in self.said if each[0] <= as_of_ms]
        return StoredTariffs(self.documents[max(known)[1]], max(known)[0]) if known else None


@dataclass
class FakePollLedger:
    """`PollLedger`."""

    marks: dict[str, PollMark] = field(default_factory=dict)
    current: Circuit = field(default_factory=Circuit)
    moves: int = 0

    def mark(self, muid: str) -> PollMark:
        return self.marks.get(muid, PollMark())

    def move(self, muid: str, mark: PollMark) -> bool:
        if self.mark(muid).version != mark.version:
            return False
        self.marks[muid] = replace(mark, version=mark.version + 1)
        self.moves += 1
        return True

    def circuit(self) -> Circuit:
        return self.current

    def set_circuit(self, circuit: Circuit) -> None:
        self.current = circuit
