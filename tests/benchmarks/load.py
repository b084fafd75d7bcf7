"""A minute of load on a local cloud of its own: eight clients, batches of 100, and nothing may be lost.

Set BENCH_SECONDS for another length.
"""

import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from infra.local.cloud import NAME, LocalCloud
from infra.local.processes import free_port
from tests.benchmarks.tables import Row, print_table
from wattline.adapters.athena import AthenaQueries
from wattline.domain.instants import MINUTE_MS, day_of, format_instant

SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
CLIENTS = 8
BATCH = 100

_COUNT = """
SELECT count(*) AS readings FROM (SELECT DISTINCT vehicle_id, ts FROM vehicle_heartbeats WHERE dt >= ?)
"""


def main() -> None:
    """Deploy, load, drain, count."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = LocalCloud(Path(folder), free_port(), free_port())
        try:
            _load(cloud, cloud.up(lambda _: None))
        finally:
            cloud.down()


def _load(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    end_ms = int(time.time() * 1000) // MINUTE_MS * MINUTE_MS
    headers = {"Authorization": f"Bearer {outputs['token']}"}
    deadline = time.monotonic() + SECONDS

    def client(number: int) -> tuple[int, int, list[float]]:
        accepted = errors = 0
        latencies: list[float] = []
        with httpx.Client(base_url=outputs["api_url"], headers=headers, timeout=60) as api:
            minute = 0
            while time.monotonic() < deadline:
                body = _batch(number, format_instant(end_ms - minute * MINUTE_MS))
                started = time.monotonic()
                answer = api.post("/v1/telemetry", json=body)
                latencies.append(time.monotonic() - started)
                if answer.status_code == httpx.codes.ACCEPTED:
                    accepted += answer.json()["accepted"]
                else:
                    errors += 1
                minute += 1
        return accepted, errors, latencies

    with ThreadPoolExecutor(CLIENTS) as threads:
        outcomes = list(threads.map(client, range(CLIENTS)))
    accepted, errors = sum(each[0] for each in outcomes), sum(each[1] for each in outcomes)
    latencies = sorted(latency for each in outcomes for latency in each[2])
    draining = time.monotonic()
    while httpx.get(f"{outputs['api_url']}/health", timeout=10).json()["queues"]["history"]:
        time.sleep(0.2)
    drained = time.monotonic() - draining
    stored = _stored(cloud, day_of(end_ms - len(latencies) * MINUTE_MS))
    with httpx.Client(base_url=outputs["api_url"], timeout=60) as bare:
        floor = sorted(_timed(bare) for _ in range(50))
    speed = accepted / SECONDS
    print_table(
        f"{CLIENTS} clients for {SECONDS:g} s, batches of {BATCH}: {speed:,.0f} readings/s, {errors} errors",
        "ms",
        [
            Row("p50 of a batch", statistics.median(latencies) * 1000),
            Row("p99 of a batch", latencies[int(len(latencies) * 0.99)] * 1000),
            Row("p50 of /health on the idle stack", statistics.median(floor) * 1000),
        ],
    )
    print(f"  accepted {accepted:,}, in the history {stored:,} after {drained:.1f} s of draining")
    assert stored == accepted


def _batch(number: int, timestamp: str) -> list[dict[str, Any]]:
    return [
        {
            "vehicleId": f"load-{number}-{vehicle:03d}",
            "soc": 50.5,
            "kwhDeliveredDc": 0.1234,
            "batteryTemp": 30,
            "timestamp": timestamp,
        }
        for vehicle in range(BATCH)
    ]


def _timed(api: httpx.Client) -> float:
    started = time.monotonic()
    api.get("/health")
    return time.monotonic() - started


def _stored(cloud: LocalCloud, first_dt: str) -> int:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    s3 = session.client("s3", endpoint_url=cloud.endpoint_url, config=Config(s3={"addressing_style": "path"}))
    athena = session.client("athena", endpoint_url=cloud.athena_url)
    queries = AthenaQueries(athena, s3, workgroup=NAME, database=NAME.replace("-", "_"), patience=120)
    return int(queries.run(_COUNT, [first_dt]).rows[0]["readings"])
