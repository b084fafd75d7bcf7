"""Take a dropped file in: the life of one load, whatever its kind."""

import csv
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from wattline.domain.loads import Load, LoadState, load_id, parse_drop
from wattline.errors import Conflict, NotFound, TransientError
from wattline.loading.kind import Drop, LoadsAgain, ReplacesAtOnce, Stores
from wattline.loading.kinds import KINDS, kind_of
from wattline.loading.lines import RAW_SHOWN
from wattline.loading.staging import MAX_BYTES, Unreadable, stage
from wattline.ports import Drops, Loads

ATTEMPTS = 5
"""Deliveries of a message before it goes to the dead letters."""

REPORT_EVERY_MS = 1_000


@dataclass(frozen=True, slots=True)
class Dropped:
    """What the bucket says about a new object; `attempt` counts the deliveries of that message, from 1."""

    key: str
    etag: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Means:
    """What a load needs."""

    loads: Loads
    drops: Drops
    stores: Stores
    clock: Callable[[], int]
    max_bytes: int = MAX_BYTES


def take_drop(dropped: Dropped, means: Means) -> Load:
    """Load an object, unless that is done; says how it ended.

    Whatever is wrong with the file ends the load as failed, with the reason. Raises TransientError, or whatever else
    went wrong on our side, with the load queued again, or failed when this was the last attempt.
    """
    identity, now = load_id(dropped.key, dropped.etag), means.clock()
    known = means.loads.find(identity)
    if known and known.state in {LoadState.COMPLETE, LoadState.COMPLETE_WITH_REJECTS}:
        _drop_again(dropped, known, means)
        return known
    started = known.started_ms if known and not known.state.is_final else now
    load = Load(identity, dropped.key, "unknown", LoadState.RUNNING, started, now)
    try:
        with TemporaryDirectory() as folder:
            return _Run(load, Path(folder), means).take(dropped)
    except (Unreadable, NotFound, Conflict) as refusal:
        return _end(means, load, LoadState.FAILED, refusal.detail)
    except Exception as fault:
        reason = fault.detail if isinstance(fault, TransientError) else f"the loader failed ({type(fault).__name__})"
        if dropped.attempt < ATTEMPTS:
            means.loads.save(replace(load, state=LoadState.QUEUED, updated_ms=means.clock(), reason=reason))
        else:
            _end(means, load, LoadState.FAILED, f"{reason}, {ATTEMPTS} times; drop the file again")
        raise


def _drop_again(dropped: Dropped, known: Load, means: Means) -> None:
    """Rows with a time are stored once; what holds as of the drop holds again, and the complete load stays as it is."""
    kind = kind_of(known.kind)
    with suppress(NotFound, Conflict):  # the object is gone or another by now, and so is the reason
        if isinstance(kind, ReplacesAtOnce):
            kind.drop_again(known.load_id, means.drops.received(dropped.key, dropped.etag), means.stores)
        elif isinstance(kind, LoadsAgain):
            with TemporaryDirectory() as folder:
                _Run(known, Path(folder), means).take(dropped)


def _end(means: Means, load: Load, state: LoadState, reason: str | None = None) -> Load:
    now = means.clock()
    before = means.loads.find(load.load_id) or load
    ended = replace(before, state=state, reason=reason, updated_ms=now, ended_ms=now)
    means.loads.save(ended)
    return ended


class _Run:
    """One attempt; it is the `Progress` of its kind."""

    def __init__(self, load: Load, folder: Path, means: Means) -> None:
        self._load = load
        self._folder = folder
        self._means = means
        self._size = 1
        self._rejects: TextIO | None = None

    def take(self, dropped: Dropped) -> Load:
        """Stage the object, load it, keep its rejects, and say so."""
        means, load = self._means, self._load
        try:
            name = parse_drop(dropped.key, KINDS)
        except ValueError as error:
            raise Unreadable(str(error)) from error
        self._load = load = replace(load, kind=name.kind)
        means.loads.save(load)
        opened = means.drops.open(dropped.key, dropped.etag)
        path = self._folder / "drop"
        self._size = stage(opened.chunks, path, gzipped=name.gzipped, max_bytes=means.max_bytes)
        self._report(received_ms=opened.received_ms)
        drop = Drop(path, self._size, dropped.key, name.format, load.load_id, opened.received_ms, means.clock())
        try:
            kind_of(name.kind).load(drop, means.stores, self)
        except Unreadable as refusal:
            self._keep_rejects()
            self._report(reason=refusal.detail)
            raise
        finally:
            if self._rejects is not None:
                self._rejects.close()
        self._keep_rejects()
        state = LoadState.COMPLETE_WITH_REJECTS if self._load.rows_rejected else LoadState.COMPLETE
        reason = None if self._load.rows_read else "the file has no rows"
        self._report(state=state, percent=100, ended_ms=means.clock(), reason=reason)
        return self._load

    def stored(self, rows: int) -> None:
        """Counted."""
        load = self._load
        self._load = replace(load, rows_stored=load.rows_stored + rows, rows_read=load.rows_read + rows)
        self._report_in_time()

    def reject(self, line: int, reason: str, raw: str) -> None:
        """Counted, and written down."""
        load = self._load
        self._load = replace(load, rows_rejected=load.rows_rejected + 1, rows_read=load.rows_read + 1)
        if self._rejects is None:
            self._rejects = (self._folder / "rejects.csv").open("w", encoding="utf-8", newline="")
            csv.writer(self._rejects).writerow(("line", "reason", "raw"))
        csv.writer(self._rejects).writerow((line, reason, raw[:RAW_SHOWN]))

    def read_to(self, position: int) -> None:
        """As percent; all is done only when all is stored."""
        self._load = replace(self._load, percent=min(99, position * 100 // self._size))
        self._report_in_time()

    def _report_in_time(self) -> None:
        """To those who wait, about once a second."""
        if self._means.clock() - self._load.updated_ms >= REPORT_EVERY_MS:
            self._report()

    def _report(self, **changes: object) -> None:
        self._load = replace(self._load, updated_ms=self._means.clock(), **changes)  # type: ignore[arg-type]
        self._means.loads.save(self._load)

    def _keep_rejects(self) -> None:
        if self._rejects is not None:
            self._rejects.close()
            self._means.drops.put_rejects(self._load.load_id, Path(self._rejects.name))
            self._load = replace(self._load, has_rejects=True)
