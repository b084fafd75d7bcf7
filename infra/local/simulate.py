"""`make simulate`: send a fleet's heartbeats to the local stack, and check that all of them come back."""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config
from rich.progress import Progress

from infra.local.cloud import NAME, ROOT, outputs_of
from infra.local.fleet_model import Fleet, Pair, Reading, simulate
from infra.local.processes import LocalRunError
from wattline.adapters.athena import AthenaQueries
from wattline.adapters.fleet_history import AthenaFleetHistory
from wattline.domain.fleet import Kind
from wattline.domain.instants import FOREVER_MS, HOUR_MS, MINUTE_MS, format_instant
from wattline.ports import HeartbeatRange

BATCH = 500
CLIENTS = 4
CHECKED = 40
_DRAIN_SECONDS = 120


def main() -> int:
    """Exit code 0 when everything that was accepted is found again."""
    asked = _arguments()
    try:
        outputs = outputs_of(asked.outputs)
    except LocalRunError as error:
        print(f"\nwattline: {error}", file=sys.stderr)
        return 1
    end_ms = int(time.time()) * 1000 // MINUTE_MS * MINUTE_MS
    start_ms = end_ms - asked.minutes * MINUTE_MS
    fleet = simulate(
        vehicles=asked.vehicles, meters=asked.meters, minutes=asked.minutes, start_ms=start_ms, seed=asked.seed
    )
    headers = {"Authorization": f"Bearer {outputs['token']}"}
    with httpx.Client(base_url=outputs["api_url"], headers=headers, timeout=60) as api:
        _link(api, fleet, start_ms)
        accepted, rejected = _send(api, fleet.readings, asked.rate)
        print(f"sent {len(fleet.readings)}, accepted {accepted}, rejected {rejected}")
        wrong = [] if (rejected, accepted) == (fleet.bad, len(fleet.readings) - fleet.bad) else ["counts of readings"]
        checked = fleet.pairs[:: max(1, len(fleet.pairs) // CHECKED)]
        wrong += [problem for pair in checked for problem in _check(api, pair, start_ms, asked.minutes)]
    wrong += _check_history(outputs, checked, start_ms, end_ms)
    for problem in wrong:
        print(f"WRONG: {problem}")
    print(f"checked {len(checked)} vehicles: live state, performance and history {'differ' if wrong else 'agree'}")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("vehicles", 200), ("meters", 200), ("minutes", 120), ("rate", 0), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--outputs", type=Path, default=ROOT / ".local" / "outputs.json")
    return parser.parse_args()


def _link(api: httpx.Client, fleet: Fleet, start_ms: int) -> None:
    for pair in fleet.pairs:
        if pair.has_meter:
            path = f"/v1/vehicles/{pair.vehicle_id}/meters/{pair.meter_id}"
            links = api.get(f"/v1/vehicles/{pair.vehicle_id}/meters").raise_for_status().json()["links"]
            if not any(link["meterId"] == pair.meter_id for link in links):
                api.put(path, json={"from": format_instant(start_ms - 24 * HOUR_MS)}).raise_for_status()


def _send(api: httpx.Client, readings: list[Reading], rate: int) -> tuple[int, int]:
    """Readings accepted and rejected; `rate` bounds readings a second, 0 does not."""
    started = time.monotonic()

    def post(number: int, batch: list[Reading]) -> dict[str, Any]:
        if rate:
            time.sleep(max(0.0, started + number * BATCH / rate - time.monotonic()))
        answer: dict[str, Any] = api.post("/v1/telemetry", json=batch).raise_for_status().json()
        return answer

    accepted = rejected = 0
    with Progress() as progress, ThreadPoolExecutor(CLIENTS) as threads:
        task = progress.add_task("sending", total=len(readings))
        for answer in threads.map(lambda numbered: post(*numbered), enumerate(_batches(readings))):
            accepted += answer["accepted"]
            rejected += len(answer["rejected"])
            progress.update(task, completed=accepted + rejected)
    return accepted, rejected


def _batches(readings: list[Reading]) -> Iterator[list[Reading]]:
    for first in range(0, len(readings), BATCH):
        yield readings[first : first + BATCH]


def _check(api: httpx.Client, pair: Pair, start_ms: int, minutes: int) -> Iterator[str]:
    """What the API says of a vehicle that is not what was sent."""
    live = api.get(f"/v1/vehicles/{pair.vehicle_id}").json()
    if pair.last and (live["timestamp"], live["soc"]) != (pair.last["timestamp"], pair.last["soc"]):
        yield f"live state of {pair.vehicle_id}: {live}"
    hours = -(-minutes // 60)
    end_ms = start_ms + minutes * MINUTE_MS
    window: dict[str, str | int] = {"hours": hours, "end": format_instant(end_ms)}
    found = api.get(f"/v1/analytics/performance/{pair.vehicle_id}", params=window).json()
    matched = pair.dc.keys() & pair.ac.keys()
    ac = sum(pair.ac[minute] for minute in matched)
    ratio = sum(pair.dc[minute] for minute in matched) / ac if ac else None
    expected = (sum(pair.dc.values()), sum(pair.ac.values()), ratio)
    measured = (found["totalKwhDeliveredDc"], found["totalKwhConsumedAc"], found["efficiencyRatio"])
    if not all(_close(*each) for each in zip(expected, measured, strict=True)):
        yield f"performance of {pair.vehicle_id}: expected {expected}, found {measured}"


def _close(left: float | None, right: float | None) -> bool:
    return left == right or (left is not None and right is not None and abs(left - right) < 1e-6)


def _check_history(outputs: dict[str, str], pairs: list[Pair], start_ms: int, end_ms: int) -> list[str]:
    """What the Parquet says, once the queue is empty, that is not what was sent."""

    def client(service: str, url: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=url,
            region_name=outputs["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
            config=Config(s3={"addressing_style": "path"}),
        )

    _wait_until_drained(outputs)
    athena, s3 = client("athena", outputs["athena_url"]), client("s3", outputs["endpoint_url"])
    queries = AthenaQueries(athena, s3, workgroup=NAME, database=NAME.replace("-", "_"))
    history = AthenaFleetHistory(queries)
    wrong = []
    for pair in pairs[:5]:
        scan = history.read(Kind.VEHICLE, HeartbeatRange(pair.vehicle_id, start_ms, end_ms, FOREVER_MS // 1000))
        stored = {(s.heartbeat.ts_ms - start_ms) // MINUTE_MS: s.heartbeat.values[1] / 1e9 for s in scan.statements}
        if stored != pair.dc:
            wrong.append(f"history of {pair.vehicle_id}: {len(stored)} heartbeats, expected {len(pair.dc)}")
    return wrong


def _wait_until_drained(outputs: dict[str, str]) -> None:
    deadline = time.monotonic() + _DRAIN_SECONDS
    while httpx.get(f"{outputs['api_url']}/health", timeout=10).json()["queues"]["history"]:
        if time.monotonic() > deadline:
            print("the history queue does not empty; comparing with what is there")
            return
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
