"""What alerts cost: accesses to the table by judging, the listing, and the time from a post to a listed alert."""

import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import httpx

from infra.local.cloud import LocalCloud
from infra.local.processes import free_port
from tests.benchmarks.tables import Row, print_table
from tests.fake_alerts import FakeAlerts
from tests.fakes import FakeHotFleet
from wattline.adapters.hot_alerts import DynamoAlerts
from wattline.adapters.hot_table import HotTable
from wattline.domain.alerts import DEFAULT_RULES, LiveChange
from wattline.domain.fleet import Heartbeat, HeartbeatStatement
from wattline.domain.instants import MINUTE_MS, format_instant
from wattline.services.alerts import judge_live

VEHICLES, LOW, MINUTES = 10_000, 50, 60
START_MS = 1_700_000_000_000
WELL_SOC, LOW_SOC = 50.0, 19.0

READ_UNIT, WRITE_UNIT = 0.125 / 1e6, 0.625 / 1e6
"""Dollars, us-east-1, on demand, list prices of 2026."""

UNITS_A_TRANSITION = 8
"""Written: alert and transition in a transaction, which pays twice (4), the index (3), the mark (1)."""

HEARTBEATS_A_MONTH = VEHICLES * 60 * 24 * 30


def judging() -> None:
    """An hour of the fleet; the vehicles that are low become so in the first half and recover in the second."""
    alerts, hot = FakeAlerts(), FakeHotFleet()
    started = time.process_time()
    for vehicle in range(VEHICLES):
        said = [_said(vehicle, minute) for minute in range(-1, MINUTES)]
        for before, after in pairwise(said):
            change = LiveChange(before, after, alone=True)
            judge_live(change, rules=DEFAULT_RULES, hot=hot, alerts=alerts, now_ms=START_MS)
    heartbeats = VEHICLES * MINUTES
    micros = (time.process_time() - started) / heartbeats * 1e6
    transitions = len(alerts.events)
    ours = (alerts.reads + transitions) * READ_UNIT + transitions * UNITS_A_TRANSITION * WRITE_UNIT
    print_table(
        f"Judging {heartbeats:,} heartbeats, {LOW} of {VEHICLES:,} vehicles low for a while "
        f"({transitions} transitions, {micros:.0f} us of CPU a heartbeat)",
        "accesses",
        [
            Row("reads of alert states", alerts.reads),
            Row("transactions", alerts.saves),
            Row("if each heartbeat read the state", heartbeats),
        ],
    )
    print_table(
        f"The table's share of a month ({HEARTBEATS_A_MONTH / 1e6:.0f} million heartbeats)",
        "$",
        [
            Row("as it is", ours / heartbeats * HEARTBEATS_A_MONTH),
            Row("if each heartbeat read the state", READ_UNIT * HEARTBEATS_A_MONTH),
            Row("if each also wrote how far it is judged", (READ_UNIT + WRITE_UNIT) * HEARTBEATS_A_MONTH),
            Row("the heartbeats themselves: a row and a live state", 2 * WRITE_UNIT * HEARTBEATS_A_MONTH),
        ],
    )


def _name(vehicle: int) -> str:
    return f"v{vehicle:05d}"


def _said(vehicle: int, minute: int) -> HeartbeatStatement:
    is_low = vehicle < LOW and 0 <= minute < MINUTES // 2
    values = (round((LOW_SOC if is_low else WELL_SOC) * 100), 0, 3_000)
    return HeartbeatStatement(Heartbeat(_name(vehicle), START_MS + minute * MINUTE_MS, values), minute + 1, 0)


