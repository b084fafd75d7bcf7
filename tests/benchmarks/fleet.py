"""What taking heartbeats costs: validation, the handler, AWS calls and their price, and bytes at rest."""

import io
import json
import time
from collections import Counter
from typing import Any, cast

import pyarrow.parquet as pq
from pydantic import BaseModel, TypeAdapter

from infra.local.fleet_model import Reading, simulate
from tests.benchmarks.energy import START_MS, silenced
from tests.benchmarks.tables import Row, median_cpu_ms, print_table
from tests.fakes import FakeHistoryQueue, FakeHotFleet
from tests.http_events import call, request
from wattline.adapters.hot_fleet import DynamoHotFleet
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_files import Codec, RowGroups, arrow_rows, landing_object
from wattline.adapters.queues import SqsHistoryQueue
from wattline.adapters.statement_order import in_order
from wattline.api.telemetry import READINGS
from wattline.batches import Row as DataRow
from wattline.domain.fleet import KWH_DC, Heartbeat, HeartbeatStatement, Kind
from wattline.services.fleet import heartbeat_batch, post_heartbeats
from wattline.tables import HEARTBEATS

WRITE_UNIT, QUEUE_REQUEST = 0.625 / 1e6, 0.40 / 1e6
"""Dollars, us-east-1, on demand, list prices of 2026; a queue request is 64 kB of message."""


def readings(count: int) -> list[Reading]:
    """Good ones, as a fleet sends them."""
    fleet = simulate(vehicles=count, meters=count, minutes=1, start_ms=START_MS, seed=3)
    good = [reading for reading in fleet.readings if reading["timestamp"] != "not a time"]
    return good[:count]


class StrictVehicle(BaseModel):
    """What a model a kind, in a union, would look like."""

    vehicleId: str
    soc: float
    kwhDeliveredDc: float
    batteryTemp: float
    timestamp: str


class StrictMeter(BaseModel):
    """See `StrictVehicle`."""

    meterId: str
    kwhConsumedAc: float
    voltage: float
    timestamp: str


def validation() -> None:
    """Readings a second and core, for bodies of 500."""
    body = json.dumps(readings(500))
    union = TypeAdapter(list[StrictVehicle | StrictMeter])
    rows = []
    for name, work in (
        ("one total=False TypedDict, ranges and ids checked (ours)", lambda: READINGS.validate_json(body)),
        ("a union of two models, no ranges", lambda: union.validate_json(body)),
        ("json.loads, nothing checked", lambda: json.loads(body)),
    ):
        rows.append(Row(name, 500 / median_cpu_ms(work) / 1000))
    print_table("Validation of bodies of 500 readings (target: 0.9 M/s/core)", "M readings/s", rows)


def handler_cpu() -> None:
    """The whole ingestion function for 500 heartbeats, without the network."""
    from functions.ingestion import handler as ingestion

    body = json.dumps(readings(500))
    event = request("POST", "/v1/telemetry", body=body)
    real = ingestion.stores
    nothing = cast("Any", None)
    fakes = ingestion.Stores(FakeHistoryQueue(), nothing, FakeHotFleet(), nothing)
    ingestion.stores = lambda: fakes  # type: ignore[assignment]
    try:
        with silenced():
            handled = median_cpu_ms(lambda: call(ingestion.handler, event))
    finally:
        ingestion.stores = real
    rows = [
        Row("ingestion handler (fakes)", handled),
        Row("validation of the same body alone", median_cpu_ms(lambda: READINGS.validate_json(body))),
    ]
    print_table("500 heartbeats, CPU without the network", "ms", rows)


