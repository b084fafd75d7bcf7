"""What the local Athena endpoint reads for a query, counted at its S3 client, and what it says that it read."""

import io
import random
from collections.abc import Iterator
from itertools import product

import pyarrow.parquet as pq
import pytest

from tests.integration.athena_endpoint import BUCKET, NOON, Endpoint, running_endpoint, statement
from wattline.adapters.athena import sql_literal
from wattline.domain.energy import CAPACITY_NANO
from wattline.domain.instants import INTERVAL_MS
from wattline.tables import ENERGY_INTERVALS, bucket_names, bucket_of

MONTHS = ("2018-07-01", "2018-08-01", "2018-09-01")
BUCKETS = ("landing", "03", "04")
ALL = frozenset(product(MONTHS, BUCKETS))
COUNT = "SELECT count(kwh) AS n FROM energy_intervals"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint() as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("condition", "parameters", "inside"),
    [
        ("true", (), ALL),
        ("dt = ?", ("2018-08-01",), product(MONTHS[1:2], BUCKETS)),
        ("dt >= ? AND dt <= ?", ("2018-08-01", "2018-09-01"), product(MONTHS[1:], BUCKETS)),
        ("dt >= ? AND dt <= ?", ("2018-07-02", "2018-08-31"), product(MONTHS[1:2], BUCKETS)),
        ("dt IN (?, ?)", ("2018-07-01", "2018-09-01"), product(MONTHS[::2], BUCKETS)),
        ("bucket = ?", ("04",), product(MONTHS, ["04"])),
        ("bucket IN ('landing', ?)", ("03",), product(MONTHS, ["landing", "03"])),
        ("dt >= ? AND dt <= ? AND bucket IN ('landing', ?)", ("2018-08-01", "2018-08-01", "04"),
         product(MONTHS[1:2], ["landing", "04"])),
        ("dt = ?", ("2018-10-01",), ()),
        ("dt = ? AND bucket = ?", ("2018-08-01", "05"), ()),
    ],
)  # fmt: skip
def test_a_query_bounded_by_dt_and_bucket_reads_exactly_the_objects_inside(
    endpoint: Endpoint, condition: str, parameters: tuple[str, ...], inside: Iterator[tuple[str, str]]
) -> None:
    keys = {(dt, bucket): endpoint.put([statement()], dt=dt, bucket=bucket) for dt, bucket in ALL}
    wanted = {keys[each] for each in inside}
    rows = endpoint.rows(f"{COUNT} WHERE {condition}", *map(sql_literal, parameters))
    assert {read.key for read in endpoint.spy.reads} == wanted
    assert rows == [[str(len(wanted))]]


def test_a_bound_inside_a_subquery_prunes_too(endpoint: Endpoint) -> None:
    keys = [endpoint.put([statement()], dt=dt) for dt in MONTHS]
    sql = f"WITH said AS (SELECT kwh FROM energy_intervals WHERE dt = ?) {COUNT.replace('energy_intervals', 'said')}"
    assert endpoint.rows(sql, "'2018-08-01'") == [["1"]]
    assert {read.key for read in endpoint.spy.reads} == {keys[1]}


def test_dt_and_bucket_come_from_the_key(endpoint: Endpoint) -> None:
    for dt, bucket in ALL:
        endpoint.put([statement()], dt=dt, bucket=bucket)
    sql = "SELECT dt, bucket FROM energy_intervals ORDER BY dt, bucket"
    assert endpoint.rows(sql) == [list(each) for each in sorted(ALL)]


def test_several_objects_of_a_partition_are_all_read(endpoint: Endpoint) -> None:
    keys = {endpoint.put([statement()], name=f"object-{number}") for number in range(12)}
    assert endpoint.rows(COUNT) == [["12"]]
    assert {read.key for read in endpoint.spy.reads} == keys


def test_objects_outside_the_tables_partitions_are_not_seen(endpoint: Endpoint) -> None:
    seen = endpoint.put([statement()])
    for stray in (
        "history/energy_intervals/stray.parquet",
        "history/energy_intervals/dt=2018-08-01/stray.parquet",
        "history/energy_intervals/bucket=03/stray.parquet",
        "history/energy_intervals/2018-08-01/03/stray.parquet",
        "history/energy_intervals/dt=2018-08-01/bucket=03/hour=1/stray.parquet",
        "history/energy_intervals_old/dt=2018-08-01/bucket=03/stray.parquet",
        "elsewhere/dt=2018-08-01/bucket=03/stray.parquet",
    ):
        endpoint.s3.copy_object(Bucket=BUCKET, Key=stray, CopySource={"Bucket": BUCKET, "Key": seen})
    assert endpoint.rows(COUNT) == [["1"]]
    assert {read.key for read in endpoint.spy.reads} == {seen}


