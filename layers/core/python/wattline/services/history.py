"""Carry queued rows into the history."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from wattline.batches import Batch, decode
from wattline.errors import TerminalError, TransientError
from wattline.ports import DeadLetters, HistoryLake


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message as the queue delivers it, once or more often."""

    message_id: str
    body: str


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What became of a delivery: `retry` are the ids of messages the queue shall deliver again."""

    rows: int
    buried: int
    retry: list[str]


def write_history(messages: Sequence[QueueMessage], *, lake: HistoryLake, dead_letters: DeadLetters) -> WriteOutcome:
    """Write all readable messages at once; bury those that no retry can mend.

    A message delivered twice is written twice, which changes no answer: both copies are the same statement.
    """
    batches: dict[str, Batch] = {}
    retry: list[str] = []
    buried = 0
    for message in messages:
        try:
            batches[message.message_id] = decode(message.body)
        except TerminalError as unreadable:
            try:
                dead_letters.bury(message.body, unreadable.detail)
                buried += 1
            except TransientError:
                retry.append(message.message_id)
    try:
        lake.append(batches.values(), _object_name(batches))
    except TransientError:
        return WriteOutcome(0, buried, retry + list(batches))
    return WriteOutcome(sum(len(batch.rows) for batch in batches.values()), buried, retry)


def _object_name(message_ids: dict[str, Batch]) -> str:
    """The same delivery writes the same objects, however often it is tried."""
    return sha256("\n".join(sorted(message_ids)).encode()).hexdigest()[:32]
