"""What taking and storing energy readings costs: CPU, cold imports, DynamoDB writes, bytes at rest."""

import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
from pydantic import BaseModel, TypeAdapter

from tests.benchmarks.tables import Row, median_cpu_ms, print_table
from tests.fakes import FakeHistoryQueue, FakeHotEnergy
from tests.http_events import call, request
from wattline.adapters.hot_energy import DynamoHotEnergy
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_files import arrow_rows, landing_object
from wattline.batches import Row as DataRow
from wattline.domain.energy_post import JudgedPost, Units, judge
from wattline.domain.instants import INTERVAL_MS, format_instant
from wattline.ports import Received
from wattline.services.energy import HOT_WINDOW_MS, energy_batch

ROOT = Path(__file__).parents[2]
START_MS = 1_535_068_800_000
NOW_MS = START_MS + 10 * 86_400_000


def readings(count: int, step_ms: int) -> list[dict[str, object]]:
    """A series like a ship's: three decimals, a slow swing."""
    return [
        {"datetime": format_instant(START_MS + n * step_ms), "value": round(20 + (n * 37 % 101) / 7, 3)}
        for n in range(count)
    ]


def handler_cpu() -> None:
    """The whole ingestion function for 500 readings, without the network."""
    from functions.ingestion import handler as ingestion

    body = json.dumps({"spaceship_id": "falcon", "units": "kW", "data": readings(500, 60_000)})
    event = request("POST", "/data", body=body)
    real = ingestion.stores
    nothing = cast("Any", None)
    fakes = ingestion.Stores(FakeHistoryQueue(), FakeHotEnergy(HOT_WINDOW_MS), nothing, nothing)
    ingestion.stores = lambda: fakes  # type: ignore[assignment]

    class Typed(BaseModel):
        datetime: str
        value: float

    class TypedPost(BaseModel):
        spaceship_id: str
        units: str
        data: list[Typed]

    adapter = TypeAdapter(TypedPost)
    try:
        with silenced():
            assert call(ingestion.handler, event).status == 201
            handled = median_cpu_ms(lambda: call(ingestion.handler, event))
    finally:
        ingestion.stores = real
    rows = [
        Row("ingestion handler: judge, split, queue and hot items (fakes)", handled),
        Row("pydantic model of the same body, nothing else", median_cpu_ms(lambda: adapter.validate_json(body))),
        Row("json.loads of the same body, nothing else", median_cpu_ms(lambda: json.loads(body))),
    ]
    print_table("A post of 500 readings, CPU (target: under 5 ms)", "ms", rows)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Log lines cost, and are part of the measurement; they go nowhere."""
    from wattline.runtime.observability import logger

    handler = logger.registered_handler
    stream = handler.stream  # type: ignore[attr-defined]
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        handler.stream = nowhere  # type: ignore[attr-defined]
        try:
            yield
        finally:
            handler.stream = stream  # type: ignore[attr-defined]


def cold_imports() -> None:
    """Fresh interpreters; the interpreter's own start is not counted."""
    first_request = "from wattline.api import energy; from wattline.adapters import aws; aws.dynamodb(); aws.sqs()"
    statements = {
        "ingestion": "import functions.ingestion.handler",
        "ingestion, and what its first request adds": f"import functions.ingestion.handler; {first_request}",
        "query": "import functions.query.handler",
        "web": "import functions.web.handler",
        "authorizer": "import functions.authorizer.handler",
        "boto3 alone": "import boto3",
        "Powertools' resolver alone": "import aws_lambda_powertools.event_handler",
    }
    rows = [Row(name, cold_ms(statement)) for name, statement in statements.items()]
    print_table("Cold import (target for ingestion: under 300 ms)", "ms", rows)


def cold_ms(statement: str) -> float:
    """Median of nine."""
    code = f"import time; t = time.perf_counter(); {statement}; print((time.perf_counter() - t) * 1000)"
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'layers/core/python'}", "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-c", code]
    runs = [float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout) for _ in range(9)]
    return statistics.median(runs)


class CountingClient:
    """Takes every item and counts write units: one for each started kB."""

    def __init__(self) -> None:
        self.requests = self.units = 0

    def batch_write_item(self, **call: Any) -> dict[str, Any]:
        self.requests += 1
        for each in next(iter(call["RequestItems"].values())):
            item = each["PutRequest"]["Item"]
            size = sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())
            self.units += -(-size // 1024)
        return {"UnprocessedItems": {}}


def judged(intervals: int) -> JudgedPost:
    """A post of quarter hours."""
    items = [(each["datetime"], each["value"]) for each in readings(intervals, INTERVAL_MS)]
    return judge(items, Units.KWH, None, NOW_MS + 60 * 86_400_000)


def hot_writes() -> None:
    """DynamoDB write units of a post, against an item for each quarter hour."""
    rows = []
    for intervals in (1, 96, 5_000):
        client = CountingClient()
        hot = DynamoHotEnergy(HotTable(client, "hot"), HOT_WINDOW_MS)  # type: ignore[arg-type]
        hot.put("falcon", judged(intervals).pieces, Received(NOW_MS, 1), NOW_MS)
        rows.append((intervals, client))
    for intervals, client in rows:
        print_table(
            f"A post of {intervals:,} quarter hours into the hot table ({client.requests} requests)",
            "write units",
            [
                Row("one item a UTC day (and the ship's own)", client.units),
                Row("one item a quarter hour", intervals + 1),
            ],
        )


def bytes_at_rest() -> None:
    """A month of 20 ships in one landing object."""
    rows: list[DataRow] = []
    for ship in range(20):
        rows += energy_batch(f"ship-{ship:04d}", judged(2_880).pieces, Received(NOW_MS, 7)).rows
    from wattline.tables import ENERGY_INTERVALS

    ours = landing_object(ENERGY_INTERVALS, arrow_rows(ENERGY_INTERVALS, rows))
    naive = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(ours)), naive)
    print_table(
        f"{len(rows):,} history rows of energy_intervals",
        "bytes/row",
        [
            Row("landing object (sorted, delta-encoded, snappy)", len(ours) / len(rows)),
            Row("the same rows with pyarrow's defaults", naive.tell() / len(rows)),
        ],
    )


def splitting() -> None:
    """Judge and split alone, by the number of readings."""
    rows = []
    for count in (500, 5_000, 75_000):
        items = [(each["datetime"], each["value"]) for each in readings(count, 60_000)]
        started = time.process_time()
        judge(items, Units.KW, None, NOW_MS + 60 * 86_400_000)
        rows.append(Row(f"{count:,} one-minute readings", (time.process_time() - started) * 1e6 / count))
    print_table("Judging and splitting, CPU for a reading", "µs", rows)


def main() -> None:
    """All tables."""
    handler_cpu()
    splitting()
    cold_imports()
    hot_writes()
    bytes_at_rest()