def test_a_table_without_objects_is_empty(endpoint: Endpoint) -> None:
    execution = endpoint.succeed(COUNT)
    assert endpoint.csv(execution) == '"n"\n"0"\n'
    assert execution["Statistics"]["DataScannedInBytes"] == 0
    assert endpoint.rows("SELECT * FROM energy_intervals") == []


@pytest.mark.parametrize(
    "sql",
    [
        COUNT,
        "SELECT * FROM energy_intervals",
        "SELECT spaceship_id FROM energy_intervals WHERE dt = '2018-08-01'",
        "SELECT count(*) AS n FROM energy_intervals a JOIN energy_intervals b ON a.seq = b.seq AND a.dt <> b.dt",
    ],
)
def test_the_scanned_bytes_are_those_that_were_read(endpoint: Endpoint, sql: str) -> None:
    for dt, bucket in ALL:
        endpoint.put((statement(seq=seq) for seq in range(500)), dt=dt, bucket=bucket)
    scanned = endpoint.succeed(sql)["Statistics"]["DataScannedInBytes"]
    assert scanned == sum(read.end - read.start for read in endpoint.spy.reads) > 0


def test_a_query_that_failed_or_reads_no_table_scanned_nothing(endpoint: Endpoint) -> None:
    endpoint.put([statement()])
    assert endpoint.succeed("SELECT 1 AS one")["Statistics"]["DataScannedInBytes"] == 0
    failed = endpoint.wait(endpoint.start("SELECT nothing FROM energy_intervals"))
    assert failed["Statistics"]["DataScannedInBytes"] == 0
    assert endpoint.spy.reads == []


def test_row_groups_of_other_ships_are_not_read(endpoint: Endpoint) -> None:
    ships = _one_ship_a_bucket(6)
    key = endpoint.put(_incompressible(ships, 8_000))
    body = endpoint.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    groups = _row_groups(body)
    scanned = []
    for position, ship in enumerate(ships):
        endpoint.spy.reads.clear()
        execution = endpoint.succeed("SELECT sum(kwh) AS kwh FROM energy_intervals WHERE spaceship_id = ?", f"'{ship}'")
        scanned.append(execution["Statistics"]["DataScannedInBytes"])
        for number, (start, end) in enumerate(groups[:-2]):  # the last ones lie near the footer, which is always read
            touched = any(read.start < end and read.end > start for read in endpoint.spy.reads)
            assert touched == (number == position), f"{ship}, row group {number}"
    assert max(scanned) < len(body) / 2


def test_columns_that_are_not_asked_for_are_not_read(endpoint: Endpoint) -> None:
    endpoint.put(_incompressible(_one_ship_a_bucket(6), 8_000))
    few = endpoint.succeed("SELECT max(seq) AS seq FROM energy_intervals")["Statistics"]["DataScannedInBytes"]
    most = endpoint.succeed("SELECT max(kwh) AS kwh FROM energy_intervals")["Statistics"]["DataScannedInBytes"]
    assert few < most / 3


def test_an_object_that_vanishes_between_listing_and_reading_fails_the_query(endpoint: Endpoint) -> None:
    key = endpoint.put([statement()])
    with endpoint.spy.hold("GetObject") as held:
        execution_id = endpoint.start(COUNT)
        held()
        endpoint.s3.delete_object(Bucket=BUCKET, Key=key)
    status = endpoint.wait(execution_id)["Status"]
    assert status["State"] == "FAILED"
    assert status["StateChangeReason"].startswith(
        f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split s3://{BUCKET}/{key}"
    )


def test_an_object_that_is_no_parquet_fails_the_query(endpoint: Endpoint) -> None:
    endpoint.s3.put_object(Bucket=BUCKET, Key=ENERGY_INTERVALS.landing_key("2018-08-01", "bad"), Body=b"x" * 100)
    assert "Parquet" in endpoint.fail(COUNT)


def _one_ship_a_bucket(count: int) -> list[str]:
    """Ships in the order of their buckets, and of the row groups of an object that holds them all."""
    ships = {bucket_of(f"ship-{number}"): f"ship-{number}" for number in range(200)}
    return [ships[bucket] for bucket in bucket_names()[1:]][:count]


def _incompressible(ships: list[str], count: int) -> Iterator[tuple[str | int, ...]]:
    chance = random.Random(1)
    for ship, number in product(ships, range(count)):
        yield statement(ship, NOON + number * INTERVAL_MS, nano=chance.randrange(CAPACITY_NANO))


def _row_groups(body: bytes) -> list[tuple[int, int]]:
    """Where each row group lies in an object: [start, end)."""
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    spans = []
    for group in groups:
        columns = [group.column(number) for number in range(group.num_columns)]
        start = min(column.dictionary_page_offset or column.data_page_offset for column in columns)
        spans.append((start, start + sum(column.total_compressed_size for column in columns)))
    return spans
