"""The batteries' routes over moto, as the gateway calls them."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from moto import mock_aws

from functions.analytics import handler as analytics
from functions.query import handler as query
from infra.local.battery_model import Truth, simulate
from tests.battery_fakes import FakeBatteryHistory, points
from tests.emulated import BUCKET, HOT_TABLE, emulate
from tests.fakes import FakeLake
from tests.http_events import Reply, call, request
from wattline.adapters import aws
from wattline.domain.batteries import Battery, Description, Point, latest_of
from wattline.domain.instants import DAY_MS, HOUR_MS, MINUTE_MS, format_instant, parse_instant
from wattline.errors import QueryFailed, QueryTimeout
from wattline.ports import MetricSlice

NOON = parse_instant("2025-02-06T12:00:00Z")
REGISTER, CHARGE = "GridImportKwh-mainmeter", "StateOfChargePercentage"


class Batteries:
    """What the routes read."""

    def __init__(self) -> None:
        self.history = FakeBatteryHistory(FakeLake())

    def store(self, said: list[Point], device_id: str = "b-1", received_ms: int = 0) -> None:
        self.history.store(device_id, said, received_ms, str(len(self.history.lake.objects)))
        query.stores().batteries.merge(latest_of(device_id, said, received_ms))

    def describe(self, device_id: str, text: str, state: str) -> None:
        query.stores().batteries.merge(Battery(device_id, Description(text, state, 1, 0)))


@pytest.fixture
def batteries(monkeypatch: pytest.MonkeyPatch) -> Iterator[Batteries]:
    with mock_aws():
        emulate()
        for name, value in (
            ("HOT_TABLE", HOT_TABLE),
            ("BUCKET", BUCKET),
            ("ATHENA_WORKGROUP", "w"),
            ("GLUE_DATABASE", "d"),
        ):
            monkeypatch.setenv(name, value)
        forget_wiring()
        made = Batteries()
        for function in (query, analytics):
            monkeypatch.setattr(function, "battery_history", lambda: made.history)
        yield made
    forget_wiring()


def forget_wiring() -> None:
    for cached in (query.stores, analytics.stores, aws.dynamodb, aws.s3):
        cached.cache_clear()


def get(path: str, accept: str = "", **parameters: object) -> Reply:
    function = analytics if path.startswith("/v1/analytics") else query
    return call(function.handler, request("GET", path, query=urlencode(parameters), headers={"accept": accept}))


def telemetry(metric: str = REGISTER, start_ms: int = NOON, end_ms: int = NOON + HOUR_MS, **parameters: Any) -> Reply:
    window = {"start": format_instant(start_ms), "end": format_instant(end_ms)}
    accept = str(parameters.pop("accept", ""))
    return get("/v1/batteries/b-1/telemetry", accept, metric=metric, **window | parameters)


def all_pages(limit: int, **parameters: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = telemetry(limit=limit, **parameters, **cursor).json()
        assert len(page["data"]) <= limit
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        cursor = {"cursor": page["next_cursor"]}


def test_a_battery_shows_what_the_vendor_says_and_its_latest_values(batteries: Batteries) -> None:
    batteries.store(points(CHARGE, [(NOON + 4_000, 94), (NOON, 95)]) + points("PowerW", [(NOON, -12.5)], 2))
    batteries.describe("b-1", "Utrecht", "Warning")
    assert get("/v1/batteries/b-1").json() == {
        "deviceId": "b-1",
        "description": "Utrecht",
        "state": "Warning",
        "metrics": {
            "PowerW": {"value": -12.5, "timestamp": "2025-02-06T12:00:00Z"},
            CHARGE: {"value": 94, "timestamp": "2025-02-06T12:00:04Z"},
        },
    }


@pytest.mark.parametrize(
    "path", ["/v1/batteries/x", "/v1/batteries/x/telemetry", "/v1/analytics/batteries/x/degradation"]
)
def test_an_unknown_battery_is_not_found(batteries: Batteries, path: str) -> None:
    window: dict[str, Any] = (
        {"start": "2025-01-01T00:00:00Z", "end": "2025-01-02T00:00:00Z"} if path.count("/") > 3 else {}
    )
    more = {"metric": CHARGE} if "telemetry" in path else {}
    reply = get(path, **window, **more)
    assert (reply.status, "battery x" in reply.json()["detail"]) == (404, True)


def test_batteries_are_listed_in_pages_and_as_csv_by_metric(batteries: Batteries) -> None:
    for number in range(5):
        batteries.store(points(CHARGE, [(NOON, number)]) + points("PowerW", [(NOON, 1)], 1), f"b-{number}")
    batteries.describe("silent", "Never heard of, yet", "Ok")
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = get("/v1/batteries", limit=2, **cursor).json()
        found += page["batteries"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(each["deviceId"] for each in found) == ["b-0", "b-1", "b-2", "b-3", "b-4", "silent"]
    lines = list(csv.DictReader(io.StringIO(get("/v1/batteries", "text/csv").body)))
    assert len(lines) == 11
    (silent,) = [line for line in lines if line["deviceId"] == "silent"]
    assert (silent["description"], silent["state"], silent["metric"]) == ("Never heard of, yet", "Ok", "")
    assert {line["value"] for line in lines if line["metric"] == CHARGE} == {"0.0", "1.0", "2.0", "3.0", "4.0"}
    assert "Link" in get("/v1/batteries", "text/csv", limit=2).headers


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1001}, {"cursor": "x"}, {"metric": "x"}])
def test_a_bad_listing_is_a_problem(batteries: Batteries, asked: dict[str, Any]) -> None:
    assert get("/v1/batteries", **asked).status == 422


def test_raw_telemetry_of_a_register_is_what_it_showed(batteries: Batteries) -> None:
    batteries.store(points(REGISTER, [(NOON + n * MINUTE_MS, 479_186.66 + n) for n in range(90)]))
    answer = telemetry().json()
    assert {key: answer[key] for key in ("deviceId", "metric", "resolution", "next_cursor")} == {
        "deviceId": "b-1",
        "metric": REGISTER,
        "resolution": "raw",
        "next_cursor": None,
    }
    assert len(answer["data"]) == 60
    assert answer["data"][0] == {"datetime": "2025-02-06T12:00:00Z", "value": 479_186.66}
    assert all_pages(7) == answer["data"]


def test_buckets_of_a_gauge_tell_count_min_mean_max_and_last(batteries: Batteries) -> None:
    batteries.store(points(CHARGE, [(NOON, 10), (NOON + 1, 40), (NOON + 2, 25), (NOON + 15 * MINUTE_MS, 7)]))
    assert telemetry(CHARGE, resolution="15m").json()["data"] == [
        {"datetime": "2025-02-06T12:00:00Z", "count": 3, "min": 10, "mean": 25, "max": 40, "last": 25},
        {"datetime": "2025-02-06T12:15:00Z", "count": 1, "min": 7, "mean": 7, "max": 7, "last": 7},
    ]


@pytest.mark.parametrize(("resolution", "starts"), [("1m", 60), ("15m", 4), ("1h", 1), ("1d", 0)])
def test_buckets_are_those_that_start_in_the_range(batteries: Batteries, resolution: str, starts: int) -> None:
    batteries.store(points(CHARGE, [(NOON + n * 10_000, 1) for n in range(-500, 1_000)]))
    found = telemetry(CHARGE, resolution=resolution).json()["data"]
    assert len(found) == starts
    whole = telemetry(CHARGE, NOON - 30_000, NOON + HOUR_MS - 30_000, resolution="1h").json()["data"]
    assert [(each["datetime"], each["count"]) for each in whole] == [("2025-02-06T12:00:00Z", 360)]


def test_a_register_by_bucket_is_its_differences_credited_to_the_later_reading(batteries: Batteries) -> None:
    shown = [(-HOUR_MS, 100), (5 * MINUTE_MS, 103), (20 * MINUTE_MS, 104), (50 * MINUTE_MS, 110)]
    batteries.store(points(REGISTER, [(NOON + after, kwh) for after, kwh in shown]))
    assert telemetry(resolution="15m").json()["data"] == [
        {"datetime": "2025-02-06T12:00:00Z", "count": 1, "difference": 3, "last": 103},
        {"datetime": "2025-02-06T12:15:00Z", "count": 1, "difference": 1, "last": 104},
        {"datetime": "2025-02-06T12:45:00Z", "count": 1, "difference": 6, "last": 110},
    ]


@pytest.mark.parametrize(("before_ms", "expected"), [(DAY_MS, 5), (DAY_MS + 1, None)])
def test_the_reading_up_to_a_day_before_the_start_counts(
    batteries: Batteries, before_ms: int, expected: float | None
) -> None:
    batteries.store(points(REGISTER, [(NOON - before_ms, 10), (NOON, 15)]))
    assert [each["difference"] for each in telemetry(resolution="1h").json()["data"]] == [expected]


def test_energy_is_never_negative_and_resets_and_rollovers_are_counted(batteries: Batteries) -> None:
    shown = [99_990, 99_999, 4, 6, 0, 3, 2]
    batteries.store(points(REGISTER, [(NOON + n * MINUTE_MS, kwh) for n, kwh in enumerate(shown)]))
    found = [each["difference"] for each in telemetry(resolution="1m").json()["data"]]
    assert found == [None, 9, 5, 2, 0, 3, 0]


@pytest.mark.parametrize("limit", [1, 2, 5, 50])
def test_pages_of_differences_are_those_of_one_page_however_long_the_gaps(batteries: Batteries, limit: int) -> None:
    times = [n * 7 * MINUTE_MS + n**3 * HOUR_MS // 3 for n in range(30)]
    shown = [(NOON + after, 50 + n * 11 % 70 + n) for n, after in enumerate(times)]
    batteries.store(points(REGISTER, [(NOON - HOUR_MS, 49), *shown]))
    month: dict[str, Any] = {"end_ms": NOON + 400 * DAY_MS, "resolution": "1m"}
    whole = telemetry(**month).json()["data"]
    assert len(whole) == 30
    assert all_pages(limit, **month) == whole


def test_a_page_that_is_cut_in_raw_time_goes_on_by_its_link_in_csv(batteries: Batteries) -> None:
    batteries.store(points(REGISTER, [(NOON + n * MINUTE_MS, n) for n in range(5)]))
    reply = telemetry(limit=3, resolution="1m", accept="text/csv")
    assert reply.body.splitlines()[0] == "datetime,count,difference,last"
    assert reply.body.splitlines()[1] == "2025-02-06T12:00:00Z,1,,0.0"
    link = re.fullmatch(r'<\?(.*)>; rel="next"', reply.headers["Link"])
    assert link is not None
    onward = {name: values[-1] for name, values in parse_qs(link[1]).items()}
    rest = get("/v1/batteries/b-1/telemetry", "text/csv", **onward)
    assert rest.body.splitlines()[1:] == ["2025-02-06T12:03:00Z,1,1.0,3.0", "2025-02-06T12:04:00Z,1,1.0,4.0"]
    assert telemetry(accept="text/csv").body.splitlines()[0] == "datetime,value"
    batteries.store(points(CHARGE, [(NOON, 5)]))
    assert telemetry(CHARGE, resolution="1h", accept="text/csv").body.splitlines() == [
        "datetime,count,min,mean,max,last",
        "2025-02-06T12:00:00Z,1,5.0,5.0,5.0,5.0",
    ]


def test_as_of_answers_as_if_nothing_later_had_been_received(batteries: Batteries) -> None:
    batteries.store(points(CHARGE, [(NOON, 1)]), received_ms=NOON)
    batteries.store(points(CHARGE, [(NOON, 2), (NOON + 1_000, 3)]), received_ms=NOON + 5_000)

    def values(as_of_ms: int) -> list[float]:
        return [each["value"] for each in telemetry(CHARGE, as_of=format_instant(as_of_ms)).json()["data"]]

    assert (values(NOON - 1), values(NOON), values(NOON + 5_000)) == ([], [1], [2, 3])


def test_a_metric_that_the_battery_does_not_have_is_told_with_those_it_has(batteries: Batteries) -> None:
    batteries.store(points(CHARGE, [(NOON, 1)]))
    reply = telemetry("Charge")
    assert reply.status == 422
    assert reply.json()["errors"] == [{"field": "metric", "reason": f"battery b-1 has no such metric; it has {CHARGE}"}]


@pytest.mark.parametrize(
    "asked",
    [
        {"resolution": "2h"},
        {"start": "x"},
        {"end": format_instant(NOON)},
        {"limit": 10_001},
        {"cursor": "x"},
        {"cursor": "eyJmcm9tIjogIjEifQ"},
        {"metrics": "x"},
    ],
)
def test_a_bad_request_for_telemetry_is_a_problem(batteries: Batteries, asked: dict[str, Any]) -> None:
    batteries.store(points(CHARGE, [(NOON, 1)]))
    assert telemetry(CHARGE, **asked).status == 422


def test_degradation_of_a_year_tells_the_truth_of_its_model(batteries: Batteries) -> None:
    start_ms, truth = parse_instant("2024-01-01T00:00:00Z"), Truth()
    samples = list(simulate(truth, start_ms=start_ms, days=200, seed=5))
    names = samples[0].by_metric()
    said = [
        point
        for number, name in enumerate(names)
        for point in points(name, [(s.ts_ms, s.by_metric()[name]) for s in samples], number * len(samples))
    ]
    batteries.store(said)
    reply = get(
        "/v1/analytics/batteries/b-1/degradation",
        start=format_instant(start_ms),
        end=format_instant(start_ms + 200 * DAY_MS),
    )
    found = reply.json()
    assert (reply.status, found["status"], found["reasons"]) == (200, "ok", [])
    middle = truth.capacity_after(parse_instant(found["capacity"]["at"]) - start_ms)
    assert found["capacity"]["low"] <= middle <= found["capacity"]["high"]
    assert (found["capacity"]["confidence"], found["capacity"]["swings"]) == (0.95, 200)
    assert found["stateOfHealth"]["low"] <= -truth.fade_percent <= found["stateOfHealth"]["high"]
    assert found["efficiency"]["ratio"] == pytest.approx(truth.efficiency, abs=0.005)
    assert len(found["days"]) == 200
    assert found["energyOutKwh"] == pytest.approx(sum(day["energyOutKwh"] for day in found["days"]))
    assert found["equivalentFullCycles"] == pytest.approx(found["energyOutKwh"] / found["capacity"]["kwh"], abs=1e-6)
    assert found["scannedBytes"] == 300


def test_a_battery_without_the_series_has_insufficient_data(batteries: Batteries) -> None:
    batteries.store(points("BatteryExportKwh", [(NOON, 1), (NOON + HOUR_MS, 3)]))
    found = get(
        "/v1/analytics/batteries/b-1/degradation", start="2025-02-06T00:00:00Z", end="2025-02-07T00:00:00Z"
    ).json()
    assert (found["status"], found["energyOutKwh"], found["energyInKwh"]) == ("insufficient_data", 2, None)
    assert (found["capacity"], found["efficiency"], found["stateOfHealth"]) == (None, None, None)
    assert any("BatteryImportKwh" in reason for reason in found["reasons"])


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"start": "2025-01-01T00:00:00Z"},
        {"start": "2025-01-02T00:00:00Z", "end": "2025-01-01T00:00:00Z"},
        {"start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:01Z"},
    ],
)
def test_a_bad_window_of_degradation_is_a_problem(batteries: Batteries, asked: dict[str, Any]) -> None:
    assert get("/v1/analytics/batteries/b-1/degradation", **asked).status == 422


@pytest.mark.parametrize(("error", "status"), [(QueryTimeout("slow"), 503), (QueryFailed("no"), 502)])
def test_a_history_that_does_not_answer_is_a_problem(
    batteries: Batteries, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    batteries.store(points(CHARGE, [(NOON, 1)]))

    def fail(*_: Any) -> MetricSlice[Any]:
        raise error

    monkeypatch.setattr(batteries.history, "points", fail)
    assert telemetry(CHARGE).status == status
    assert json.loads(telemetry(CHARGE).body)["status"] == status
