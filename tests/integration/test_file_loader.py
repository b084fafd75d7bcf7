"""File drops through the loader's own entry, on moto: what is stored, what is rejected, and how each fault ends."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from wattline.adapters.drops import S3Drops
from wattline.adapters.hot_energy import DynamoHotEnergy
from wattline.adapters.hot_fleet import DynamoHotFleet
from wattline.adapters.hot_links import DynamoLinks
from wattline.adapters.hot_loads import DynamoLoads
from wattline.adapters.hot_reports import DynamoNewestPoll
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_lake import ParquetLake
from wattline.adapters.store_sets import S3StoreSets
from wattline.domain.fleet import Kind
from wattline.domain.instants import format_instant
from wattline.domain.loads import Load
from wattline.loading.kind import Stores
from wattline.loading.run import Dropped, Means, take_drop
from wattline.runtime.clock import now_ms
from wattline.services.energy import HOT_WINDOW_MS

HEADER = "vehicleId,timestamp,soc,kwhDeliveredDc,batteryTemp\n"
OLD = "2024-03-01T12:00:00Z"


@dataclass
class Bench:
    """A bucket, a table, and the loader over them."""

    emulated: Emulated
    means: Means

    def put(self, key: str, content: bytes | str) -> Dropped:
        body = content.encode() if isinstance(content, str) else content
        etag = self.emulated.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"].strip('"')
        return Dropped(key, etag, 1)

    def drop(self, content: bytes | str, key: str = "drops/vehicles/file.csv") -> Load:
        return take_drop(self.put(key, content), self.means)

    def rejects(self, load: Load) -> list[dict[str, str]]:
        body = self.emulated.s3.get_object(Bucket=BUCKET, Key=f"rejects/{load.load_id}.csv")["Body"].read()
        return list(csv.DictReader(io.StringIO(body.decode())))

    def rows(self, table: str) -> list[dict[str, Any]]:
        found = []
        for key in self.emulated.object_keys():
            if key.startswith(f"history/{table}/"):
                body = self.emulated.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
                found += pq.read_table(pa.BufferReader(body)).to_pylist()
        return found


@contextmanager
def running_bench() -> Iterator[Bench]:
    """A loader on moto."""
    with mock_aws():
        emulated = emulate()
        table = HotTable(emulated.dynamodb, HOT_TABLE)
        stores = Stores(
            ParquetLake(emulated.s3, BUCKET, table),
            DynamoHotEnergy(table, HOT_WINDOW_MS),
            DynamoHotFleet(table),
            DynamoLinks(table),
            DynamoNewestPoll(table),
            S3StoreSets(emulated.s3, BUCKET, table),
        )
        loads, drops = DynamoLoads(table, emulated.s3, BUCKET), S3Drops(emulated.s3, BUCKET)
        yield Bench(emulated, Means(loads, drops, stores, now_ms, max_bytes=10_000_000))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with running_bench() as bench:
        yield bench


def counts(load: Load) -> tuple[str, int, int, int]:
    return load.state.value, load.rows_read, load.rows_stored, load.rows_rejected


def test_a_csv_of_old_heartbeats_is_stored_in_the_history_alone(bench: Bench) -> None:
    load = bench.drop(f"{HEADER}ev-1,{OLD},61.5,0.17,31\nev-2,2024-03-02T00:00:00+01:00,1,2,-3.25\n")
    assert counts(load) == ("complete", 2, 2, 0)
    rows = sorted(bench.rows("vehicle_heartbeats"), key=lambda row: row["vehicle_id"])
    assert [(row["vehicle_id"], str(row["ts"]), str(row["soc"]), str(row["kwh_dc"])) for row in rows] == [
        ("ev-1", "2024-03-01 12:00:00", "61.50", "0.170000000"),
        ("ev-2", "2024-03-01 23:00:00", "1.00", "2.000000000"),
    ]
    assert str(rows[1]["battery_temp"]) == "-3.25"
    assert bench.means.stores.fleet.live(Kind.VEHICLE, "ev-1") is None


def test_recent_heartbeats_go_to_the_hot_table_and_become_live(bench: Bench) -> None:
    recent = [format_instant(now_ms() - minutes * 60_000) for minutes in (5, 3, 4)]
    load = bench.drop(HEADER + "".join(f"ev-1,{ts},{soc},0.1,20\n" for soc, ts in enumerate(recent)))
    assert counts(load) == ("complete", 3, 3, 0)
    live = bench.means.stores.fleet.live(Kind.VEHICLE, "ev-1")
    assert live is not None and live.heartbeat.values[0] == 100
