"""Alerts over moto: from a post through the table's stream to the topic and the listing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from functions.alerter import handler as alerter
from functions.ingestion import handler as ingestion
from functions.query import handler as query
from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from tests.http_events import Context, Reply, call, request
from wattline.adapters import aws
from wattline.domain.fleet import Heartbeat, Kind, state
from wattline.domain.instants import format_instant
from wattline.errors import TransientError
from wattline.ports import AlertTopic
from wattline.runtime.clock import now_ms

MINUTE = 60_000
CACHED = (ingestion.stores, query.stores, alerter.stores, aws.dynamodb, aws.sqs, aws.sns)


@dataclass
class Cloud:
    """What the gateway, the stream's event source and the schedule do."""

    emulated: Emulated
    heard_at: str
    _delivered: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)

    def post(self, *readings: dict[str, object]) -> None:
        assert call(ingestion.handler, request("POST", "/v1/telemetry", body=list(readings))).status == 202

    def stream(self) -> list[dict[str, Any]]:
        """All records until now that the filters let through."""
        streams = boto3.client("dynamodbstreams")
        (of_table,) = streams.list_streams(TableName=HOT_TABLE)["Streams"]
        description = streams.describe_stream(StreamArn=of_table["StreamArn"])["StreamDescription"]
        iterator = streams.get_shard_iterator(
            StreamArn=of_table["StreamArn"],
            ShardId=description["Shards"][0]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        found = [_as_lambda_sees_it(record) for record in streams.get_records(ShardIterator=iterator)["Records"]]
        return [record for record in found if _passes(record)]

    def deliver(self) -> list[str]:
        """Give the alerter what is new, until nothing is; the numbers of records it wants again."""
        while new := self.stream()[self._delivered :]:
            self._delivered += len(new)
            if again := self.give(new):
                return again
        return []

    def give(self, records: list[dict[str, Any]]) -> list[str]:
        answer = alerter.handler({"Records": records}, Context())
        return [each["itemIdentifier"] for each in answer["batchItemFailures"]]

    def heard(self) -> list[dict[str, Any]]:
        """Messages of the topic since the last time."""
        return [json.loads(json.loads(body)["Message"]) for body in self.emulated.messages(self.heard_at)]


def _as_lambda_sees_it(record: Any) -> dict[str, Any]:
    """moto writes an update that makes an item as two records, of which the first knows the keys only."""
    images = {name: image for name, image in record["dynamodb"].items() if "Image" not in name or len(image) > 2}
    return {"eventName": record["eventName"], "dynamodb": images}


def _passes(record: dict[str, Any]) -> bool:
    keys = record["dynamodb"]["Keys"]
    pk, sk = keys["pk"]["S"], keys["sk"]["S"]
    is_live = pk.startswith("VEHICLE#") and sk == "LIVE" and "NewImage" in record["dynamodb"]
    return is_live or (sk.startswith("TRANSITION#") and record["eventName"] == "INSERT")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with mock_aws():
        emulated = emulate()
        sns = boto3.client("sns")
        topic = sns.create_topic(Name="alerts")["TopicArn"]
        queue = emulated.sqs.create_queue(QueueName="subscriber")["QueueUrl"]
        arn = emulated.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        for name, value in {
            "HOT_TABLE": HOT_TABLE,
            "HISTORY_QUEUE_URL": emulated.history_queue_url,
            "ATHENA_WORKGROUP": "w",
            "GLUE_DATABASE": "d",
            "BUCKET": BUCKET,
            "ALERT_TOPIC": topic,
        }.items():
            monkeypatch.setenv(name, value)
        forget_wiring()
        yield Cloud(emulated, queue)
    forget_wiring()


def forget_wiring() -> None:
    for cached in CACHED:
        cached.cache_clear()


def vehicle(minutes_ago: int, soc: float, name: str = "v1", temperature: float = 30) -> dict[str, object]:
    when = format_instant(now_ms() // MINUTE * MINUTE - minutes_ago * MINUTE)
    return {"vehicleId": name, "soc": soc, "kwhDeliveredDc": 0, "batteryTemp": temperature, "timestamp": when}


def alerts(asked: str = "", **headers: str) -> Reply:
    return call(query.handler, request("GET", "/v1/alerts", query=asked, headers=headers))


def test_a_low_battery_is_announced_once_and_listed_until_it_is_charged(cloud: Cloud) -> None:
    cloud.post(vehicle(20, 50), vehicle(20, 50, "v2"))
    cloud.post(vehicle(19, 19.5))
    assert cloud.deliver() == []
    (event,) = cloud.heard()
    assert (event["event_id"], event["state"], event["previous_state"], event["value"]) == (
        "vehicle/v1/low_soc/1",
        "firing",
        "resolved",
        19.5,
    )
    (listed,) = alerts("rule=low_soc&state=firing").json()["alerts"]
    assert (listed["device_id"], listed["since"], listed["value"]) == ("v1", event["at"], 19.5)

    cloud.post(vehicle(18, 22.5))
    cloud.post(vehicle(19, 99))
    cloud.deliver()
    assert cloud.heard() == []
    cloud.post(vehicle(17, 23))
    cloud.deliver()
    assert [(each["state"], each["event_id"]) for each in cloud.heard()] == [("resolved", "vehicle/v1/low_soc/2")]
    assert alerts().json() == {"alerts": [], "next_cursor": None}


def test_every_reading_of_a_batch_is_judged(cloud: Cloud) -> None:
    cloud.post(vehicle(9, 50), vehicle(7, 50), vehicle(8, 10, temperature=56), vehicle(6, 50))
    cloud.deliver()
    assert sorted((each["rule"], each["state"]) for each in cloud.heard()) == [
        ("battery_hot", "firing"),
        ("battery_hot", "resolved"),
        ("low_soc", "firing"),
        ("low_soc", "resolved"),
    ]


def test_heartbeats_of_a_file_are_judged_though_only_the_newest_becomes_the_live_state(cloud: Cloud) -> None:
    fleet = ingestion.stores().fleet
    now = now_ms()
    socs = {3: 5_000, 2: 1_000, 1: 5_000}
    beats = [Heartbeat("v1", now - minutes * MINUTE, (soc, 0, 3_000)) for minutes, soc in socs.items()]
    said = state(beats, now)
    fleet.put(Kind.VEHICLE, said, 1, now)
    fleet.update_live(Kind.VEHICLE, said[-1:], complete=False)
    cloud.deliver()
    assert sorted(each["state"] for each in cloud.heard()) == ["firing", "resolved"]


def test_a_late_reading_neither_fires_nor_clears(cloud: Cloud) -> None:
    cloud.post(vehicle(5, 50), vehicle(5, 10, "v2"))
    cloud.post(vehicle(6, 10), vehicle(6, 50, "v2"))
    cloud.deliver()
    assert [each["device_id"] for each in cloud.heard()] == ["v2"]
    assert [each["device_id"] for each in alerts().json()["alerts"]] == ["v2"]


def test_a_stream_that_starts_over_announces_nothing_twice(cloud: Cloud) -> None:
    for minutes, soc in enumerate([50, 10, 50, 10, 15]):
        cloud.post(vehicle(30 - minutes, soc))
    cloud.deliver()
    assert len(cloud.heard()) == 3
    everything = cloud.stream()
    assert cloud.give(everything) == []
    cloud.deliver()
    assert cloud.heard() == []
    assert len(alerts().json()["alerts"]) == 1


@dataclass
class Flaky:
    """A topic that works from the second time on."""

    topic: AlertTopic
    failures: int = 1

    def publish(self, event: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("no topic just now")
        self.topic.publish(event)


def test_what_could_not_be_published_is_delivered_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.post(vehicle(5, 10))
    flaky = alerter.stores()._replace(topic=Flaky(alerter.stores().topic))
    monkeypatch.setattr(alerter, "stores", lambda: flaky)
    (again,) = cloud.deliver()
    failed = [record for record in cloud.stream() if record["dynamodb"]["SequenceNumber"] == again]
    assert cloud.heard() == []
    assert cloud.give(failed) == []
    assert len(cloud.heard()) == 1


def test_what_the_stream_lost_is_published_by_the_clock(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.post(vehicle(5, 10))
    cloud.give(cloud.stream())
    alerter.handler({}, Context())
    assert cloud.heard() == []
    later = now_ms() + 10 * MINUTE
    monkeypatch.setattr(alerter, "now_ms", lambda: later)
    alerter.handler({}, Context())
    alerter.handler({}, Context())
    assert len(cloud.heard()) == 1


def test_the_listing_is_paged_in_json_and_csv(cloud: Cloud) -> None:
    cloud.post(*(vehicle(5, 10, f"v{n}", temperature=60) for n in range(4)))
    cloud.deliver()
    found: list[tuple[str, str]] = []
    cursor = ""
    while cursor is not None:
        page = alerts(f"limit=3{f'&cursor={cursor}' if cursor else ''}").json()
        found += [(each["rule"], each["device_id"]) for each in page["alerts"]]
        cursor = page["next_cursor"]
    assert found == [(rule, f"v{n}") for rule in ("battery_hot", "low_soc") for n in range(4)]
    as_csv = alerts("rule=battery_hot&limit=2", accept="text/csv")
    lines = as_csv.body.splitlines()
    assert lines[0] == "rule,metric,device_kind,device_id,state,since,value,fired_at"
    assert lines[1].startswith("battery_hot,batteryTemp,vehicle,v0,firing,")
    assert "next" in as_csv.headers["Link"]


@pytest.mark.parametrize(
    "asked", ["limit=1001", "cursor=x", "cursor=eyJmcm9tIjogIngifQ", "state=resolved", "rule=Low", "since=now"]
)
def test_a_bad_listing_is_a_problem(cloud: Cloud, asked: str) -> None:
    assert alerts(asked).status == 422
