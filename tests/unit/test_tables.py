"""The definitions that everything about the history derives from, and the `latest` query run for real."""

from dataclasses import dataclass

import duckdb
import pytest

from tests.factories import at
from wattline.domain.instants import to_datetime
from wattline.tables import (
    BUCKETS,
    ENERGY_INTERVALS,
    LANDING,
    TABLES,
    Column,
    Grain,
    Kind,
    Table,
    bucket_names,
    bucket_of,
)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_is_found_by_its_name(table: Table) -> None:
    assert TABLES[table.name] is table


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_columns_that_a_table_names_exist_and_each_once(table: Table) -> None:
    named = {table.device, table.event_time, *table.natural_key, *table.sort}
    assert named <= set(table.column_names)
    assert len(set(table.column_names)) == len(table.column_names)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_row_is_a_statement_with_a_time_of_receipt(table: Table) -> None:
    kinds = {column.name: column.kind for column in table.columns}
    assert kinds["seq"] is Kind.INTEGER
    assert kinds[table.received] in (Kind.TIMESTAMP, Kind.INTEGER)
    assert kinds[table.event_time] is Kind.TIMESTAMP
    assert kinds[table.device] is Kind.TEXT


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_partition_columns_are_not_columns_of_the_files(table: Table) -> None:
    assert not {"dt", "bucket"} & set(table.column_names)


def test_energy_has_nine_decimals() -> None:
    [kwh] = [column for column in ENERGY_INTERVALS.columns if column.name == "kwh"]
    assert kwh.glue_type == "decimal(18,9)"


@pytest.mark.parametrize(
    ("kind", "glue_type"),
    [
        (Kind.TEXT, "string"),
        (Kind.TIMESTAMP, "timestamp"),
        (Kind.DECIMAL, "decimal(18,0)"),
        (Kind.INTEGER, "bigint"),
    ],
)
def test_each_kind_has_a_type_in_the_catalog(kind: Kind, glue_type: str) -> None:
    assert Column("name", kind, "what it is").glue_type == glue_type


def test_energy_lies_in_months() -> None:
    assert ENERGY_INTERVALS.grain is Grain.MONTH
    assert ENERGY_INTERVALS.dt_of(at(0)) == "2018-08-01"


def test_a_table_of_days_lies_in_days() -> None:
    daily = Table("daily", "", ENERGY_INTERVALS.columns, "spaceship_id", "interval_start", (), (), Grain.DAY)
    assert daily.dt_of(at(0) - 1) == "2018-08-23"
    assert daily.dt_of(at(0)) == "2018-08-24"


def test_a_writer_appends_to_the_landing_bucket_of_a_partition() -> None:
    key = ENERGY_INTERVALS.landing_key("2018-08-01", "abc")
    assert key == "history/energy_intervals/dt=2018-08-01/bucket=landing/abc.parquet"
    assert key.startswith(ENERGY_INTERVALS.prefix)


def test_a_device_keeps_its_bucket_for_ever() -> None:
    # CRC-32 of these texts is published: "123456789" is its check value 0xCBF43926
    assert bucket_of("123456789") == "06"
    assert bucket_of("a") == f"{0xE8B7BE43 % 16:02d}" == "03"


def test_every_bucket_of_a_device_is_among_the_names_of_the_partition() -> None:
    names = bucket_names()
    assert names[0] == LANDING
    assert len(names) == BUCKETS + 1
    assert {bucket_of(f"ship-{number}") for number in range(500)} == set(names[1:])


SHIP = "rocinante"


@dataclass(frozen=True)
class Stored:
    """A row of `energy_intervals` and where it lies; times in minutes after MIDNIGHT."""

    kwh: int
    minute: int = 0
    length: int = 15
    received: int = 100
    seq: int = 0
    ship: str = SHIP
    dt: str = "2018-08-01"
    bucket: str = LANDING

    def values(self) -> list[object]:
        span = [instant(minute) for minute in (self.minute, self.minute + self.length)]
        interval = instant(self.minute - self.minute % 15)
        return [self.dt, self.bucket, self.ship, interval, *span, self.kwh, "energy", instant(self.received), self.seq]


def latest(*rows: Stored, start: int = 0, end: int = 60, received_at_most: int = 1_000) -> list[int]:
    """The kWh of the rows in force, from DuckDB."""
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE energy_intervals (dt varchar, bucket varchar, spaceship_id varchar, interval_start timestamp,"
        " span_start timestamp, span_end timestamp, kwh decimal(18, 9), basis varchar, received_at timestamp,"
        " seq bigint)"
    )
    for row in rows:
        connection.execute("INSERT INTO energy_intervals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row.values())
    times = [instant(minute) for minute in (start, end, received_at_most)]
    parameters = ["2018-08-01", "2018-08-01", bucket_of(SHIP), SHIP, *times]
    query = f"SELECT kwh FROM ({ENERGY_INTERVALS.latest_of_device()}) ORDER BY kwh"
    return [int(kwh) for (kwh,) in connection.execute(query, parameters).fetchall()]


def instant(minute: int) -> str:
    return to_datetime(at(minute)).strftime("%Y-%m-%d %H:%M:%S")


def test_the_statement_received_last_is_the_one_in_force() -> None:
    assert latest(Stored(1, received=5), Stored(2, received=7), Stored(3, received=6)) == [2]


def test_the_sequence_decides_between_statements_received_together() -> None:
    assert latest(Stored(1, seq=2), Stored(2, seq=10), Stored(3, seq=1)) == [2]


def test_as_of_an_instant_what_came_later_had_not_been() -> None:
    rows = [Stored(1, received=5), Stored(2, received=7)]
    assert latest(*rows, received_at_most=4) == []
    assert latest(*rows, received_at_most=6) == [1]
    assert latest(*rows, received_at_most=7) == [2]


def test_stretches_of_one_quarter_hour_hold_side_by_side() -> None:
    assert latest(Stored(1), Stored(2, length=5), Stored(3, minute=5, length=5)) == [1, 2, 3]


def test_a_range_is_half_open() -> None:
    rows = [Stored(kwh=minute, minute=minute) for minute in (0, 15, 30, 45)]
    assert latest(*rows, start=15, end=45) == [15, 30]


def test_landed_and_compacted_rows_of_the_device_are_read_and_no_others() -> None:
    other = next(name for name in bucket_names()[1:] if name != bucket_of(SHIP))
    rows = [
        Stored(1, minute=0),
        Stored(2, minute=15, bucket=bucket_of(SHIP)),
        Stored(3, minute=30, bucket=other),
        Stored(4, minute=30, ship="nostromo"),
        Stored(5, minute=30, dt="2018-07-01"),
    ]
    assert latest(*rows) == [1, 2]
