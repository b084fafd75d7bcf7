"""The way into the history, its objects, and their compaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wattline.batches import Batch
from wattline.tables import Table


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
