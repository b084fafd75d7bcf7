"""Smart meters on a real deployment: polled, dropped, read and priced."""

import json
import time
import uuid
from typing import Any

import pytest

from infra.local.meter_model import EXPORT_METER, IMPORT_METER, sample_files
from tests.e2e.api import Api, Deployment, eventually

pytestmark = pytest.mark.e2e

RANGE = {"start": "2023-03-18T00:00:00Z", "end": "2023-04-01T00:00:00Z"}


def read(api: Api, muid: str, **more: str) -> dict[str, Any]:
    answer = api.http.get("/v1/meter_readings", params={"muid": muid, **RANGE, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def drop(deployment: Deployment, kind: str, content: str) -> str:
    key = f"drops/{kind}/{uuid.uuid4().hex}.json"
    deployment.client("s3").put_object(Bucket=deployment.outputs["bucket"], Key=key, Body=content.encode())
    return key


def load_of(api: Api, key: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        found[:] = [each for each in api.http.get("/v1/loads").json()["loads"] if each["key"] == key]
        return bool(found) and found[0]["state"] not in ("queued", "running")

    eventually(ended)
    return found[0]


def poll(deployment: Deployment) -> dict[str, int]:
    answer = deployment.client("lambda").invoke(FunctionName="wattline-local-poller", Payload=b"{}")
    totals: dict[str, int] = json.loads(answer["Payload"].read())
    return totals


def test_the_poller_brings_the_sample_meters_and_polling_again_brings_nothing(api: Api, deployment: Deployment) -> None:
    poll(deployment)
    for muid, items in sample_files().items():
        kwh = sum(value for item in items for key, value in item.items() if key.startswith("01"))
        # the first poll may have been another test's, or the schedule's
        eventually(lambda muid=muid, items=items: len(read(api, muid)["data"]) == len(items))  # type: ignore[misc]
        daily = read(api, muid, aggregation="daily", tz="Europe/Zurich", include="stats")
        assert daily["stats"]["total"] == pytest.approx(kwh)
        assert sum(each["value"] for each in daily["data"]) == pytest.approx(kwh)
        assert 92 in [each["expected"] for each in daily["data"]]
    again = poll(deployment)
    assert (again["read"], again["queued"]) == (2, 0)
    assert read(api, EXPORT_METER, limit="1")["direction"] == "export"


def test_aggregations_of_the_history_agree_with_the_readings(api: Api, deployment: Deployment) -> None:
    poll(deployment)
    eventually(lambda: len(read(api, IMPORT_METER)["data"]) == len(sample_files()[IMPORT_METER]))
    for aggregation in ("hourly", "daily", "weekly", "monthly"):
        for more in ({}, {"weekday_only": "true"}, {"weekend_only": "true"}):
            asked = {"aggregation": aggregation, "tz": "Europe/Zurich", **more}
            by_the_engine = read(api, IMPORT_METER, **asked)
            by_the_readings = read(api, IMPORT_METER, include="stats", **asked)
            assert by_the_engine["data"] == by_the_readings["data"]


def test_a_drop_is_in_every_answer_once_it_is_complete(api: Api, deployment: Deployment) -> None:
    muid = f"m-{uuid.uuid4().hex[:12]}"
    items = [item | {"tags": {"muid": muid, "quality": "measured"}} for item in sample_files()[IMPORT_METER]]
    key = drop(deployment, "obis", json.dumps({"data": [*items, {"bad": 1}]}))
    load = load_of(api, key)
    assert (load["state"], load["rows_stored"], load["rows_rejected"]) == ("complete_with_rejects", len(items), 1)
    started = time.perf_counter()
    assert len(read(api, muid)["data"]) == len(items)
    print(f"\ntwo weeks raw in {time.perf_counter() - started:.2f} s")
    assert api.http.get("/v1/meter_readings", params={"muid": "nobody", **RANGE}).status_code == 404


def test_a_dropped_set_of_tariffs_prices_the_past_anew(api: Api, deployment: Deployment) -> None:
    poll(deployment)
    eventually(lambda: len(read(api, IMPORT_METER)["data"]) == len(sample_files()[IMPORT_METER]))
    swiss = api.http.get("/v1/pricing").json()["tariffs"]
    before = read(api, IMPORT_METER, include="cost", limit="1")["cost"]
    flat = {**swiss[0], "name": "flat", "effective_from": "2023-03-25", "high": "1", "low": "1"}
    time.sleep(1.1)  # S3 tells times of objects in whole seconds
    assert load_of(api, drop(deployment, "tariffs", json.dumps([*swiss, flat])))["state"] == "complete"
    after = read(api, IMPORT_METER, include="cost", limit="1")["cost"]
    assert float(after["total"]) > float(before["total"])
    assert {line["tariff"] for line in after["periods"]} == {swiss[0]["name"], "flat"}
    bad = load_of(api, drop(deployment, "tariffs", "[]"))
    assert (bad["state"], "at least 1" in bad["reason"]) == ("failed", True)
    assert read(api, IMPORT_METER, include="cost", limit="1")["cost"] == after
    time.sleep(1.1)
    assert load_of(api, drop(deployment, "tariffs", json.dumps(swiss)))["state"] == "complete"
    assert read(api, IMPORT_METER, include="cost", limit="1")["cost"] == before
