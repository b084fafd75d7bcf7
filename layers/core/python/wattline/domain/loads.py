"""File drops: what an object under `drops/` is, and the life of the load that it becomes."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from wattline.domain.instants import HOUR_MS

DROPS = "drops/"
"""Where senders put files."""

REJECTS = "rejects/"
"""Where the rows lie that were not taken, one CSV a load."""

GIVEN_UP_AFTER_MS = 9 * HOUR_MS
"""A load that has not moved for so long never will: every delivery of its message has been tried by then."""


class LoadState(StrEnum):
    """`queued` waits for another attempt; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    COMPLETE_WITH_REJECTS = "complete_with_rejects"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing will change it any more."""
        return self not in {LoadState.QUEUED, LoadState.RUNNING}


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class DropName:
    """What a key says about its object."""

    kind: str
    format: Format
    gzipped: bool


@dataclass(frozen=True, slots=True)
class Load:
    """One object on its way into the system. Counts are of rows; times are milliseconds, UTC."""

    load_id: str
    key: str
    kind: str
    state: LoadState
    started_ms: int
    updated_ms: int
    received_ms: int | None = None
    """When the object was dropped, which is when its rows count as received; None before it was opened."""
    rows_read: int = 0
    rows_stored: int = 0
    rows_rejected: int = 0
    percent: int = 0
    has_rejects: bool = False
    """Whether the file of its rejects is written."""
    reason: str | None = None
    ended_ms: int | None = None


def load_id(key: str, etag: str) -> str:
    """The same content under the same key is the same load, however often it is dropped or announced."""
    return sha256(f"{key}\n{etag}".encode()).hexdigest()[:32]


_NAME = re.compile(r"\.(?P<format>csv|json|ndjson)(?P<gzip>\.gz)?$", re.IGNORECASE)


def parse_drop(key: str, kinds: frozenset[str]) -> DropName:
    """What `drops/<kind>/<name>.<format>[.gz]` says. Raises ValueError with what to change."""
    path = key.removeprefix(DROPS)
    kind = next((name for name in sorted(kinds) if path.startswith(f"{name}/")), None)
    if kind is None:
        raise ValueError(f"there is no kind of this name; put the file under drops/<kind>/, one of {_listed(kinds)}")
    match = _NAME.search(path)
    if match is None:
        raise ValueError("the name must end in .csv, .json or .ndjson, or one of these and .gz")
    return DropName(kind, Format(match["format"].lower()), match["gzip"] is not None)


def _listed(kinds: frozenset[str]) -> str:
    return ", ".join(sorted(kinds))


def as_seen(load: Load, now_ms: int) -> Load:
    """The load as a reader shall see it: one that nobody works on any more has failed."""
    if load.state.is_final or now_ms - load.updated_ms < GIVEN_UP_AFTER_MS:
        return load
    ended_ms = load.updated_ms + GIVEN_UP_AFTER_MS
    reason = "the loader gave up on it; drop the file again"
    return replace(load, state=LoadState.FAILED, reason=reason, ended_ms=ended_ms)
