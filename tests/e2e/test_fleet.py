"""Vehicles and meters, over HTTP, on a real deployment."""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.cloud import ROOT
from tests.e2e.api import Api, Deployment, eventually, new_ship

pytestmark = pytest.mark.e2e


def vehicle(name: str, when: datetime, dc: float = 0.09) -> dict[str, object]:
    return {"vehicleId": name, "soc": 60, "kwhDeliveredDc": dc, "batteryTemp": 30.5, "timestamp": when.isoformat()}


def meter(name: str, when: datetime, ac: float = 0.1) -> dict[str, object]:
    return {"meterId": name, "kwhConsumedAc": ac, "voltage": 230, "timestamp": when.isoformat()}


def whole_minute(**before: float) -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(**before)


def test_live_states_follow_the_latest_heartbeat_and_the_fleet_is_listed(api: Api) -> None:
    name = new_ship()
    now = whole_minute(minutes=1)
    batch = [vehicle(name, now, dc=0.5), vehicle(name, now - timedelta(minutes=5), dc=0), meter(f"{name}-m", now)]
    assert api.http.post("/v1/telemetry", json=batch).json() == {"accepted": 3, "rejected": []}
    state = api.http.get(f"/v1/vehicles/{name}").json()
    assert (state["kwhDeliveredDc"], state["charging"], state["stale"]) == (0.5, True, False)
    listed: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"charging": "true", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api.http.get("/v1/vehicles", params=query).json()
        listed += [each["vehicleId"] for each in page["vehicles"]]
        cursor = page["next_cursor"]
    assert listed.count(name) == 1
    api.http.post("/v1/telemetry", json=vehicle(name, now + timedelta(minutes=1), dc=0))
    assert api.http.get(f"/v1/vehicles/{name}").json()["charging"] is False


@pytest.mark.capability("items")
def test_of_links_that_overlap_and_are_put_at_once_one_is_taken(api: Api) -> None:
    name = new_ship()

    def put(n: int) -> int:
        body = {"from": f"2024-01-0{n + 1}T00:00:00Z"}
        return api.http.put(f"/v1/vehicles/{name}-{n}/meters/{name}-m", json=body).status_code

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(put, range(4))) == [200, 409, 409, 409]


def test_performance_is_the_same_from_hot_and_from_history(api: Api, deployment: Deployment) -> None:
    name = new_ship()
    start = whole_minute(days=10)
    assert api.http.put(f"/v1/vehicles/{name}/meters/{name}-m", json={"from": start.isoformat()}).status_code == 200
    beats: list[dict[str, object]] = []
    for n in range(240):
        when = start + timedelta(minutes=n)
        beats += [vehicle(name, when, dc=0.1 + n % 7 / 100), meter(f"{name}-m", when, ac=0.125 + n % 7 / 80)]
    shuffled = random.Random(3)
    shuffled.shuffle(beats)
    late = beats[:40]
    for batch in (beats[40:300], beats[300:], beats[200:260], late):
        assert api.http.post("/v1/telemetry", json=batch).status_code == 202
    corrected = vehicle(name, start, dc=9.0)
    assert api.http.post("/v1/telemetry", json=corrected).status_code == 202
    query = {"hours": "5", "end": (start + timedelta(hours=4)).isoformat()}

    def ask() -> dict[str, object]:
        answer = api.http.get(f"/v1/analytics/performance/{name}", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    def shared(found: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in found.items() if key not in ("source", "scanned")}

    hot = ask()
    expected_dc = sum(0.1 + n % 7 / 100 for n in range(240)) - 0.1 + 9.0
    assert hot["totalKwhDeliveredDc"] == pytest.approx(expected_dc)
    assert hot["readings"] == {"vehicle": 240, "meter": 240}
    eventually(lambda: shared(ask()) == shared(hot) and deployment.drained())
    assert deployment.forget(f"VEHICLE#{name}", "R#") + deployment.forget(f"METER#{name}-m", "R#") > 0
    history = ask()
    assert history["source"] == "history"
    assert shared(history) == shared(hot)

    assert deployment.compact()["rows"] > 480
    assert shared(ask()) == shared(hot), "what it replaces is still there"
    assert deployment.compact()["deleted"] > 0
    compacted = ask()
    assert shared(compacted) == shared(hot)
    assert not [key for key in deployment.landed("vehicle_heartbeats") if f"dt={start:%Y-%m-%d}/bucket=landing" in key]


def test_accepted_is_stored_is_read_back(api: Api, deployment: Deployment) -> None:
    name = new_ship()
    start = whole_minute(hours=3)

    def post(n: int) -> int:
        batch = [vehicle(f"{name}-{v}", start + timedelta(minutes=n)) for v in range(100)]
        accepted: int = api.http.post("/v1/telemetry", json=batch).json()["accepted"]
        return accepted

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(post, range(20))) == 2_000
    counted = [
        api.http.get(f"/v1/analytics/performance/{name}-{v}", params={"hours": "4"}).json()["readings"]["vehicle"]
        for v in (0, 50, 99)
    ]
    assert counted == [20, 20, 20]


def test_a_simulated_fleet_comes_back_as_it_was_sent(deployment: Deployment) -> None:
    command = [sys.executable, "-m", "infra.local.simulate", "--vehicles", "12", "--meters", "10", "--minutes", "90"]
    command += ["--seed", "7", "--outputs", str(deployment.state / "outputs.json")]
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "core" / "python")])
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "live state, performance and history agree" in done.stdout
