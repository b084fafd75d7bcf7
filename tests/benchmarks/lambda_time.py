"""CPU that Lambda is paid for, for 1,000 heartbeats: ingestion with boto3 up to the socket, and the history writer."""

import io
import json
import os
from typing import Any

import pyarrow as pa
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders

from tests.benchmarks.energy import START_MS, silenced
from tests.benchmarks.fleet import readings
from tests.benchmarks.tables import median_cpu_ms
from tests.http_events import call, request
from wattline.adapters.parquet_files import arrow_rows, landing_object
from wattline.batches import Batch, decode, encode
from wattline.domain.fleet import Heartbeat, HeartbeatStatement, Kind
from wattline.services.fleet import heartbeat_batch

GIGABYTES = 1_769 / 1_024
GB_SECOND, INVOCATION = 0.0000133334, 0.20 / 1e6
"""Dollars, arm64 in us-east-1, list prices of November 2026."""

ROUND_TRIPS_MS = 15.0
"""Assumed, not measured: what an ingestion waits for AWS beyond its CPU, three calls in a row of 5 ms."""


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


def _answer(request: AWSRequest, **_: Any) -> Any:
    """What AWS would say to any call of ingestion, before it leaves the process."""
    asked = json.loads(request.body or "{}")
    sent = [{"Id": entry["Id"], "MessageId": "m"} for entry in asked.get("Entries", [])]
    content = json.dumps({"UnprocessedItems": {}, "Successful": sent, "Failed": []}).encode()
    headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"})
    return AWSResponse(str(request.url), 200, headers, _Body(content))


def ingestion_ms(size: int) -> float:
    """CPU of one request of so many readings, a device each."""
    from functions.ingestion import handler as ingestion
    from wattline.adapters import aws

    for client in (aws.dynamodb(), aws.sqs()):
        client.meta.events.register("before-send", _answer, unique_id="benchmark")
    event = request("POST", "/v1/telemetry", body=json.dumps(readings(size)))
    with silenced():
        assert call(ingestion.handler, event).status == 202
        return median_cpu_ms(lambda: call(ingestion.handler, event), runs=10 if size > 100 else 60)


def writer_ms(size: int) -> float:
    """CPU for 1,000 heartbeats that came in requests of so many, flushed together as those of 20 s would be."""
    said = [
        HeartbeatStatement(Heartbeat(f"vehicle-{n:05d}", START_MS, (5_000, 90_000_000 + n, 3_000)), START_MS // 1000, n)
        for n in range(3_000)
    ]
    batch = heartbeat_batch(Kind.VEHICLE, said)
    parts = [Batch(batch.table, batch.rows[first : first + size]) for first in range(0, len(said), size)]
    bodies = [body for part in parts for body in encode(part)]

    def flush() -> bytes:
        parts = [arrow_rows(batch.table, decode(body).rows) for body in bodies]
        return landing_object(batch.table, pa.concat_tables(parts).unify_dictionaries())

    return median_cpu_ms(flush, runs=10) / 3


def main() -> None:
    """By the size of requests; the writer's and the compactor's invocations are too few to count."""
    os.environ |= {"HOT_TABLE": "hot", "HISTORY_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/1/history"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
    print("\nLambda for 1,000 heartbeats, a device each, 1,769 MB, by the size of a request")
    names = (("batch", 6), ("ingestion ms", 13), ("writer ms", 10), ("$ a million", 12), ("ratio", 7))
    print("  " + " ".join(f"{name:>{width}}" for name, width in names))
    base = 0.0
    for size in (500, 25, 1):
        requests = 1_000 / size
        ingestion, writer = requests * ingestion_ms(size), writer_ms(size)
        seconds = (ingestion + requests * ROUND_TRIPS_MS + writer) / 1_000
        dollars = 1_000 * (seconds * GIGABYTES * GB_SECOND + requests * INVOCATION)
        base = base or dollars
        print(f"  {size:>6} {ingestion:>13,.0f} {writer:>10.1f} {dollars:>12.3f} {dollars / base:>7.2f}")


if __name__ == "__main__":
    main()
