"""From a heartbeat over HTTP to a listed alert and a message of the topic, on a real deployment."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.api import Api, Deployment, eventually, new_ship

pytestmark = pytest.mark.e2e

START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)


class Subscription:
    """A queue that the topic sends to."""

    def __init__(self, deployment: Deployment) -> None:
        self._sqs = deployment.client("sqs")
        self._url = self._sqs.create_queue(QueueName=new_ship())["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        deployment.client("sns").subscribe(
            TopicArn=deployment.outputs["alerts_topic"], Protocol="sqs", Endpoint=attributes["QueueArn"]
        )
        self.heard: list[dict[str, Any]] = []

    def of(self, device: str) -> list[dict[str, Any]]:
        """Everything heard until now of a device."""
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
            self.heard += [json.loads(json.loads(message["Body"])["Message"]) for message in messages]
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [event for event in self.heard if event["device_id"] == device]

    def states(self, device: str) -> list[str]:
        return sorted(event["state"] for event in self.of(device))


@pytest.fixture(scope="module")
def topic(deployment: Deployment) -> Iterator[Subscription]:
    yield Subscription(deployment)


def heartbeat(name: str, minute: int, soc: float, temperature: float = 30) -> dict[str, object]:
    when = (START + timedelta(minutes=minute)).isoformat()
    return {"vehicleId": name, "soc": soc, "kwhDeliveredDc": 0, "batteryTemp": temperature, "timestamp": when}


def post(api: Api, *readings: dict[str, object]) -> None:
    assert api.http.post("/v1/telemetry", json=readings).status_code == 202


def alerts_of(api: Api, device: str, **query: str) -> list[dict[str, Any]]:
    answer = api.http.get("/v1/alerts", params=query)
    assert answer.status_code == 200, answer.text
    return [alert for alert in answer.json()["alerts"] if alert["device_id"] == device]


def test_a_low_battery_fires_is_listed_is_announced_once_and_clears(api: Api, topic: Subscription) -> None:
    name = new_ship()
    post(api, heartbeat(name, 0, 50))
    post(api, heartbeat(name, 1, 19.5))
    eventually(lambda: bool(alerts_of(api, name, rule="low_soc", state="firing")))
    at = (START + timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    assert alerts_of(api, name) == [
        {
            "rule": "low_soc",
            "metric": "soc",
            "device_kind": "vehicle",
            "device_id": name,
            "state": "firing",
            "since": at,
            "value": 19.5,
            "fired_at": at,
        }
    ]
    assert alerts_of(api, name, rule="battery_hot") == []
    eventually(lambda: topic.states(name) == ["firing"])

    post(api, heartbeat(name, 1, 19.5))
    post(api, heartbeat(name, 0, 90))
    post(api, heartbeat(name, 2, 22))
    post(api, heartbeat(name, 3, 23))
    eventually(lambda: topic.states(name) == ["firing", "resolved"])
    eventually(lambda: alerts_of(api, name) == [])
    assert {event["event_id"] for event in topic.of(name)} == {f"vehicle/{name}/low_soc/{n}" for n in (1, 2)}


def test_a_dip_in_the_middle_of_a_batch_is_announced(api: Api, topic: Subscription) -> None:
    name = new_ship()
    post(api, heartbeat(name, 0, 60))
    post(api, heartbeat(name, 3, 60), heartbeat(name, 2, 10), heartbeat(name, 1, 60, temperature=56))
    eventually(lambda: topic.states(name) == ["firing", "firing", "resolved", "resolved"])
    at = {(event["rule"], event["state"]): event["at"] for event in topic.of(name)}
    minutes = {key: int((datetime.fromisoformat(when) - START).total_seconds() / 60) for key, when in at.items()}
    assert minutes == {
        ("battery_hot", "firing"): 1,
        ("battery_hot", "resolved"): 2,
        ("low_soc", "firing"): 2,
        ("low_soc", "resolved"): 3,
    }
    assert alerts_of(api, name) == []
