"""Smart meters, their source, and tariffs."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from wattline.domain.circuit import Circuit
from wattline.domain.local_calendar import CalendarBucket
from wattline.domain.meter_series import BucketEnergy, MeterReading
from wattline.domain.obis import ObisCode


@dataclass(frozen=True, slots=True)
class RegisterRange:
    """Which readings of a smart meter's register to read: those in [start, end), received up to `as_of`."""

    muid: str
    code: ObisCode
    start_ms: int
    end_ms: int
    as_of_ms: int


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
