"""`GET /v1/meter_readings` and `GET /v1/pricing`, as the gateway calls them, over moto and a history at hand."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from functions.query import handler as query
from infra.local.meter_model import IMPORT_METER, sample_files
from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from tests.http_events import Reply, call, request
from tests.meter_fakes import FakeObisHistory
from wattline.adapters import aws
from wattline.domain.instants import parse_instant
from wattline.domain.obis import parse_obis
from wattline.domain.obis_readings import judge_item
from wattline.services.meter_readings import reading_row

NOW = parse_instant("2024-01-01T00:00:00Z")
RANGE = "start=2023-03-18T00:00:00Z&end=2023-04-01T00:00:00Z"
ALL = f"muid={IMPORT_METER}&{RANGE}"


@pytest.fixture(autouse=True)
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    with mock_aws():
        made = emulate()
        variables = {"HOT_TABLE": HOT_TABLE, "ATHENA_WORKGROUP": "w", "GLUE_DATABASE": "d", "BUCKET": BUCKET}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        rows = []
        for items in sample_files().values():
            readings = [reading for item in items for reading in judge_item(item, NOW).readings]
            rows += [reading_row(each, NOW, 0) for each in readings]
        monkeypatch.setattr(query, "obis_history", lambda: FakeObisHistory(rows))
        forget_wiring()
        meters = query.meter_stores().meters
        for row in {(row[0], row[1]) for row in rows}:
            meters.remember(str(row[0]), [parse_obis(str(row[1]))])
        meters.remember("both", [parse_obis("1.29.0"), parse_obis("2.29.0")])
        meters.remember("other", [parse_obis("1.8.0")])
        yield made
    forget_wiring()


def forget_wiring() -> None:
    for cached in (query.stores, query.meter_stores, aws.dynamodb, aws.sqs, aws.s3, aws.athena):
        cached.cache_clear()


def get(query_string: str, path: str = "/v1/meter_readings", **headers: str) -> Reply:
    return call(query.handler, request("GET", path, query=query_string, headers=headers))


def pages(query_string: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        reply = get(query_string + (f"&cursor={cursor}" if cursor else ""))
        assert reply.status == 200, reply.body
        found += reply.json()["data"]
        cursor = reply.json()["next_cursor"]
    return found


def test_the_register_is_named_by_its_code() -> None:
    found = get(f"muid=sample-export&{RANGE}&limit=1").json()
    assert found["direction"] == "export"
    assert found["register"] == {
        "code": "0100021D00FF",
        "obis": "1-0:2.29.0*255",
        "medium": "electricity",
        "channel": 0,
        "quantity": "active power -, all phases",
        "processing": "time integral 5 (over recording period 1)",
        "tariff": "total",
        "unit": "kWh",
    }
    assert (found["unit"], found["aggregation"], found["tz"]) == ("kWh", "raw", "UTC")
    assert found["data"] == [
        {"start": "2023-03-18T00:00:00Z", "value": 0.0, "count": 1, "expected": 1, "by_quality": {"measured": 1}}
    ]


@pytest.mark.parametrize("aggregation", ["raw", "15m", "hourly", "daily", "weekly", "monthly"])
@pytest.mark.parametrize("more", ["", "&weekday_only=true", "&weekend_only=true"])
def test_pages_of_any_size_give_the_same_as_one(aggregation: str, more: str) -> None:
    asked = f"{ALL}&tz=Europe/Zurich&aggregation={aggregation}{more}"
    whole = get(asked).json()
    assert whole["next_cursor"] is None
    assert pages(f"{asked}&limit={2 if aggregation in ('weekly', 'monthly') else 131}") == whole["data"]


def test_aggregations_hold_the_same_energy_and_readings() -> None:
    sums = set()
    for aggregation in ("raw", "15m", "hourly", "daily", "weekly", "monthly"):
        data = get(f"{ALL}&tz=Europe/Zurich&aggregation={aggregation}").json()["data"]
        sums.add((round(sum(each["value"] or 0 for each in data), 6), sum(each["count"] for each in data)))
        if aggregation != "raw":
            assert sum(each["expected"] for each in data) == 14 * 96
    assert len(sums) == 1


def test_buckets_without_a_reading_are_null_and_raw_leaves_them_out() -> None:
    gap = "start=2023-03-23T09:45:00Z&end=2023-03-23T11:45:00Z"
    quarter_hours = get(f"muid={IMPORT_METER}&{gap}&aggregation=15m").json()["data"]
    assert [each["value"] is None for each in quarter_hours] == [False] + [True] * 6 + [False]
    assert [each["by_quality"] for each in quarter_hours[-2:]] == [{}, {"estimated": 1}]
    assert len(get(f"muid={IMPORT_METER}&{gap}").json()["data"]) == 2


def test_everything_is_included_in_one_call_and_on_the_first_page_only() -> None:
    include = "include=stats,patterns,heatmap,cost,autocorrelation"
    found = get(f"{ALL}&tz=Europe/Zurich&aggregation=daily&limit=3&{include}").json()
    assert (found["stats"]["count"], found["stats"]["expected"], found["stats"]["gap_count"]) == (1338, 1344, 1)
    assert found["stats"]["gaps"] == [{"start": "2023-03-23T10:00:00Z", "end": "2023-03-23T11:30:00Z", "missing": 6}]
    assert len(found["patterns"]["by_hour"]) == 24
    assert found["patterns"]["by_weekday"][0]["weekday"] == "monday"
    assert [len(row) for row in found["heatmap"]["mean"]] == [24] * 7
    assert [each["lag"] for each in found["autocorrelation"]["lags"]] == list(range(1, 169))
    assert found["cost"]["currency"] == "CHF"
    assert all(isinstance(found["cost"][name], str) for name in ("total", "energy", "if_all_high", "effective_rate"))
    later = get(f"{ALL}&tz=Europe/Zurich&aggregation=daily&limit=3&{include}&cursor={found['next_cursor']}").json()
    assert "stats" not in later
    nothing = get(f"muid={IMPORT_METER}&start=2020-01-01T00:00:00Z&end=2020-02-01T00:00:00Z&{include}").json()
    assert (nothing["data"], nothing["stats"]["count"], nothing["cost"]["total"]) == ([], 0, "0.0000")
    assert nothing["stats"]["readings"] is None


def test_as_of_answers_as_if_nothing_later_had_been_received() -> None:
    assert get(f"{ALL}&as_of=2023-12-31T23:59:59Z").json()["data"] == []
    assert len(get(f"{ALL}&as_of=2024-01-01T00:00:00Z").json()["data"]) == 1338


def test_csv_has_a_line_a_bucket_and_the_next_page_in_a_header() -> None:
    reply = get(f"{ALL}&aggregation=daily&limit=6", accept="text/csv")
    lines = reply.body.splitlines()
    assert lines[0] == "start,value,count,expected,by_quality"
    assert lines[6].startswith("2023-03-23T00:00:00Z,") and lines[6].endswith(",90,96,estimated:3 measured:87")
    assert 'rel="next"' in reply.headers["Link"]


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        (f"{ALL}&weekday_only=true&weekend_only=true", "weekend_only", "one of the two"),
        (f"{ALL}&tz=Mars/Olympus", "tz", "IANA"),
        (f"{ALL}&aggregation=yearly", "aggregation", "must be one of raw, 15m, hourly"),
        (f"{ALL}&include=stats,mood", "include", "mood is none of stats"),
        (f"{ALL}&direction=up", "direction", "import"),
        (f"{ALL}&direction=export", "direction", "sends import"),
        (f"muid=both&{RANGE}", "direction", "must be export or import"),
        (f"muid=other&{RANGE}", "direction", "1-0:1.8.0*255"),
        (f"muid={IMPORT_METER}&start=2023-03-18T00:00:00Z&end=2023-03-18T00:00:00Z", "end", "after start"),
        (f"{ALL}&limit=10001", "limit", "10000"),
        (f"{ALL}&cursor=nonsense", "cursor", "next_cursor"),
        (f"{ALL}&from=1", "from", "is no parameter"),
        (RANGE, "muid", "is missing"),
    ],
)
def test_what_cannot_be_answered_says_why(asked: str, field: str, says: str) -> None:
    reply = get(asked)
    assert reply.status == 422
    (error,) = reply.json()["errors"]
    assert error["field"] == field
    assert says in error["reason"]


@pytest.mark.parametrize(
    ("aggregation", "include", "instead"),
    [("raw", "", "daily"), ("15m", "", "daily"), ("hourly", "", "daily"), ("monthly", "stats", "shorter range")],
)
def test_ten_years_of_readings_are_refused_with_the_limit_and_what_to_ask_instead(
    aggregation: str, include: str, instead: str
) -> None:
    years = f"muid={IMPORT_METER}&start=2014-01-01T00:00:00Z&end=2024-01-01T00:00:00Z"
    reply = get(f"{years}&aggregation={aggregation}&include={include}")
    assert reply.status == 422
    assert "days" in reply.json()["detail"] and instead in reply.json()["detail"]
    assert get(f"{years}&aggregation=monthly").status == 200
    assert get(f"{years.replace('2014', '2004')}&aggregation=monthly").status == 422


def test_a_meter_never_heard_of_is_404() -> None:
    reply = get(f"muid=nobody&{RANGE}")
    assert (reply.status, "nobody" in reply.json()["detail"]) == (404, True)


def test_pricing_is_the_default_until_a_set_is_dropped_and_costs_follow_it() -> None:
    default = get("", "/v1/pricing").json()
    assert (default["received_at"], default["tariffs"][0]["high"]) == (None, "0.32")
    changed = {**default["tariffs"][0], "effective_from": "2023-03-25", "high": "1", "low": "1", "name": "flat"}
    document = json.dumps({"tariffs": [default["tariffs"][0], changed]})
    query.meter_stores().tariffs.put("set", document, NOW)
    dropped = get("", "/v1/pricing").json()
    assert dropped["received_at"] == "2024-01-01T00:00:00Z"
    assert json.loads(document)["tariffs"] == dropped["tariffs"]
    assert get("as_of=2023-06-01T00:00:00Z", "/v1/pricing").json() == default
    found = get(f"{ALL}&include=cost").json()["cost"]
    assert {line["tariff"] for line in found["periods"]} == {"Swiss dual tariff", "flat"}
