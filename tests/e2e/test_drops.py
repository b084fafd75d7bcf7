"""Files dropped into the bucket, followed by the API to what the API then answers."""

import csv
import gzip
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.local.cloud import ROOT
from tests.e2e.api import Api, Deployment, eventually, new_ship, values
from wattline.domain.loads import load_id

pytestmark = pytest.mark.e2e


def drop(deployment: Deployment, api: Api, key: str, content: str | bytes) -> dict[str, Any]:
    """Put an object and wait for the end of its load."""
    body = content.encode() if isinstance(content, str) else content
    etag = deployment.client("s3").put_object(Bucket=deployment.outputs["bucket"], Key=key, Body=body)["ETag"]
    route = "/v1/loads/" + load_id(key, etag.strip('"'))
    eventually(lambda: (seen := api.http.get(route)).status_code == 200 and seen.json()["ended_at"] is not None)
    load: dict[str, Any] = api.http.get(route).json()
    assert load["key"] == key
    return load


def figures(load: dict[str, Any]) -> tuple[str, int, int, int, int]:
    return tuple(load[name] for name in ("state", "rows_read", "rows_stored", "rows_rejected", "percent"))


def test_energy_that_was_dropped_is_read_like_energy_that_was_posted(api: Api, deployment: Deployment) -> None:
    ship = new_ship()
    rows = [f"{ship},kW,2018-08-24T00:{minute:02d}:00Z,{value}" for minute, value in ((0, 1), (5, 4), (10, 1))]
    content = "spaceship_id,units,datetime,value\n" + "\n".join(rows)
    load = drop(deployment, api, f"drops/energy/{ship}.csv.gz", gzip.compress(content.encode()))
    assert figures(load) == ("complete", 3, 3, 0, 100)
    assert values(api.read_energy(ship, "2018-08-24T00:00:00Z", "2018-08-25T00:00:00Z")) == [0.5]


def test_a_fleet_from_files_of_each_kind_and_format_is_live_and_analysed(api: Api, deployment: Deployment) -> None:
    name = new_ship()
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=60)
    moments = [(start + timedelta(minutes=n)).isoformat() for n in range(60)]
    links = f"vehicleId,meterId,from,to\n{name},{name}-m,{start.isoformat()},\n"
    vehicles = [
        {"vehicleId": name, "timestamp": when, "soc": 60, "kwhDeliveredDc": 0.09, "batteryTemp": 30} for when in moments
    ]
    meters = [{"meterId": f"{name}-m", "timestamp": when, "kwhConsumedAc": 0.1, "voltage": 230} for when in moments]
    ndjson = "\n".join(json.dumps(meter) for meter in meters)
    files = {
        f"drops/links/{name}.csv": (links, 1),
        f"drops/vehicles/{name} of today.json": (json.dumps({"readings": vehicles}), 60),
        f"drops/meters/{name}.ndjson": (ndjson, 60),
    }
    for key, (content, rows) in files.items():
        assert figures(drop(deployment, api, key, content)) == ("complete", rows, rows, 0, 100)
    live = api.http.get(f"/v1/vehicles/{name}").json()
    assert (live["soc"], live["charging"], live["stale"]) == (60, True, False)
    found = api.http.get(f"/v1/analytics/performance/{name}", params={"hours": "1"}).json()
    assert found["status"] == "ok"
    assert found["efficiencyRatio"] == pytest.approx(0.9)
    listed = api.http.get("/v1/loads", params={"limit": "1000", "state": "complete"}).json()["loads"]
    assert set(files) <= {load["key"] for load in listed}


def test_rejects_are_fetched_by_their_link(api: Api, deployment: Deployment) -> None:
    name = new_ship()
    content = (
        "vehicleId,timestamp,soc,kwhDeliveredDc,batteryTemp\n"
        f"{name},2024-03-01T12:00:00Z,61.5,0.17,31\n"
        f"{name},yesterday,61.5,0.17,31\n"
        f"{name},2024-03-01T12:01:00Z,161,0.17,31\n"
    )
    load = drop(deployment, api, f"drops/vehicles/{name}.csv", content)
    assert figures(load) == ("complete_with_rejects", 3, 1, 2, 100)
    answer = httpx.get(load["rejects_url"])
    assert answer.status_code == 200
    assert [(row["line"], row["raw"]) for row in csv.DictReader(io.StringIO(answer.text))] == [
        ("3", f"{name},yesterday,61.5,0.17,31"),
        ("4", f"{name},2024-03-01T12:01:00Z,161,0.17,31"),
    ]


def test_a_file_that_cannot_be_read_fails_and_blocks_nobody(api: Api, deployment: Deployment) -> None:
    name = new_ship()
    load = drop(deployment, api, f"drops/planes/{name}.csv", "x")
    assert load["state"] == "failed"
    assert load["reason"].startswith("there is no kind of this name")
    good = drop(deployment, api, f"drops/links/{name}.csv", "vehicleId,meterId,from\n")
    assert (good["state"], good["reason"]) == ("complete", "the file has no rows")
    assert api.http.get(f"/v1/loads/{'0' * 32}").status_code == 404


def test_make_drop_follows_a_file_to_its_end(deployment: Deployment, tmp_path: Path) -> None:
    name = new_ship()
    file = tmp_path / f"{name}.csv"
    command = [sys.executable, "-m", "infra.local.drop", "--file", str(file), "--kind", "links"]
    command += ["--outputs", str(deployment.state / "outputs.json")]
    for content, code, told in (
        (f"vehicleId,meterId,from\n{name},{name}-m,2024-01-01T00:00:00Z\nbad\n", 0, "1 stored, 1 rejected"),
        ("nothing of use\n", 1, "failed: 0 rows read"),
    ):
        file.write_text(content)
        paths = f"{ROOT}:{ROOT / 'layers' / 'core' / 'python'}"
        done = subprocess.run(command, env={"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
        assert (done.returncode, told in done.stdout) == (code, True), done.stdout + done.stderr
