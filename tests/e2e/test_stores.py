"""The availability of stores: files dropped, a report triggered, its CSV downloaded, on a real deployment."""

import csv
import io
import time
from typing import Any

import httpx
import pytest

from tests.e2e.api import Api, Deployment, eventually
from wattline.domain.loads import load_id

pytestmark = pytest.mark.e2e

POLLS = """store_id,status,timestamp_utc
1,active,2023-01-23 10:14:00.123456 UTC
1,inactive,2023-01-23 11:15:00 UTC
2,active,2023-01-23 12:00:00.5 UTC"""
HOURS = "store_id,day,start_time_local,end_time_local\n1,0,09:00:00,12:00:00\n"
ZONES = "store_id,timezone_str\n1,UTC\n3,America/Nowhere\n"
NOW = "2023-01-23T20:00:00Z"


def drop(deployment: Deployment, api: Api, kind: str, content: str) -> dict[str, Any]:
    """Drop a file and follow its load to the end."""
    key = f"drops/stores/{kind}/{kind}.csv"
    etag = deployment.client("s3").put_object(Bucket=deployment.outputs["bucket"], Key=key, Body=content.encode())[
        "ETag"
    ]
    path = f"/v1/loads/{load_id(key, etag.strip(chr(34)))}"
    load: dict[str, Any] = {}

    def ended() -> bool:
        answer = api.http.get(path)
        if answer.status_code == 200:
            load.update(answer.json())
        return bool(load.get("ended_at"))

    eventually(ended)
    return load


def report(api: Api, **body: str) -> dict[str, Any]:
    """Trigger a report and wait for it."""
    triggered = api.http.post("/trigger_report", json=body) if body else api.http.post("/trigger_report")
    assert triggered.status_code == 202, triggered.text
    query = {"report_id": triggered.json()["report_id"]}
    eventually(lambda: api.http.get("/get_report", params=query).json()["status"] != "Running", seconds=120)
    answer = api.http.get("/get_report", params=query)
    assert answer.headers["x-report-status"] == "Complete", answer.text
    state: dict[str, Any] = answer.json() | query
    return state


def rows(text: str) -> dict[str, list[str]]:
    """Figures by store."""
    return {row[0]: row[1:] for row in list(csv.reader(io.StringIO(text)))[1:]}


def test_files_become_a_report_and_new_files_show_up_in_the_next(api: Api, deployment: Deployment) -> None:
    loads = {kind: drop(deployment, api, kind, text) for kind, text in
             (("status", POLLS), ("hours", HOURS), ("timezones", ZONES))}  # fmt: skip
    assert [loads[kind]["state"] for kind in loads] == ["complete", "complete", "complete_with_rejects"]
    assert [loads[kind]["rows_stored"] for kind in loads] == [3, 1, 1]
    first = report(api, now=NOW)
    assert (first["now"], first["rows"]) == (NOW, 2)
    text = httpx.get(first["report_url"]).raise_for_status().text  # without a token
    assert rows(text)["1"] == ["0.0000", "1.7417", "1.7417", "0.0000", "1.2583", "1.2583"]
    assert rows(text)["2"][0] == "60.0000", "always open in Chicago, and one poll speaks for its local day"
    answer = api.http.get("/get_report", params={"report_id": first["report_id"]}, headers={"Accept": "text/csv"})
    assert (answer.headers["content-type"], answer.text) == ("text/csv; charset=utf-8", text)
    time.sleep(1)
    drop(deployment, api, "hours", f"{HOURS}2,0,06:00:00,07:00:00\n")
    second = report(api)
    assert second["now"] == "2023-01-23T12:00:00.500Z"
    assert rows(httpx.get(second["report_url"]).text)["2"] == ["0.0083", "0.0001", "0.0001", *["0.0000"] * 3]
    time.sleep(1)  # S3 tells in seconds when an object was dropped
    drop(deployment, api, "hours", HOURS)  # whose load ended long ago, so it says nothing of this drop
    # the earlier set is in force again
    eventually(lambda: rows(httpx.get(report(api, now=NOW)["report_url"]).text) == rows(text), seconds=90)
    assert httpx.get(first["report_url"]).text == text, "a report that is complete stays as it is"


def test_reports_run_side_by_side(api: Api) -> None:
    triggered = [api.http.post("/trigger_report").json()["report_id"] for _ in range(3)]

    def states() -> set[str]:
        return {api.http.get("/get_report", params={"report_id": each}).json()["status"] for each in triggered}

    eventually(lambda: states() == {"Complete"}, seconds=120)


def test_reports_need_their_scope_and_an_id_that_exists(api: Api) -> None:
    assert api.http.get("/get_report", params={"report_id": "nobody"}).status_code == 404
    assert api.http.get("/get_report").status_code == 422
    assert api.http.post("/trigger_report", json={"now": "soon"}).status_code == 422
