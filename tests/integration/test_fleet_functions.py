"""The fleet's routes over moto, as the gateway calls them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from functions.analytics import handler as analytics
from functions.ingestion import handler as ingestion
from functions.query import handler as query
from tests.emulated import HOT_TABLE, Emulated, emulate
from tests.fakes import FakeFleetHistory, FakeLake
from tests.http_events import Reply, call, request
from wattline.adapters import aws
from wattline.batches import decode
from wattline.domain.instants import format_instant
from wattline.runtime.clock import now_ms

MINUTE = 60_000


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    with mock_aws():
        made = emulate()
        monkeypatch.setenv("HOT_TABLE", HOT_TABLE)
        monkeypatch.setenv("HISTORY_QUEUE_URL", made.history_queue_url)
        monkeypatch.setenv("ATHENA_WORKGROUP", "w")
        monkeypatch.setenv("GLUE_DATABASE", "d")
        monkeypatch.setenv("BUCKET", "lake")
        monkeypatch.setattr(analytics, "fleet_history", lambda: FakeFleetHistory(FakeLake()))
        forget_wiring()
        yield made
    forget_wiring()


def forget_wiring() -> None:
    for cached in (ingestion.stores, query.stores, analytics.stores, aws.dynamodb, aws.sqs, aws.s3, aws.athena):
        cached.cache_clear()


def ago(minutes: float) -> str:
    return format_instant(now_ms() - round(minutes * MINUTE))


def vehicle(name: Any = "v1", minutes: float = 1, **overrides: Any) -> dict[str, Any]:
    reading = {"vehicleId": name, "soc": 55.5, "kwhDeliveredDc": 0.09, "batteryTemp": 31.25, "timestamp": ago(minutes)}
    return reading | overrides


def meter(name: Any = "m1", minutes: float = 1, **overrides: Any) -> dict[str, Any]:
    return {"meterId": name, "kwhConsumedAc": 0.1, "voltage": 229.5, "timestamp": ago(minutes)} | overrides


def post(body: object) -> Reply:
    return call(ingestion.handler, request("POST", "/v1/telemetry", body=body))


def get(path: str, query_string: str = "", **headers: str) -> Reply:
    function = analytics if path.startswith("/v1/analytics") else query
    return call(function.handler, request("GET", path, query=query_string, headers=headers))


def link(body: object, vehicle_id: str = "v1", meter_id: str = "m1") -> Reply:
    return call(ingestion.handler, request("PUT", f"/v1/vehicles/{vehicle_id}/meters/{meter_id}", body=body))


@pytest.mark.parametrize(
    "body",
    [
        vehicle(),
        [vehicle()],
        {"readings": [vehicle()]},
        json.dumps([vehicle()], indent=2),
        "  \n" + json.dumps(vehicle()),
    ],
)
def test_one_reading_a_list_and_an_envelope_are_taken(emulated: Emulated, body: object) -> None:
    reply = post(body)
    assert (reply.status, reply.json()) == (202, {"accepted": 1, "rejected": []})
    assert get("/v1/vehicles/v1").json()["soc"] == 55.5


def test_kinds_may_be_mixed_and_each_goes_to_its_table(emulated: Emulated) -> None:
    assert post([vehicle(), meter(), vehicle("v2"), meter(7)]).json()["accepted"] == 4
    batches = [decode(body) for body in emulated.messages(emulated.history_queue_url)]
    assert {batch.table.name: [row[0] for row in batch.rows] for batch in batches} == {
        "vehicle_heartbeats": ["v1", "v2"],
        "meter_heartbeats": ["m1", "7"],
    }


BAD_ITEMS: list[tuple[dict[str, Any], str]] = [
    (vehicle(meterId="m1"), "both"),
    ({"soc": 1, "timestamp": "2024-01-01T00:00:00Z"}, "vehicleId or meterId: is missing"),
    (vehicle(soc=101), "soc"),
    (vehicle(soc=-1), "soc"),
    (vehicle(soc="50"), "soc"),
    (vehicle(soc=True), "soc"),
    (vehicle(soc=None), "soc"),
    (vehicle(soc=float("nan")), "soc"),
    (vehicle(kwhDeliveredDc=-0.1), "kwhDeliveredDc"),
    (vehicle(kwhDeliveredDc=1e12), "kwhDeliveredDc"),
    (vehicle(batteryTemp=151), "batteryTemp"),
    (meter(voltage=1001), "voltage"),
    (meter(kwhConsumedAc=float("inf")), "kwhConsumedAc"),
    (vehicle("a/b"), "vehicleId"),
    (vehicle(minutes=-60), "ahead"),
    (vehicle(timestamp="yesterday"), "timestamp"),
    (vehicle(timestamp="1969-12-31T23:59:59Z"), "1970"),
    ({key: value for key, value in vehicle().items() if key != "timestamp"}, "timestamp: is missing"),
    ({key: value for key, value in vehicle().items() if key != "soc"}, "soc: is missing"),
]


@pytest.mark.parametrize(("bad", "says"), BAD_ITEMS)
def test_a_bad_item_comes_back_and_the_good_ones_are_stored(emulated: Emulated, bad: dict[str, Any], says: str) -> None:
    reply = post([vehicle("good1"), bad, meter("good2")])
    assert (reply.status, reply.json()["accepted"]) == (202, 2)
    (rejected,) = reply.json()["rejected"]
    assert rejected["index"] == 1
    assert says in rejected["reason"]
    assert get("/v1/vehicles/good1").status == get("/v1/meters/good2").status == 200


def test_of_a_batch_in_which_every_second_item_is_bad_the_others_are_stored(emulated: Emulated) -> None:
    items = [vehicle(f"v{n}", soc=200 if n % 2 else 50) for n in range(1_000)]
    reply = post(items).json()
    assert reply["accepted"] == 500
    assert [each["index"] for each in reply["rejected"]] == list(range(1, 1_000, 2))


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("{", 400, "not JSON"),
        ("", 400, "not JSON"),
        ("[1", 400, "not JSON"),
        ("3", 422, "body"),
        ([], 422, "at least one"),
        ({"readings": []}, 422, "at least one"),
        ({"readings": 3}, 422, "readings: must be a list"),
        ([vehicle(soc=200)], 422, "no reading is good"),
        ([1, None, "x"], 422, "no reading is good"),
        ([{}] * 1_001, 413, "drops/vehicles/"),
        ([vehicle()] * 1_001, 413, "1,000"),
    ],
)
def test_a_bad_request_is_a_problem(emulated: Emulated, body: object, status: int, says: str) -> None:
    reply = post(body)
    assert reply.status == status
    assert says in reply.json()["detail"]
    assert emulated.messages(emulated.history_queue_url) == []


def test_an_integer_id_is_its_decimal_string(emulated: Emulated) -> None:
    post([vehicle(17), vehicle(18, soc=200)])
    assert get("/v1/vehicles/17").json()["vehicleId"] == "17"


def test_a_live_state_tells_its_age(emulated: Emulated) -> None:
    post([vehicle("fresh", 1), vehicle("old", 4), meter("m", 10)])
    fresh, old, of_meter = (get(path).json() for path in ("/v1/vehicles/fresh", "/v1/vehicles/old", "/v1/meters/m"))
    assert (fresh["stale"], old["stale"], of_meter["stale"]) == (False, True, True)
    assert 60 <= fresh["age_seconds"] < 100
    assert (of_meter["kwhConsumedAc"], of_meter["voltage"]) == (0.1, 229.5)


def test_an_unknown_device_is_not_found(emulated: Emulated) -> None:
    for path in ("/v1/vehicles/x", "/v1/meters/x", "/v1/analytics/performance/x"):
        assert get(path).status == 404


def test_the_fleet_is_paged_in_json_and_csv(emulated: Emulated) -> None:
    post([vehicle(f"v{n:02d}", kwhDeliveredDc=n % 2) for n in range(9)])
    names: list[str] = []
    cursor = ""
    while cursor is not None:
        page = get("/v1/vehicles", f"limit=4{f'&cursor={cursor}' if cursor else ''}").json()
        names += [each["vehicleId"] for each in page["vehicles"]]
        cursor = page["next_cursor"]
    assert sorted(names) == [f"v{n:02d}" for n in range(9)]
    charging = get("/v1/vehicles", "charging=true", accept="text/csv")
    assert charging.body.splitlines()[0] == (
        "vehicleId,timestamp,soc,kwhDeliveredDc,batteryTemp,charging,age_seconds,stale"
    )
    assert len(charging.body.splitlines()) == 5
    assert ",true," in charging.body
    assert "Link" in get("/v1/vehicles", "limit=4", accept="text/csv").headers


@pytest.mark.parametrize(
    "asked", ["limit=1001", "limit=x", "cursor=x", "cursor=eyJmcm9tIjogIngifQ", "charging=perhaps"]
)
def test_a_bad_listing_is_a_problem(emulated: Emulated, asked: str) -> None:
    assert get("/v1/vehicles", asked).status == 422


def test_links_are_put_changed_listed_and_taken_away(emulated: Emulated) -> None:
    assert link({"from": "2024-01-01T00:00:00Z"}).json() == {
        "vehicleId": "v1",
        "meterId": "m1",
        "from": "2024-01-01T00:00:00Z",
        "to": None,
    }
    overlapping = link({"from": "2024-06-01T00:00:00Z"}, vehicle_id="v2")
    assert overlapping.status == 409
    assert "feeds vehicle v1" in overlapping.json()["detail"]
    assert link({"from": "2024-01-01T00:00:00Z", "to": "2024-06-01T00:00:00Z"}).status == 200
    assert link({"from": "2024-06-01T00:00:00Z"}, vehicle_id="v2").status == 200
    assert [each["to"] for each in get("/v1/vehicles/v1/meters").json()["links"]] == ["2024-06-01T00:00:00Z"]
    event = request("DELETE", "/v1/vehicles/v1/meters/m1", query="from=2024-01-01T00:00:00Z")
    assert call(ingestion.handler, event).status == 204
    assert call(ingestion.handler, event).status == 404
    assert get("/v1/vehicles/v1/meters").json()["links"] == []


@pytest.mark.parametrize("body", [{}, {"from": "x"}, {"from": "2024-01-02T00:00:00Z", "to": "2024-01-01T00:00:00Z"}])
def test_a_bad_link_is_a_problem(emulated: Emulated, body: object) -> None:
    assert link(body).status == 422


def test_performance_over_http(emulated: Emulated) -> None:
    link({"from": "2024-01-01T00:00:00Z"})
    post([each for n in range(1, 60) for each in (vehicle(minutes=n), meter(minutes=n))])
    found = get("/v1/analytics/performance/v1", "hours=1").json()
    assert found["efficiencyRatio"] == pytest.approx(0.9)
    assert (found["status"], found["source"], found["avgBatteryTemp"]) == ("ok", "hot", 31.25)
    assert found["totalKwhConsumedAc"] == pytest.approx(5.9)
    assert found["readings"] == {"vehicle": 59, "meter": 59}
    assert found["scanned"] == {"items": 118}


def test_performance_without_a_meter_is_insufficient(emulated: Emulated) -> None:
    post([vehicle(minutes=n) for n in range(1, 60)])
    found = get("/v1/analytics/performance/v1").json()
    assert (found["efficiencyRatio"], found["totalKwhConsumedAc"], found["status"]) == (None, 0, "insufficient_data")


def test_performance_before_the_first_reading_is_insufficient(emulated: Emulated) -> None:
    post(vehicle())
    found = get("/v1/analytics/performance/v1", "end=2020-01-01T00:00:00Z").json()
    assert (found["readings"], found["status"]) == ({"vehicle": 0, "meter": 0}, "insufficient_data")


@pytest.mark.parametrize("asked", ["hours=0", "hours=169", "hours=x", "end=x", "as_of=x", "start=2020-01-01T00:00:00Z"])
def test_a_bad_performance_window_is_a_problem(emulated: Emulated, asked: str) -> None:
    assert get("/v1/analytics/performance/v1", asked).status == 422


def test_nothing_is_claimed_while_the_history_queue_is_down(emulated: Emulated) -> None:
    emulated.sqs.delete_queue(QueueUrl=emulated.history_queue_url)
    assert post(vehicle()).status == 503
    assert get("/v1/vehicles/v1").status == 404