def on_the_local_cloud() -> None:
    """The listing with a small and with a large fleet, and the time from a post to a listed alert."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = LocalCloud(Path(folder), free_port(), free_port())
        try:
            outputs = cloud.up(lambda _: None)
            headers = {"Authorization": f"Bearer {outputs['token']}"}
            with httpx.Client(base_url=outputs["api_url"], headers=headers, timeout=120) as api:
                _listing(cloud, outputs, api)
                _delay(api)
        finally:
            cloud.down()


def _listing(cloud: LocalCloud, outputs: dict[str, str], api: httpx.Client) -> None:
    rows = []
    for fleet in (10 * LOW, VEHICLES):
        _post_fleet(api, fleet)
        expected = [_name(n) for n in range(fleet - LOW, fleet)]
        _wait(lambda expected=expected: _listed(api) == expected)  # type: ignore[misc]
        name = f"GET /v1/alerts, {fleet:,} vehicles, {_items_read(cloud, outputs)} index items read: p50"
        rows.append(Row(name, _p50_ms(api, "/v1/alerts")))
    rows.append(Row("GET /v1/vehicles?limit=50, the same fleet: p50", _p50_ms(api, "/v1/vehicles?limit=50")))
    rows.append(Row("GET /health, the same stack: p50", _p50_ms(api, "/health")))
    print_table(f"The listing of {LOW} firing alerts on the local cloud", "ms", rows)


def _post_fleet(api: httpx.Client, vehicles: int) -> None:
    """The last ones are low, so that all have been judged when these are listed."""
    now = int(time.time() * 1000)
    for first in range(0, vehicles, 500):
        numbers = range(first, first + 500)
        batch = [_wire(_name(n), now, LOW_SOC if n >= vehicles - LOW else WELL_SOC) for n in numbers]
        api.post("/v1/telemetry", json=batch).raise_for_status()


def _wire(name: str, ts_ms: int, soc: float) -> dict[str, Any]:
    return {"vehicleId": name, "soc": soc, "kwhDeliveredDc": 0, "batteryTemp": 30, "timestamp": format_instant(ts_ms)}


def _listed(api: httpx.Client, asked: str = "/v1/alerts?rule=low_soc&state=firing&limit=1000") -> list[str]:
    return [alert["device_id"] for alert in api.get(asked).raise_for_status().json()["alerts"]]


def _items_read(cloud: LocalCloud, outputs: dict[str, str]) -> int:
    """What DynamoDB says it looked at for a page of firing alerts."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=outputs["region"])
    client = session.client("dynamodb", endpoint_url=cloud.endpoint_url)
    looked_at: list[int] = []
    client.meta.events.register(
        "after-call.dynamodb.Query", lambda parsed, **_: looked_at.append(parsed["ScannedCount"])
    )
    DynamoAlerts(HotTable(client, outputs["hot_table"])).page(rule=None, state=None, after=None, limit=100)
    return sum(looked_at)


def _p50_ms(api: httpx.Client, path: str) -> float:
    def once() -> float:
        started = time.perf_counter()
        api.get(path).raise_for_status()
        return (time.perf_counter() - started) * 1000

    once()
    return statistics.median(once() for _ in range(40))


def _delay(api: httpx.Client) -> None:
    delays = []
    for number in range(20):
        name = f"delay-{number}"
        now = int(time.time() * 1000)
        api.post("/v1/telemetry", json=_wire(name, now - MINUTE_MS, WELL_SOC)).raise_for_status()
        started = time.perf_counter()
        api.post("/v1/telemetry", json=_wire(name, now, LOW_SOC)).raise_for_status()
        _wait(lambda name=name: name in _listed(api))  # type: ignore[misc]
        delays.append((time.perf_counter() - started) * 1000)
    print_table(
        "From a post to its firing alert in the listing, on the local cloud",
        "ms",
        [
            Row("p50", statistics.median(delays)),
            Row("slowest of 20", max(delays)),
            Row("a post and a listing alone: p50", _p50_ms(api, "/v1/alerts") + _p50_post_ms(api)),
        ],
    )


def _p50_post_ms(api: httpx.Client) -> float:
    spent = []
    for number in range(20):
        body = _wire(f"post-{number}", int(time.time() * 1000), WELL_SOC)
        started = time.perf_counter()
        api.post("/v1/telemetry", json=body).raise_for_status()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


def _wait(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError("the alerts did not come")
        time.sleep(0.01)


def main() -> None:
    """All tables."""
    judging()
    on_the_local_cloud()


if __name__ == "__main__":
    main()
