"""`drops/stores/...`: polls of stores, which are history; their opening hours and time zones, which are sets."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from wattline.adapters.arrow import pc
from wattline.adapters.store_sets import SetKind
from wattline.domain import store_fields
from wattline.loading.columns import LINE, Column
from wattline.loading.judging import Exactly, Instant, Text, choice, identifier
from wattline.loading.kind import Drop, Progress, Stores, good_rows
from wattline.loading.staging import Unreadable
from wattline.tables import STORE_STATUS

STORE = Column("store_id", identifier(), ("storeId",))

STATUS_COLUMNS = (
    STORE,
    Column("timestamp_utc", Instant(), ("timestamp", "ts")),
    Column("status", choice(active="active", inactive="inactive")),
)

SET_COLUMNS: dict[SetKind, Sequence[Column]] = {
    SetKind.HOURS: (
        STORE,
        Column("day", Exactly(store_fields.weekday), ("dayOfWeek", "day_of_week", "weekday")),
        Column("start_time_local", Exactly(store_fields.opening_time), ("start_time",)),
        Column("end_time_local", Exactly(store_fields.closing_time), ("end_time",)),
    ),
    SetKind.ZONES: (STORE, Column("timezone_str", Text(store_fields.zone_name), ("timezone", "zone"))),
}


class StatusKind:
    """A row a poll."""

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """History alone; then the newest poll of all stores, which a report must not take before it can read it."""
        landing = to.landing(STORE_STATUS, drop)
        newest_ms = None
        for rows in good_rows(drop, STATUS_COLUMNS, progress):
            if not len(rows):
                continue
            stored = rows.rename_columns(["store_id", "ts", "status", "seq"])
            landing.add(stored.append_column("received_at", pa.repeat(pa.scalar(drop.received_ms), len(rows))))
            newest_ms = max(newest_ms or 0, pc.max(stored["ts"]).as_py())
            progress.stored(len(rows))
        landing.flush()
        if newest_ms is not None:
            to.newest_poll.advance(newest_ms)


@dataclass(frozen=True)
class StoreSetKind:
    """A file is a whole set: what it does not name has no hours, or no zone, any more."""

    kind: SetKind

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """In parts, which are in force together or not at all. Raises Unreadable for a file without a good row."""
        parts = 0
        for rows in good_rows(drop, SET_COLUMNS[self.kind], progress):
            if len(rows):
                to.store_sets.write_part(self.kind, drop.load_id, parts, rows.drop_columns([LINE]))
                progress.stored(len(rows))
                parts += 1
        if not parts:
            raise Unreadable("no row of the file is good, so the set stays as it was")
        to.store_sets.put_in_force(self.kind, drop.load_id, parts, drop.received_ms)

    def drop_again(self, load_id: str, received_ms: int, to: Stores) -> None:
        """The set that was loaded then is in force again."""
        to.store_sets.put_in_force_again(self.kind, load_id, received_ms)


def HoursKind() -> StoreSetKind:
    """Opening hours, a row an opening."""
    return StoreSetKind(SetKind.HOURS)


def ZonesKind() -> StoreSetKind:
    """Time zones, a row a store."""
    return StoreSetKind(SetKind.ZONES)
