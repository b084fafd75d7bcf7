"""Merge what lies in a partition's landing into one sorted object a bucket.

Safe at every point, because rows are statements: a copy too many never changes an answer, and nothing is deleted
before all of it lies in objects that queries already see.

1. One run at a time holds a partition's lock; a lock that has expired may be taken over. A run that outlived its
   lock can still write objects, which are copies, and cannot commit.
2. Inputs are all objects of the partition but those already superseded: what a crashed run left is among them.
3. Outputs have keys of their own in every run. The commit records the inputs as superseded.
4. A later run deletes what has been superseded for `grace_ms`, so that a query that has listed before may still read.
5. The mark of a partition is cleared when there is nothing left to do, unless a writer renewed it meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wattline.domain.instants import DAY_MS, HOUR_MS, parse_instant
from wattline.ports import Ledger, PartitionObjects, PartitionState
from wattline.tables import LANDING, TABLES, Grain, Table

LOCK_MS = 20 * 60_000
"""Longer than a run may take, which is 15 minutes on Lambda."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a partition is worth a run, and how long superseded objects stay."""

    grace_ms: int = HOUR_MS
    settle_ms: int = HOUR_MS
    """A partition whose time is over is compacted this much later; what comes after is late."""
    open_objects: int = 200
    """A partition whose time is not over is compacted when this many objects have landed."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did with a partition."""

    inputs: int = 0
    rows: int = 0
    deleted: int = 0
    busy: bool = False


def compact(  # noqa: PLR0913 - ports and a policy by name
    table: Table, dt: str, run: str, now_ms: int, *, ledger: Ledger, objects: PartitionObjects, policy: Policy
) -> Run:
    """Compact one partition, as far as there is something to do now. Raises TransientError; every retry is safe."""
    if not ledger.lock(table, dt, run, now_ms, now_ms + LOCK_MS):
        return Run(busy=True)
    try:
        return _compact_locked(table, dt, run, now_ms, ledger, objects, policy)
    finally:
        ledger.unlock(table, dt, run)


def _compact_locked(  # noqa: PLR0913, PLR0917
    table: Table, dt: str, run: str, now_ms: int, ledger: Ledger, objects: PartitionObjects, policy: Policy
) -> Run:
    mark = ledger.mark(table, dt)
    state = ledger.state(table, dt)
    deleted = 0
    if state.superseded and state.superseded_ms + policy.grace_ms <= now_ms:
        objects.delete(state.superseded)
        deleted = len(state.superseded)
        state = PartitionState(state.generation)
        if not ledger.commit(table, dt, run, state):
            return Run(deleted=deleted, busy=True)

    inputs = [key for key in objects.keys(table, dt) if key not in set(state.superseded)]
    if not _is_worth_a_run(table, dt, inputs, now_ms, policy):
        if mark is not None and not state.superseded and not _landed(inputs):
            ledger.clear(table, dt, mark)
        return Run(deleted=deleted)
    generation = state.generation + 1
    rows = objects.merge(table, dt, inputs, f"g{generation:06d}-{run}")
    superseded = PartitionState(generation, (*state.superseded, *inputs), now_ms)
    committed = ledger.commit(table, dt, run, superseded)
    return Run(len(inputs), rows, deleted, busy=not committed)


def _is_worth_a_run(table: Table, dt: str, inputs: Sequence[str], now_ms: int, policy: Policy) -> bool:
    landed = _landed(inputs)
    buckets = [key.split("/")[3] for key in inputs if key not in set(landed)]
    if len(buckets) > len(set(buckets)):  # a run that crashed, or outlived its lock, left its objects
        return True
    if now_ms < partition_end_ms(table, dt) + policy.settle_ms:
        return len(landed) >= policy.open_objects
    return bool(landed)


def _landed(keys: Sequence[str]) -> list[str]:
    return [key for key in keys if f"/bucket={LANDING}/" in key]


def partition_end_ms(table: Table, dt: str) -> int:
    """When the last event time of a partition is over."""
    start_ms = parse_instant(f"{dt}T00:00:00Z")
    if table.grain is Grain.DAY:
        return start_ms + DAY_MS
    return parse_instant(f"{table.dt_of(start_ms + 31 * DAY_MS)}T00:00:00Z")


def compact_marked(  # noqa: PLR0913 - ports and a policy by name
    run: str,
    clock: Callable[[], int],
    *,
    ledger: Ledger,
    objects: PartitionObjects,
    policy: Policy,
    has_time: Callable[[], bool],
) -> list[Run]:
    """Compact every marked partition while there is time; what is left waits for the next run."""
    done: list[Run] = []
    for table in TABLES.values():
        for dt in ledger.marked(table):
            if not has_time():
                return done
            done.append(compact(table, dt, run, clock(), ledger=ledger, objects=objects, policy=policy))
    return done
