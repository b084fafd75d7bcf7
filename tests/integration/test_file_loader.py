"""File drops through the loader's own entry, on moto: what is stored, what is rejected, and how each fault ends."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from wattline.adapters.drops import S3Drops
from wattline.adapters.hot_batteries import DynamoHotBatteries
from wattline.adapters.hot_energy import DynamoHotEnergy
from wattline.adapters.hot_fleet import DynamoHotFleet
from wattline.adapters.hot_links import DynamoLinks
from wattline.adapters.hot_loads import DynamoLoads
from wattline.adapters.hot_obis import DynamoSmartMeters, DynamoTariffSets
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_lake import ParquetLake
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


@pytest.fixture
def bench() -> Iterator[Bench]:
    with mock_aws():
        emulated = emulate()
        table = HotTable(emulated.dynamodb, HOT_TABLE)
        stores = Stores(
            ParquetLake(emulated.s3, BUCKET, table),
            DynamoHotEnergy(table, HOT_WINDOW_MS),
            DynamoHotFleet(table),
            DynamoLinks(table),
            DynamoHotBatteries(table),
            DynamoSmartMeters(table),
            DynamoTariffSets(table),
        )
        loads, drops = DynamoLoads(table, emulated.s3, BUCKET), S3Drops(emulated.s3, BUCKET)
        yield Bench(emulated, Means(loads, drops, stores, now_ms, max_bytes=10_000_000))


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


def obis_item(minute: int, value: object = 0.5, **more: object) -> dict[str, object]:
    timestamp = f"2023-02-01T00:{minute:02}:00.000Z"
    return {"timestamp": timestamp, "tags": {"muid": "m", "quality": "measured"}, "0100011D00FF": value, **more}


def amounts(bench: Bench) -> list[tuple[str, str, str, str]]:
    rows = bench.rows("obis_readings")
    return sorted((str(row["ts"])[11:16], row["code"], str(row["amount"]), row["quality"]) for row in rows)


def test_meter_readings_are_stored_by_register_and_bad_ones_named(bench: Bench) -> None:
    items = [obis_item(0, "0.25"), obis_item(15, 0.0117, **{"1-0:2.29.0": 1}), obis_item(30, "N/A"), obis_item(7), "?"]
    load = bench.drop(json.dumps({"data": items}), "drops/obis/file.json")
    assert counts(load) == ("complete_with_rejects", 6, 3, 3)
    assert amounts(bench) == [
        ("00:00", "0100011D00FF", "0.250000000", "measured"),
        ("00:15", "0100011D00FF", "0.011700000", "measured"),
        ("00:15", "0100021D00FF", "1.000000000", "measured"),
    ]
    assert {code.dotted for code in bench.means.stores.smart_meters.registers("m")} == {
        "1-0:1.29.0*255",
        "1-0:2.29.0*255",
    }
    rejects = bench.rejects(load)
    assert [(row["line"], row["reason"].split(":")[0]) for row in rejects] == [
        ("3", "0100011D00FF"),
        ("4", "0100011D00FF"),
        ("5", "is not an object"),
    ]
    assert json.loads(rejects[0]["raw"])["tags"]["muid"] == "m"


def test_meter_readings_come_as_ndjson_and_as_csv_too(bench: Bench) -> None:
    lines = "\n".join(json.dumps(obis_item(minute)) for minute in (0, 15))
    assert counts(bench.drop(lines, "drops/obis/a.ndjson")) == ("complete", 2, 2, 0)
    rows = "muid,timestamp,code,value\nm,2023-02-01T00:30:00Z,1-0:1.29.0,0.5\nm,2023-02-01T00:45:00Z,nonsense,1\n"
    load = bench.drop(rows, "drops/obis/b.csv")
    assert counts(load) == ("complete_with_rejects", 2, 1, 1)
    assert [row[0] for row in amounts(bench)] == ["00:00", "00:15", "00:30"]
    assert amounts(bench)[2][3] == "unspecified"


def test_a_set_of_tariffs_replaces_the_one_before_or_fails_and_leaves_it(bench: Bench) -> None:
    good = Path("events/tariffs/swiss-dual.json").read_text()
    assert counts(bench.drop(good, "drops/tariffs/a.json")) == ("complete", 1, 1, 0)
    kept = bench.means.stores.tariffs.newest(now_ms() + 1_000)
    assert kept is not None and kept.document == good
    for bad, name in (
        (good.replace("0.32", "much"), "b.json"),
        ("[]", "c.json"),
        ("{", "d.json"),
        ("a,b\n1,2\n", "e.csv"),
        ('{"tariffs": "\udcff"}'.encode(errors="surrogateescape"), "f.json"),
    ):
        load = bench.drop(bad, f"drops/tariffs/{name}")
        assert load.state.value == "failed"
        assert load.reason
    assert bench.means.stores.tariffs.newest(now_ms() + 1_000) == kept
    one_a_line = json.dumps(json.loads(good)["tariffs"][0])
    assert counts(bench.drop(one_a_line, "drops/tariffs/g.ndjson")) == ("complete", 1, 1, 0)
