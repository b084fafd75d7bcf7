"""The file loader over moto: drop a file, see how its load ends and what is stored."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from moto import mock_aws

from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from wattline.adapters.drops import S3Drops
from wattline.adapters.hot_alerts import DynamoAlerts
from wattline.adapters.hot_batteries import DynamoHotBatteries
from wattline.adapters.hot_energy import DynamoHotEnergy
from wattline.adapters.hot_fleet import DynamoHotFleet
from wattline.adapters.hot_links import DynamoLinks
from wattline.adapters.hot_loads import DynamoLoads
from wattline.adapters.hot_obis import DynamoSmartMeters, DynamoTariffSets
from wattline.adapters.hot_reports import DynamoNewestPoll
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_lake import ParquetLake
from wattline.adapters.store_sets import S3StoreSets
from wattline.domain.loads import Load, load_id
from wattline.loading.kind import Stores
from wattline.loading.run import Dropped, Means, take_drop
from wattline.runtime.clock import now_ms
from wattline.services.energy import HOT_WINDOW_MS


def means(dynamodb: Any, s3: Any) -> Means:
    """The loader's wiring over some clients."""
    table = HotTable(dynamodb, HOT_TABLE)
    stores = Stores(
        ParquetLake(s3, BUCKET, table),
        DynamoHotEnergy(table, HOT_WINDOW_MS),
        DynamoHotFleet(table),
        DynamoLinks(table),
        DynamoHotBatteries(table),
        DynamoSmartMeters(table),
        DynamoTariffSets(table),
        DynamoNewestPoll(table),
        S3StoreSets(s3, BUCKET, table),
        DynamoAlerts(table),
    )
    return Means(DynamoLoads(table, s3, BUCKET), S3Drops(s3, BUCKET), stores, now_ms, max_bytes=10_000_000)


@dataclass
class Loader:
    """A bucket, a table, and the loader over them."""

    emulated: Emulated
    means: Means

    def put(self, key: str, content: bytes | str) -> Dropped:
        body = content.encode() if isinstance(content, str) else content
        etag = self.emulated.s3.put_object(Bucket=BUCKET, Key=key, Body=body)["ETag"].strip('"')
        return Dropped(key, etag, 1)

    def drop(self, content: bytes | str, key: str = "drops/vehicles/file.csv") -> Load:
        """Put and load; the load as it is stored."""
        dropped = self.put(key, content)
        told = take_drop(dropped, self.means)
        stored = self.find(dropped)
        assert stored == told
        return told

    def find(self, dropped: Dropped) -> Load:
        found = self.means.loads.find(load_id(dropped.key, dropped.etag))
        assert found is not None
        return found

    def at(self, now: int) -> "Loader":
        """The same at another time."""
        return replace(self, means=replace(self.means, clock=lambda: now))

    def rejects(self, load: Load) -> list[dict[str, str]]:
        body = self.emulated.s3.get_object(Bucket=BUCKET, Key=f"rejects/{load.load_id}.csv")["Body"].read()
        return list(csv.DictReader(io.StringIO(body.decode(), newline="")))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All history rows, sorted."""
        found = []
        for key in self.emulated.object_keys():
            if key.startswith(f"history/{table}/"):
                body = self.emulated.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
                found += pq.read_table(pa.BufferReader(body)).to_pylist()
        return sorted(found, key=lambda row: json.dumps(row, default=str))

    def hot(self) -> list[Any]:
        """Everything in the hot table but loads, sorted."""
        items = self.emulated.dynamodb.scan(TableName=HOT_TABLE)["Items"]
        return sorted((i for i in items if not i["pk"]["S"].startswith("LOAD#")), key=json.dumps)


def counts(load: Load) -> tuple[str, int, int, int]:
    """State, rows read, stored, rejected."""
    return load.state.value, load.rows_read, load.rows_stored, load.rows_rejected


class Client:
    """Another client with some calls replaced."""

    def __init__(self, client: Any, **replaced: Any) -> None:
        self._client, self._replaced = client, replaced

    def __getattr__(self, name: str) -> Any:
        return self._replaced.get(name) or getattr(self._client, name)


@contextmanager
def running_loader() -> Iterator[Loader]:
    """A loader on moto."""
    with mock_aws():
        emulated = emulate()
        yield Loader(emulated, means(emulated.dynamodb, emulated.s3))
