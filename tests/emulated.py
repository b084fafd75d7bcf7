"""The hot table, the bucket and the queues on moto."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
from moto.dynamodb.responses import DynamoHandler

from wattline.adapters.hot_alerts import LISTED

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import GlobalSecondaryIndexTypeDef
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

HOT_TABLE = "hot"
BUCKET = "lake"


@dataclass(frozen=True)
class Emulated:
    """Clients, and the names of what was made with them."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    sqs: "SQSClient"
    history_queue_url: str
    dead_letter_queue_url: str

    def messages(self, queue_url: str) -> list[str]:
        """The bodies that wait in a queue; they are taken out."""
        bodies = []
        while received := self.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
            for message in received:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def object_keys(self) -> list[str]:
        """The objects in the bucket."""
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@cache
def _session() -> boto3.Session:
    """One for all tests, because a new one would read the services' models again."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")


_turn = Lock()
_call_action = DynamoHandler.call_action


def _one_at_a_time(handler: DynamoHandler) -> Any:
    """DynamoDB tests a condition and writes in one step; moto does so only where no other call comes in between."""
    with _turn:
        return _call_action(handler)


DynamoHandler.call_action = _one_at_a_time  # type: ignore[method-assign]


def emulate() -> Emulated:
    """Make them; call inside `mock_aws`."""
    dynamodb = _session().client("dynamodb")
    dynamodb.create_table(
        TableName=HOT_TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("pk", "sk", "list_pk", "list_sk", "charging_pk", "alerts_pk", "alerts_sk")
        ],
        GlobalSecondaryIndexes=[
            _index("fleet", "list_pk", "list_sk"),
            _index("charging", "charging_pk", "list_sk"),
            _index("alerts", "alerts_pk", "alerts_sk", LISTED),
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        BillingMode="PAY_PER_REQUEST",
    )
    s3 = _session().client("s3")
    s3.create_bucket(Bucket=BUCKET)
    sqs = _session().client("sqs")
    queues = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("history", "history-dlq")]
    return Emulated(dynamodb, s3, sqs, *queues)


def _index(name: str, pk: str, sk: str, included: Sequence[str] = ()) -> "GlobalSecondaryIndexTypeDef":
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(included)}
        if included
        else {"ProjectionType": "KEYS_ONLY"},
    }