class CountingClient:
    """Takes everything and counts requests, items and write units."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def batch_write_item(self, **call: Any) -> dict[str, Any]:
        self.counts["batch_write_item"] += 1
        for each in next(iter(call["RequestItems"].values())):
            item = each["PutRequest"]["Item"]
            size = sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())
            self.counts["write units"] += -(-size // 1024)
        return {"UnprocessedItems": {}}

    def update_item(self, **_: Any) -> dict[str, Any]:
        self.counts["update_item"] += 1
        self.counts["write units"] += 1
        return {}

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        self.counts["send_message_batch"] += 1
        size = sum(len(entry["MessageBody"]) for entry in call["Entries"])
        self.counts["queue units"] += -(-size // 65_536)
        return {}


def aws_calls() -> None:
    """For 1,000 readings of as many devices, by the size of the requests."""
    print("\nAWS calls for 1,000 heartbeats, a device each, by the size of a request")
    names = (("batch", 6), ("DynamoDB requests", 18), ("write units", 12), ("queue units", 12), ("$ a million", 12))
    print("  " + " ".join(f"{name:>{width}}" for name, width in (*names, ("ratio", 7))))
    base = 0.0
    for size in (500, 25, 1):
        client = cast("Any", CountingClient())
        queue, hot = SqsHistoryQueue(client, "url"), DynamoHotFleet(HotTable(client, "hot"))
        for number in range(1_000 // size):
            beats = [
                Heartbeat(f"vehicle-{number * size + n:05d}", START_MS, (5_000, 90_000_000, 3_000)) for n in range(size)
            ]
            post_heartbeats({Kind.VEHICLE: beats}, _received(number), START_MS, queue=queue, hot=hot)
        counts = client.counts
        # The queue is paid three times: send, receive, delete.
        dollars = 1_000 * (counts["write units"] * WRITE_UNIT + 3 * counts["queue units"] * QUEUE_REQUEST)
        base = base or dollars
        requests = counts["batch_write_item"] + counts["update_item"]
        print(
            f"  {size:>6} {requests:>18,} {counts['write units']:>12,} {counts['queue units']:>12,} "
            f"{dollars:>12.2f} {dollars / base:>7.2f}"
        )


def _received(number: int) -> Any:
    from wattline.ports import Received

    return Received(START_MS + number, number)


def bytes_at_rest() -> None:
    """A day of 2,000 vehicles, whose heartbeats arrive 0 to 20 s after they were measured."""
    from random import Random

    random = Random(5)
    said: list[DataRow] = []
    for vehicle in range(2_000):
        soc, begins = random.uniform(20, 60), random.randrange(1_000)
        for minute in range(1_440):
            charging = begins <= minute < begins + 180
            dc = round(0.18 * random.uniform(0.8, 1.0), 4) if charging else 0.0
            soc = min(100.0, soc + dc / 0.6) if charging else max(5.0, soc - 0.02)
            ts = START_MS + minute * 60_000
            values = (round(soc, 1), dc, round(25 + 8 * charging + random.uniform(-1, 1), 1))
            received = ts + random.randrange(20_000)
            scaled = (round(values[0] * 100), round(values[1] * KWH_DC.factor), round(values[2] * 100))
            beat = Heartbeat(f"vehicle-{vehicle:05d}", ts, scaled)
            said += heartbeat_batch(
                Kind.VEHICLE, [HeartbeatStatement(beat, received // 1000, received % 1000 * 1000)]
            ).rows
    table = HEARTBEATS[Kind.VEHICLE]
    started = time.process_time()
    ours = landing_object(table, arrow_rows(table, said))
    speed = len(said) / (time.process_time() - started) / 1e6
    compacted = RowGroups(table, Codec.COMPACTED)
    compacted.add(in_order(table, arrow_rows(table, said)))
    naive = io.BytesIO()
    shuffled = pq.read_table(io.BytesIO(ours)).sort_by([("ts", "ascending"), ("received_s", "ascending")])
    pq.write_table(shuffled, naive)
    rows = [
        Row("landed: sorted by device, differences, snappy", len(ours) / len(said)),
        Row("compacted: seq is 0 where a moment has one statement", len(compacted.file()) / len(said)),
        Row("pyarrow's defaults, in the order of arrival", naive.tell() / len(said)),
    ]
    print_table(f"{len(said):,} vehicle heartbeats ({speed:.2f} M rows/s encoded from tuples)", "bytes/reading", rows)


def main() -> None:
    """All tables."""
    validation()
    handler_cpu()
    aws_calls()
    bytes_at_rest()
