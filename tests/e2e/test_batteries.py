"""Batteries from a folder of a vendor's responses to what the API says of them, on a real deployment."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.local.battery_model import Truth, responses, simulate
from infra.local.cloud import ROOT
from tests.e2e.api import Api, Deployment, eventually, new_ship
from wattline.domain.instants import DAY_MS, format_instant, parse_instant

pytestmark = pytest.mark.e2e

START = parse_instant("2024-03-01T00:00:00Z")


def sync(folder: Path, deployment: Deployment) -> None:
    command = [sys.executable, "-m", "infra.local.sync_batteries", str(folder)]
    command += ["--outputs", str(deployment.state / "outputs.json")]
    paths = f"{ROOT}:{ROOT / 'layers' / 'core' / 'python'}"
    done = subprocess.run(command, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def write(folder: Path, name: str, content: object) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def loads_of(api: Api, device_id: str) -> list[dict[str, Any]]:
    found = api.http.get("/v1/loads", params={"limit": "1000"}).json()["loads"]
    return [load for load in found if f"/{device_id}/" in load["key"]]


def test_a_vendors_responses_become_live_values_telemetry_and_ageing(
    api: Api, deployment: Deployment, tmp_path: Path
) -> None:
    name, truth = new_ship(), Truth()
    samples = list(simulate(truth, start_ms=START, days=90, seed=4))
    assets, telemetry = responses(name, samples)
    write(tmp_path, "assets/assets.json", assets)
    write(tmp_path, f"telemetry/{name}.json", telemetry)
    sync(tmp_path, deployment)
    eventually(lambda: [load["state"] for load in loads_of(api, name)] == ["complete"])
    (load,) = loads_of(api, name)
    assert (load["kind"], load["rows_stored"]) == ("battery/telemetry", 4 * len(samples))

    eventually(lambda: api.http.get(f"/v1/batteries/{name}").json().get("description") is not None)
    battery = api.http.get(f"/v1/batteries/{name}").json()
    last = samples[-1]
    assert (battery["description"], battery["state"]) == ("An ageing battery", "Ok")
    assert battery["metrics"]["BatteryExportKwh"] == {"value": last.energy_out, "timestamp": format_instant(last.ts_ms)}
    assert name in [each["deviceId"] for each in api.http.get("/v1/batteries?limit=1000").json()["batteries"]]

    window = {"start": format_instant(START), "end": format_instant(START + 90 * DAY_MS)}

    def ask() -> tuple[list[dict[str, Any]], dict[str, Any]]:
        query = {"metric": "BatteryExportKwh", "resolution": "1d", **window}
        days = api.http.get(f"/v1/batteries/{name}/telemetry", params=query)
        ageing = api.http.get(f"/v1/analytics/batteries/{name}/degradation", params=window)
        assert (days.status_code, ageing.status_code) == (200, 200), days.text + ageing.text
        found: dict[str, Any] = ageing.json()
        del found["scannedBytes"]
        return days.json()["data"], found

    days, ageing = ask()
    assert [day["count"] for day in days] == [96] * 90
    assert sum(day["difference"] for day in days) == pytest.approx(last.energy_out - samples[0].energy_out)
    assert ageing["status"] == "ok"
    middle = truth.capacity_after(parse_instant(ageing["capacity"]["at"]) - START)
    assert ageing["capacity"]["low"] <= middle <= ageing["capacity"]["high"]
    assert ageing["energyOutKwh"] == pytest.approx(sum(day["difference"] for day in days))

    sync(tmp_path, deployment)
    assert len(loads_of(api, name)) == 1, "the same responses are the same loads"
    deployment.compact()
    assert ask() == (days, ageing)
