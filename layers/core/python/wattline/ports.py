"""What the services need from the outside world. Each port has a real adapter and a fake in the tests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wattline.batches import Batch
from wattline.domain.energy import Piece, Statement


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
