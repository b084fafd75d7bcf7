"""The functions `ingestion`, `history_writer` and `query` over moto, as the gateway and the queue call them."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.history_writer import handler as history_writer
from functions.ingestion import handler as ingestion
from functions.query import handler as query
from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from tests.fakes import FakeEnergyHistory, FakeHotEnergy, FakeLake
from tests.http_events import Context, Reply, call, request
from wattline.adapters import aws
from wattline.errors import QueryFailed, QueryTimeout
from wattline.ports import EnergyRange, EnergySlice
from wattline.runtime.clock import now_ms
from wattline.runtime.history import queries
from wattline.runtime.observability import logger
from wattline.services.energy import HOT_WINDOW_MS

READINGS = [
    {"datetime": "2018-08-24T00:00:00Z", "value": 1},
    {"datetime": "2018-08-24T00:05:00Z", "value": 4},
    {"datetime": "2018-08-24T00:10:00Z", "value": 1},
]


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    with mock_aws():
        made = emulate()
        monkeypatch.setenv("HOT_TABLE", HOT_TABLE)
        monkeypatch.setenv("HISTORY_QUEUE_URL", made.history_queue_url)
        monkeypatch.setenv("HISTORY_DLQ_URL", made.dead_letter_queue_url)
        monkeypatch.setenv("BUCKET", BUCKET)
        monkeypatch.setenv("ATHENA_WORKGROUP", "w")
        monkeypatch.setenv("GLUE_DATABASE", "d")
        monkeypatch.setenv("BUCKET", "lake")
        forget_wiring()
        yield made
    forget_wiring()


def forget_wiring() -> None:
    for cached in (
        ingestion.stores,
        query.stores,
        history_writer.stores,
        queries,
        aws.dynamodb,
        aws.sqs,
        aws.s3,
        aws.athena,
    ):
        cached.cache_clear()


def post(body: object, *, query_string: str = "", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(ingestion.handler, request("POST", "/data", body=body, query=query_string, headers=named))


def post_readings(**overrides: object) -> Reply:
    return post({"spaceship_id": "falcon", "units": "kW", "data": READINGS} | overrides)


def get(query_string: str, **headers: str) -> Reply:
    return call(query.handler, request("GET", "/data", query=query_string, headers=headers))


class BrokenHistory(FakeEnergyHistory):
    def __init__(self, error: Exception) -> None:
        super().__init__(FakeLake())
        self._error = error

    def read(self, wanted: EnergyRange, at_least: int) -> EnergySlice:
        raise self._error


def test_the_three_shapes_and_csv_say_the_same(emulated: Emulated) -> None:
    times, values = [r["datetime"] for r in READINGS], [r["value"] for r in READINGS]
    replies = [
        post_readings(),
        post_readings(data={"datetime": times, "value": values}),
        post_readings(data=dict(zip(times, values, strict=True))),
        post(
            "\ufeffvalue,datetime\r\n1,2018-08-24T00:00:00Z\r\n4,2018-08-24T00:05:00Z\r\n1,2018-08-24T00:10:00Z\r\n",
            query_string="spaceship_id=falcon&units=KW",
            content_type="text/csv; charset=utf-8",
        ),
    ]
    assert [reply.status for reply in replies] == [201] * 4
    assert all(reply.json() == replies[0].json() for reply in replies)
    assert replies[0].json() == {
        "spaceship_id": "falcon",
        "units": "kWh",
        "step_minutes": 5,
        "accepted": 3,
        "rejected": [],
        "rejected_count": 0,
        "intervals": 1,
        "start": "2018-08-24T00:00:00Z",
        "end": "2018-08-24T00:15:00Z",
    }


def test_bad_items_come_back_with_their_place_and_reason_and_good_ones_are_stored(emulated: Emulated) -> None:
    data = {"datetime": ["2018-08-24T00:00:00Z", "2018-08-24T00:15:00Z", "x"], "value": ["2.5", "12,5"]}
    reply = post_readings(data=data, units="kwh")
    assert reply.status == 201
    assert [(each["index"], each["reason"].split(":")[0]) for each in reply.json()["rejected"]] == [
        (1, "value"),
        (2, "datetime"),
    ]
    assert reply.json()["rejected"][0]["value"] == "12,5"


def test_an_integer_id_is_its_decimal_string(emulated: Emulated) -> None:
    assert post_readings(spaceship_id=42).json()["spaceship_id"] == "42"


def test_a_key_given_twice_in_a_map_is_reported(emulated: Emulated) -> None:
    body = '{"spaceship_id": "f", "units": "kWh", "data": {"2018-08-24T00:00:00Z": 1, "2018-08-24T00:00:00Z": 2}}'
    (rejected,) = post(body).json()["rejected"]
    assert rejected["index"] == 0
    assert "given again by item 1" in rejected["reason"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("{", 400, "not JSON"),
        ("", 400, "not JSON"),
        ("[]", 422, "body"),
        ({}, 422, "spaceship_id: is missing"),
        ({"spaceship_id": "a/b", "units": "kW", "data": READINGS}, 422, "spaceship_id: must match"),
        ({"spaceship_id": "a", "units": "MW", "data": READINGS}, 422, "units: must be kW or kWh"),
        ({"spaceship_id": "a", "units": 3, "data": READINGS}, 422, "units"),
        ({"spaceship_id": True, "units": "kW", "data": READINGS}, 422, "spaceship_id"),
        ({"spaceship_id": "a", "units": "kW", "data": []}, 422, "at least one"),
        ({"spaceship_id": "a", "units": "kW", "data": "x"}, 422, "data: must be a list"),
        ({"spaceship_id": "a", "units": "kW", "data": [1, None, []]}, 422, "no reading of the post is good"),
        ({"spaceship_id": "a", "units": "kW", "data": READINGS, "interval_minutes": 0}, 422, "interval_minutes"),
        ({"spaceship_id": "a", "units": "kW", "data": READINGS, "interval_minutes": 1441}, 422, "interval_minutes"),
        ({"spaceship_id": "a", "units": "kW", "data": READINGS, "interval_minutes": "5"}, 422, "interval_minutes"),
        ({"spaceship_id": "a", "units": "kW", "data": dict.fromkeys(map(str, range(100_000)))}, 413, "drops/energy/"),
        ("x" * 5_000_001, 413, "5 MB"),
    ],
)
def test_a_bad_post_is_a_problem_that_says_what_to_do(emulated: Emulated, body: Any, status: int, says: str) -> None:
    reply = post(body)
    problem = reply.json()
    assert (reply.status, problem["status"]) == (status, status)
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert says in problem["detail"]
    assert problem["request_id"] == reply.headers["X-Request-Id"]
    assert emulated.messages(emulated.history_queue_url) == []


@pytest.mark.parametrize(
    ("body", "query_string", "status", "says"),
    [
        ("a,b\n1,2\n", "spaceship_id=f&units=kW", 400, "datetime and value"),
        ("", "spaceship_id=f&units=kW", 400, "datetime and value"),
        ("datetime,value\n", "spaceship_id=f&units=kW", 422, "at least one"),
        ("datetime,value\n2018-08-24T00:00:00Z,1\n", "units=kW", 422, "spaceship_id: is missing"),
        ("datetime,value\n2018-08-24T00:00:00Z,1\n", "spaceship_id=f&units=kW&interval_minutes=x", 422, "interval"),
    ],
)
def test_a_bad_csv_post_is_a_problem(emulated: Emulated, body: str, query_string: str, status: int, says: str) -> None:
    reply = post(body, query_string=query_string, content_type="text/csv")
    assert reply.status == status
    assert says in reply.json()["detail"]


def test_a_csv_row_that_is_short_is_rejected_alone(emulated: Emulated) -> None:
    body = "datetime,value\n2018-08-24T00:00:00Z,1\n2018-08-24T00:15:00Z\n2018-08-24T00:30:00Z,\n"
    reply = post(body, query_string="spaceship_id=f&units=kWh", content_type="text/csv")
    assert [each["reason"] for each in reply.json()["rejected"]] == ["value: is missing", "value: is null"]


def test_a_body_may_begin_with_a_byte_order_mark(emulated: Emulated) -> None:
    assert post("\ufeff" + json.dumps({"spaceship_id": "f", "units": "kW", "data": READINGS})).status == 201


def test_an_answer_holds_no_more_than_lambda_carries(emulated: Emulated) -> None:
    long = "😀" * 100
    bad = [{"datetime": long, "value": long}] * 5_600
    body = {"spaceship_id": "f", "units": "kW", "data": [*READINGS, *bad]}
    reply = post(json.dumps(body, ensure_ascii=False))
    assert reply.json()["rejected_count"] == 5_600
    assert 500 < len(reply.json()["rejected"]) < 5_600
    assert len(json.dumps(reply.body)) < 6_291_456


def test_numbers_that_json_cannot_say_back_are_still_reported(emulated: Emulated) -> None:
    body = '{"spaceship_id": "f", "units": "kW", "data": [{"datetime": "2018-08-24T00:00:00Z", "value": NaN}, '
    body += '{"datetime": "2018-08-24T00:15:00Z", "value": 1' + "0" * 500 + "}, "
    body += '{"datetime": "2018-08-24T00:30:00Z", "value": 1}]}'
    reply = post(body)
    assert reply.status == 201
    assert [each["value"] for each in reply.json()["rejected"]] == ["nan", "1.000000e+500"]


@pytest.mark.parametrize(
    ("scopes", "expires", "status"), [("telemetry:read", 4e9, 403), ("", 4e9, 403), ("telemetry:write", 1, 401)]
)
def test_scope_and_expiry_are_checked_by_the_route(
    emulated: Emulated, scopes: str, expires: float, status: int
) -> None:
    event = request("POST", "/data", body={}, scopes=scopes, expires=expires)
    reply = call(ingestion.handler, event)
    assert reply.status == status
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_a_post_is_refused_and_nothing_is_stored_while_the_history_queue_is_down(emulated: Emulated) -> None:
    emulated.sqs.delete_queue(QueueUrl=emulated.history_queue_url)
    reply = post_readings()
    assert reply.status == 503
    assert "Retry-After" in reply.headers
    assert emulated.dynamodb.scan(TableName=HOT_TABLE)["Items"] == []


def test_an_unexpected_error_tells_nothing_of_the_inside(emulated: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOT_TABLE")
    reply = post_readings()
    assert reply.status == 500
    assert "request_id" in reply.json()["detail"]
    assert "HOT_TABLE" not in reply.body
    assert "Traceback" not in reply.body


def test_what_was_posted_is_in_the_next_read_with_one_query_of_the_hot_table(emulated: Emulated) -> None:
    hour = now_ms() // 3_600_000 * 3_600_000 - 48 * 3_600_000
    from wattline.domain.instants import format_instant

    start, end = format_instant(hour), format_instant(hour + 86_400_000)
    post_readings(units="kWh", data=[{"datetime": start, "value": 8}], interval_minutes=60)
    calls: list[str] = []
    query.stores()
    aws.dynamodb().meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    reply = get(f"spaceship_id=falcon&start={start}&end={end}")
    assert [point["value"] for point in reply.json()["data"]] == [2.0] * 4
    assert calls == ["Query"]


def with_fakes(monkeypatch: pytest.MonkeyPatch, history: FakeEnergyHistory) -> None:
    hot = FakeHotEnergy(HOT_WINDOW_MS)
    from wattline.domain.energy import Basis, Piece
    from wattline.domain.instants import parse_instant
    from wattline.ports import Received

    first = parse_instant("2018-08-24T00:00:00Z")
    pieces = [Piece(first + n * 900_000, 0, 900_000, (n + 1) * 10**9, Basis.ENERGY) for n in range(5)]
    hot.put("falcon", pieces, Received(now_ms(), 1), now_ms())
    others: Any = (None,) * (len(query.Stores._fields) - 1)
    monkeypatch.setattr(query, "stores", lambda: query.Stores(hot, *others))
    monkeypatch.setattr(query, "energy_history", lambda: history)


NESTED = base64.urlsafe_b64encode(b"[" * 50_000).decode()
RANGE = "start=2018-08-24T00:00:00Z&end=2018-08-25T00:00:00Z"


def test_a_read_is_paged_in_json_and_in_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    with_fakes(monkeypatch, FakeEnergyHistory(FakeLake()))
    first = get(f"spaceship_id=falcon&{RANGE}&limit=3").json()
    assert [point["value"] for point in first["data"]] == [1, 2, 3]
    second = get(f"spaceship_id=falcon&{RANGE}&limit=3&cursor={first['next_cursor']}").json()
    assert [point["value"] for point in second["data"]] == [4, 5]
    assert second["next_cursor"] is None

    csv = get(f"spaceship_id=falcon&{RANGE}&limit=3", accept="text/csv")
    assert csv.headers["Content-Type"].startswith("text/csv")
    assert csv.body.splitlines()[:2] == [
        "datetime,value,coverage,quality",
        "2018-08-24T00:00:00Z,1.0,1.0,measured",
    ]
    link = csv.headers["Link"]
    assert link.endswith('>; rel="next"')
    rest = get(link.removeprefix("<?").split(">")[0], accept="text/csv")
    assert [line.split(",")[1] for line in rest.body.splitlines()[1:]] == ["4.0", "5.0"]
    assert "Link" not in rest.headers


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (f"{RANGE}", "spaceship_id: is missing"),
        ("spaceship_id=falcon&end=2018-08-25T00:00:00Z", "start: is missing"),
        ("spaceship_id=falcon&start=2018-08-25T00:00:00Z&end=2018-08-24T00:00:00Z", "end: must lie after start"),
        ("spaceship_id=falcon&start=2018-08-25T00:00:00Z&end=2018-08-25T00:00:00Z", "end: must lie after start"),
        ("spaceship_id=falcon&start=yesterday&end=2018-08-24T00:00:00Z", "start: is not an RFC 3339 time"),
        (f"spaceship_id=a%2Fb&{RANGE}", "spaceship_id: must match"),
        (f"spaceship_id=falcon&{RANGE}&fill=guess", "fill"),
        (f"spaceship_id=falcon&{RANGE}&limit=0", "limit"),
        (f"spaceship_id=falcon&{RANGE}&limit=10001", "limit"),
        (f"spaceship_id=falcon&{RANGE}&cursor=garbage", "cursor: is not one that this range gave"),
        (f"spaceship_id=falcon&{RANGE}&cursor=eyJmcm9tIjogMX0", "cursor: is not one that this range gave"),
        (f"spaceship_id=falcon&{RANGE}&cursor=%F0%9F%92%A9", "cursor: is not one that this range gave"),
        (f"spaceship_id=falcon&{RANGE}&cursor={NESTED}", "cursor: is not one that this range gave"),
        (f"spaceship_id=falcon&{RANGE}&as_of=now", "as_of: is not an RFC 3339 time"),
        (f"spaceship_id=falcon&{RANGE}&limit=1_0", "limit: must be a whole number"),
        (f"spaceship_id=falcon&{RANGE}&fil=zero", "fil: is no parameter of this route"),
    ],
)
def test_a_bad_read_is_a_problem_that_names_the_parameter(
    monkeypatch: pytest.MonkeyPatch, asked: str, says: str
) -> None:
    with_fakes(monkeypatch, FakeEnergyHistory(FakeLake()))
    reply = get(asked)
    assert reply.status == 422
    assert says in reply.json()["detail"]
    assert reply.json()["errors"]


def test_a_plus_that_was_not_escaped_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with_fakes(monkeypatch, FakeEnergyHistory(FakeLake()))
    reply = get("spaceship_id=falcon&start=2018-08-24T02:00:00+02:00&end=2018-08-24T02:30:00+02:00")
    assert [point["value"] for point in reply.json()["data"]] == [1, 2]


@pytest.mark.parametrize("fill", ["none", "null", "linear"])
def test_a_range_to_the_end_of_time_is_answered(monkeypatch: pytest.MonkeyPatch, fill: str) -> None:
    with_fakes(monkeypatch, FakeEnergyHistory(FakeLake()))
    reply = get(f"spaceship_id=falcon&start=2018-08-24T00:00:00Z&end=9998-12-31T23:59:59Z&fill={fill}&limit=5")
    assert [point["value"] for point in reply.json()["data"]] == [1, 2, 3, 4, 5]
    assert get("spaceship_id=falcon&start=2018-08-24T00:00:00Z&end=9999-12-31T23:59:59Z").status == 422


def test_an_unknown_ship_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with_fakes(monkeypatch, FakeEnergyHistory(FakeLake()))
    assert get(f"spaceship_id=nobody&{RANGE}").status == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [(QueryFailed("history query 1 failed: SELECT secret"), 502), (QueryTimeout("too long", retry_after=30), 503)],
)
def test_a_failing_history_is_a_problem_without_its_inside(
    monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    with_fakes(monkeypatch, BrokenHistory(error))
    reply = get(f"spaceship_id=falcon&{RANGE}")
    assert reply.status == status
    assert "SELECT" not in reply.body
    assert reply.json()["request_id"]
    assert ("Retry-After" in reply.headers) == (status == 503)


def test_queued_readings_land_in_the_history(emulated: Emulated) -> None:
    post_readings()
    post_readings(spaceship_id="x-wing", units="kWh")
    records = [{"messageId": str(n), "body": b} for n, b in enumerate(emulated.messages(emulated.history_queue_url))]
    assert len(records) == 2
    records.append({"messageId": "poison", "body": "not ours"})
    answer = history_writer.handler({"Records": records}, Context())
    assert answer == {"batchItemFailures": []}
    (key,) = emulated.object_keys()
    assert key.startswith("history/energy_intervals/dt=2018-08-01/bucket=landing/")
    assert emulated.messages(emulated.dead_letter_queue_url) == ["not ours"]


def test_messages_come_again_when_the_bucket_cannot_be_written(emulated: Emulated) -> None:
    post_readings()
    (body,) = emulated.messages(emulated.history_queue_url)
    boto3.client("s3").delete_bucket(Bucket=BUCKET)
    answer = history_writer.handler({"Records": [{"messageId": "m", "body": body}]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}


def test_logs_are_structured_and_carry_the_request(emulated: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    reply = post_readings()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    (answered,) = [line for line in lines if line.get("message") == "answered"]
    assert (answered["status"], answered["route"]) == (201, "/data")
    assert answered["request_id"] == reply.headers["X-Request-Id"]


def test_accepted_and_rejected_readings_are_counted(emulated: Emulated, capsys: pytest.CaptureFixture[str]) -> None:
    post_readings(data=[*READINGS, {"datetime": "x", "value": 1}])
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    (metrics,) = [line for line in printed if "ReadingsAccepted" in line]
    assert (metrics["ReadingsAccepted"], metrics["ReadingsRejected"]) == ([3.0], [1.0])
