"""The history's objects, written to S3 (moto) and read back by pyarrow."""

import io
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_files import arrow_rows, landing_object
from wattline.adapters.parquet_lake import ParquetLake
from wattline.batches import Batch, Row
from wattline.errors import TransientError
from wattline.tables import ENERGY_INTERVALS, bucket_of

FEBRUARY, MARCH = 1_580_515_200_000, 1_583_020_800_000


@pytest.fixture
def emulated() -> Iterator[Emulated]:
    with mock_aws():
        yield emulate()


def row(ship: str, interval_ms: int, amount: int = 10**18 - 1) -> Row:
    return (ship, interval_ms, interval_ms, interval_ms + 900_000, amount, "power", 1_600_000_000_123, 2**32 - 1)


def lake(emulated: Emulated) -> ParquetLake:
    return ParquetLake(emulated.s3, BUCKET, HotTable(emulated.dynamodb, HOT_TABLE))


def test_rows_lie_under_the_month_of_their_event_and_the_month_is_marked(emulated: Emulated) -> None:
    batches = [
        Batch(ENERGY_INTERVALS, (row("a", FEBRUARY), row("a", MARCH - 1))),
        Batch(ENERGY_INTERVALS, (row("b", MARCH),)),
    ]
    lake(emulated).append(batches, "name")
    assert emulated.object_keys() == [
        "history/energy_intervals/dt=2020-02-01/bucket=landing/name.parquet",
        "history/energy_intervals/dt=2020-03-01/bucket=landing/name.parquet",
    ]
    marks = HotTable(emulated.dynamodb, HOT_TABLE).query("DIRTY#energy_intervals", "0", "9")
    assert [mark["sk"]["S"] for mark in marks] == ["2020-02-01", "2020-03-01"]


def landed(rows: list[Row]) -> bytes:
    return landing_object(ENERGY_INTERVALS, arrow_rows(ENERGY_INTERVALS, rows))


def test_values_come_back_as_they_went_in() -> None:
    table = pq.read_table(io.BytesIO(landed([row("a", FEBRUARY)])))
    assert table.to_pylist() == [
        {
            "spaceship_id": "a",
            "interval_start": datetime(2020, 2, 1),  # noqa: DTZ001 - stored without a zone, in UTC
            "span_start": datetime(2020, 2, 1),  # noqa: DTZ001
            "span_end": datetime(2020, 2, 1, 0, 15),  # noqa: DTZ001
            "kwh": Decimal("999999999.999999999"),
            "basis": "power",
            "received_at": datetime(2020, 9, 13, 12, 26, 40, 123_000),  # noqa: DTZ001
            "seq": 2**32 - 1,
        }
    ]


def test_an_object_is_sorted_and_has_a_row_group_a_bucket() -> None:
    ships = [f"ship-{number}" for number in range(40)]
    rows = [row(ship, FEBRUARY + n * 900_000, amount=n) for n in range(5) for ship in ships]
    file = pq.ParquetFile(io.BytesIO(landed(rows[::-1])))
    groups = [file.read_row_group(number).to_pylist() for number in range(file.num_row_groups)]
    buckets = [{bucket_of(each["spaceship_id"]) for each in group} for group in groups]
    assert all(len(bucket) == 1 for bucket in buckets)
    assert len(set.union(*buckets)) == len(groups)
    for group in groups:
        keys = [(each["spaceship_id"], each["interval_start"]) for each in group]
        assert keys == sorted(keys)
    assert sum(map(len, groups)) == len(rows)


def test_numbers_are_stored_as_integers_by_their_differences() -> None:
    metadata = pq.ParquetFile(io.BytesIO(landed([row("a", FEBRUARY)]))).metadata
    columns = {metadata.schema.column(n).name: metadata.row_group(0).column(n) for n in range(metadata.num_columns)}
    assert columns["kwh"].physical_type == "INT64"
    for name in ("interval_start", "span_start", "span_end", "kwh", "received_at", "seq"):
        assert "DELTA_BINARY_PACKED" in columns[name].encodings
        assert columns[name].compression == "SNAPPY"
    assert columns["spaceship_id"].has_dictionary_page


def test_a_bucket_that_is_gone_is_worth_a_retry(emulated: Emulated) -> None:
    emulated.s3.delete_bucket(Bucket=BUCKET)
    with pytest.raises(TransientError):
        lake(emulated).append([Batch(ENERGY_INTERVALS, (row("a", FEBRUARY),))], "name")


@pytest.mark.parametrize("span", [3, 2**20, 2**40])
def test_rows_are_sorted_however_far_apart_their_times_and_receipts_lie(span: int) -> None:
    random = Random(span)
    rows = [
        (f"ship-{random.randrange(9)}", random.randrange(0, span, 3), 0, 900_000, n, "power", random.randrange(span), n)
        for n in range(500)
    ]
    names = ENERGY_INTERVALS.column_names
    flight = arrow_rows(ENERGY_INTERVALS, rows)
    got = [tuple(row[name] for name in names) for row in _in_flight(landing_object(ENERGY_INTERVALS, flight))]
    assert got == sorted(rows, key=lambda row: (int(bucket_of(row[0])), row[0], row[1], row[2], row[6], row[7]))


def _in_flight(body: bytes) -> list[dict[str, object]]:
    """Rows of a file as integers."""
    table = pq.read_table(io.BytesIO(body))
    schema = pa.schema([
        pa.field(f.name, pa.int64() if pa.types.is_timestamp(f.type) else f.type) for f in table.schema
    ])  # fmt: skip
    rows: list[dict[str, object]] = table.cast(schema).to_pylist()
    return [row | {"kwh": int(Decimal(str(row["kwh"])).scaleb(9))} for row in rows]
