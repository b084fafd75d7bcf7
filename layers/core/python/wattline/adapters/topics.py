"""SNS: where alerts are announced."""

import json
from typing import TYPE_CHECKING

from wattline.adapters.aws import unavailable
from wattline.domain.alerts import AlertEvent
from wattline.domain.instants import format_instant

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class SnsAlertTopic:
    """`AlertTopic` over SNS. A subscription may filter by the message attributes `rule` and `state`."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, event: AlertEvent) -> None:
        """One message."""
        with unavailable("publishing the alert"):
            self._client.publish(
                TopicArn=self._topic_arn,
                Message=message(event),
                MessageAttributes={
                    "rule": {"DataType": "String", "StringValue": event.rule},
                    "state": {"DataType": "String", "StringValue": event.state.value},
                },
            )


def message(event: AlertEvent) -> str:
    """The event as JSON, in words like those of the API."""
    return json.dumps(
        {
            "event_id": event.id,
            "rule": event.rule,
            "metric": event.metric,
            "device_kind": event.device.kind,
            "device_id": event.device.id,
            "state": event.state,
            "previous_state": event.before,
            "at": format_instant(event.at_ms),
            "value": event.value,
            "fired_at": None if event.fired_ms is None else format_instant(event.fired_ms),
        }
    )
