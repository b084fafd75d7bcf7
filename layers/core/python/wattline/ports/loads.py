"""Dropped files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wattline.domain.loads import Load, LoadState


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
