"""Every history table, defined once.

The Glue tables, the Parquet schema, the queue's messages, the `latest` query, the local query engine and the
documentation derive from these definitions. A row is a *statement*: the newest `(received_at, seq)` of a
natural key is what holds, and the older versions stay for `as_of` reads.

Objects lie under `history/<table>/dt=YYYY-MM-DD/bucket=<landing|00..15>/`; both partition columns are strings.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar
from zlib import crc32

from wattline.domain import fleet
from wattline.domain.instants import day_of, month_of

BUCKETS = 16
LANDING = "landing"
"""The bucket that writers append to; the numbered ones hold what has been compacted."""


class Kind(StrEnum):
    """The type of a column. Rows in flight carry timestamps as milliseconds and decimals as scaled integers."""

    TEXT = "text"
    TIMESTAMP = "timestamp"
    DECIMAL = "decimal"
    INTEGER = "integer"


class Grain(StrEnum):
    """What one `dt` partition holds: a UTC day, or a UTC month under its first day."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `scale` is the number of decimals of a `Kind.DECIMAL`, whose precision is always 18."""

    name: str
    kind: Kind
    comment: str
    scale: int = 0

    @property
    def glue_type(self) -> str:
        """The type's name in Glue's catalog."""
        return {
            Kind.TEXT: "string",
            Kind.TIMESTAMP: "timestamp",
            Kind.DECIMAL: f"decimal(18,{self.scale})",
            Kind.INTEGER: "bigint",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class Table:
    """A history table: `device` is the id it is bucketed by, `event_time` decides the partition."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    device: str
    event_time: str
    natural_key: tuple[str, ...]
    sort: tuple[str, ...]
    grain: Grain
    received: str = "received_at"
    """The column that says when a statement was received; `seq` orders within it."""
    partitions: ClassVar = ("dt", "bucket")

    @property
    def column_names(self) -> tuple[str, ...]:
        """In the order of the definition."""
        return tuple(column.name for column in self.columns)

    @property
    def text_columns(self) -> list[str]:
        """Ids and words: few different ones in many rows, so that dictionaries hold them."""
        return [column.name for column in self.columns if column.kind is Kind.TEXT]

    def column(self, name: str) -> Column:
        """By its name."""
        return next(column for column in self.columns if column.name == name)

    def dt_of(self, instant_ms: int) -> str:
        """The partition of an event time."""
        return day_of(instant_ms) if self.grain is Grain.DAY else month_of(instant_ms)

    @property
    def prefix(self) -> str:
        """Where the table's objects lie in the bucket."""
        return f"history/{self.name}/"

    def landing_key(self, dt: str, name: str) -> str:
        """The key of an object that a writer appends."""
        return f"{self.prefix}dt={dt}/bucket={LANDING}/{name}.parquet"

    def latest_of_device(self, *also: str) -> str:
        """SQL: the statements of one device in force, for use as the body of a CTE `latest`.

        Parameters, in order: dt from, dt to (inclusive), bucket, device, a value for each of the key columns named
        in `also`, event time from, event time to (exclusive), received at most at (a text, or seconds). They stand
        inside, before the window function: a filter outside it neither prunes nor means the same.
        """
        keys = "".join(f" AND {name} = ?" for name in also)
        return self._latest(f" AND bucket IN ('{LANDING}', ?) AND {self.device} = ?{keys}")

    def latest_of_all(self) -> str:
        """SQL: the statements of all devices in force; its parameters are those of one, without bucket and device."""
        return self._latest("")

    def _latest(self, of_device: str) -> str:
        columns = ", ".join(self.column_names)
        # What time leaves undecided, the values decide, so that every reader decides alike.
        values = [name for name in self.column_names if name not in {*self.natural_key, self.received, "seq"}]
        order = ", ".join(f"{name} DESC" for name in (self.received, "seq", *values))
        as_of = "CAST(? AS timestamp(3))" if self.column(self.received).kind is Kind.TIMESTAMP else "?"
        return (
            f"SELECT {columns} FROM (\n"  # noqa: S608 - names of ours
            f"    SELECT {columns},\n"
            f"        row_number() OVER (\n"
            f"            PARTITION BY {', '.join(self.natural_key)} ORDER BY {order}\n"
            f"        ) AS version\n"
            f"    FROM {self.name}\n"
            f"    WHERE dt >= ? AND dt <= ?{of_device}\n"
            f"        AND {self.event_time} >= CAST(? AS timestamp(3))\n"
            f"        AND {self.event_time} < CAST(? AS timestamp(3))\n"
            f"        AND {self.received} <= {as_of}\n"
            f") WHERE version = 1"
        )


@lru_cache(maxsize=1 << 16)
def bucket_of(device_id: str) -> str:
    """The two-digit bucket that a device's compacted rows lie in."""
    return f"{crc32(device_id.encode()) % BUCKETS:02d}"


def bucket_names() -> tuple[str, ...]:
    """Every value of the partition column `bucket`."""
    return (LANDING, *(f"{number:02d}" for number in range(BUCKETS)))


_RECEIVED = (
    Column("received_at", Kind.TIMESTAMP, "when the statement was received, UTC"),
    Column("seq", Kind.INTEGER, "orders statements received in the same millisecond"),
)

ENERGY_INTERVALS = Table(
    name="energy_intervals",
    comment="What posts said about the quarter hours of a spaceship; fold the rows of an interval to get its value.",
    columns=(
        Column("spaceship_id", Kind.TEXT, "the spaceship"),
        Column("interval_start", Kind.TIMESTAMP, "start of the quarter hour, UTC"),
        Column("span_start", Kind.TIMESTAMP, "start of the stretch this row speaks of, UTC"),
        Column("span_end", Kind.TIMESTAMP, "end of that stretch, UTC, exclusive"),
        Column(
            "kwh",
            Kind.DECIMAL,
            "basis energy: kWh of the stretch; basis power: kWh of a quarter hour at the stretch's mean power",
            scale=9,
        ),
        Column("basis", Kind.TEXT, "energy (the sender posted kWh) or power (kW)"),
        *_RECEIVED,
    ),
    device="spaceship_id",
    event_time="interval_start",
    natural_key=("spaceship_id", "interval_start", "span_start", "span_end"),
    sort=("spaceship_id", "interval_start", "span_start", "received_at"),
    grain=Grain.MONTH,
)


def _heartbeats(kind: fleet.Kind) -> Table:
    device = f"{kind}_id"
    return Table(
        name=f"{kind}_heartbeats",
        comment=f"What every {kind} said, once a minute; of several rows about one moment the newest holds.",
        columns=(
            Column(device, Kind.TEXT, f"the {kind}"),
            Column("ts", Kind.TIMESTAMP, "when it was measured, UTC"),
            *(
                Column(measure.column, Kind.DECIMAL, measure.unit, scale=measure.scale)
                for measure in fleet.MEASURES[kind]
            ),
            Column("received_s", Kind.INTEGER, "when it was received, in seconds since 1970, UTC"),
            Column("seq", Kind.INTEGER, "orders statements received in the same second"),
        ),
        device=device,
        event_time="ts",
        natural_key=(device, "ts"),
        sort=(device, "ts", "received_s", "seq"),
        grain=Grain.DAY,
        received="received_s",
    )


HEARTBEATS: dict[fleet.Kind, Table] = {kind: _heartbeats(kind) for kind in fleet.Kind}

BATTERY_TELEMETRY = Table(
    name="battery_telemetry",
    comment="What batteries reported, one value a row; of several rows about one moment of a metric the newest holds.",
    columns=(
        Column("device_id", Kind.TEXT, "the battery"),
        Column("metric", Kind.TEXT, "the vendor's name of the series; ...Kwh are cumulative registers"),
        Column("ts", Kind.TIMESTAMP, "when it was measured, UTC"),
        Column("value", Kind.DECIMAL, "in the unit that the metric's name says: kWh, W, %", scale=6),
        *_RECEIVED,
    ),
    device="device_id",
    event_time="ts",
    natural_key=("device_id", "metric", "ts"),
    sort=("device_id", "metric", "ts", "received_at"),
    grain=Grain.MONTH,
)


OBIS_READINGS = Table(
    name="obis_readings",
    comment="What the registers of smart meters said; of several rows about one register and moment the newest holds.",
    columns=(
        Column("muid", Kind.TEXT, "the meter"),
        Column("code", Kind.TEXT, "the register: its OBIS code, 12 hexadecimal digits"),
        Column("ts", Kind.TIMESTAMP, "when it was read; for a load profile the begin of the quarter hour, UTC"),
        Column("amount", Kind.DECIMAL, "in the unit of the code: kWh for active energy", scale=9),
        Column("quality", Kind.TEXT, "how the source came by it, in its own words: measured, estimated, ..."),
        *_RECEIVED,
    ),
    device="muid",
    event_time="ts",
    natural_key=("muid", "code", "ts"),
    sort=("muid", "code", "ts", "received_at", "seq"),
    grain=Grain.MONTH,
)

STORE_STATUS = Table(
    name="store_status",
    comment="Polls of stores: whether a store answered; of several rows about one moment the newest holds.",
    columns=(
        Column("store_id", Kind.TEXT, "the store"),
        Column("ts", Kind.TIMESTAMP, "when it was polled, UTC"),
        Column("status", Kind.TEXT, "active or inactive"),
        *_RECEIVED,
    ),
    device="store_id",
    event_time="ts",
    natural_key=("store_id", "ts"),
    sort=("store_id", "ts", "received_at"),
    grain=Grain.DAY,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (ENERGY_INTERVALS, *HEARTBEATS.values(), BATTERY_TELEMETRY, OBIS_READINGS, STORE_STATUS)
}


@dataclass(frozen=True, slots=True)
class ScratchTable:
    """Inputs of a query that are too big for its text: written for one run, read by it, gone after a day.

    One object a run under `scratch/<name>/run=<run>/`; a query names the run in its WHERE clause.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    partitions: ClassVar = ("run",)

    @property
    def prefix(self) -> str:
        """Where the table's objects lie in the bucket."""
        return f"scratch/{self.name}/"

    def key(self, run: str) -> str:
        """The key of a run's object."""
        return f"{self.prefix}run={run}/rows.parquet"


REPORT_STORES = ScratchTable(
    name="report_stores",
    comment="Which stores keep which schedule; a store that is not here keeps schedule 0.",
    columns=(
        Column("store_id", Kind.TEXT, "the store"),
        Column("schedule", Kind.INTEGER, "the number of its schedule"),
    ),
)

REPORT_WINDOWS = ScratchTable(
    name="report_windows",
    comment="When stores of a schedule are open: half-open business windows that do not overlap.",
    columns=(
        Column("schedule", Kind.INTEGER, "the number of the schedule"),
        Column("opens_ms", Kind.INTEGER, "start of the window, milliseconds since 1970, UTC"),
        Column("closes_ms", Kind.INTEGER, "end of the window, exclusive, milliseconds since 1970, UTC"),
    ),
)

SCRATCH_TABLES: dict[str, ScratchTable] = {table.name: table for table in (REPORT_STORES, REPORT_WINDOWS)}
