"""The hot table: one DynamoDB table with the keys `pk` and `sk`, and `expires_at` as its TTL."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from wattline.adapters.aws import unavailable
from wattline.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, WriteRequestOutputTypeDef, WriteRequestTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

BATCH = 25
"""The most items BatchWriteItem takes."""

_ATTEMPTS = 8
_FIRST_PAUSE = 0.05


class HotTable:
    """Puts in batches and reads by key. There is no scan."""

    def __init__(self, client: "DynamoDBClient", name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._name = name
        self._pause = pause

    def put_all(self, items: "Sequence[Item]") -> None:
        """Put all items, whose keys are distinct. Raises TransientError if some may be missing."""
        for first in range(0, len(items), BATCH):
            self._put_batch([{"PutRequest": {"Item": item}} for item in items[first : first + BATCH]])

    def _put_batch(self, requests: "Sequence[WriteRequestTypeDef | WriteRequestOutputTypeDef]") -> None:
        """DynamoDB may leave some of a batch undone; those are sent again after a growing, jittered pause."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._pause(_FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            with unavailable("storing the readings"):
                answer = self._client.batch_write_item(RequestItems={self._name: requests})
            requests = answer["UnprocessedItems"].get(self._name, [])
            if not requests:
                return
        raise TransientError("the table took only some of the readings; repeat the request", retry_after=2)

    def query(self, pk: str, first_sk: str, last_sk: str) -> "Iterator[Item]":
        """The items of one partition with first_sk <= sk <= last_sk, in order of sk."""
        in_range = "pk = :pk AND sk BETWEEN :first AND :last"
        start: dict[str, object] = {}
        while True:
            with unavailable("reading the table"):
                page = self._client.query(
                    TableName=self._name,
                    KeyConditionExpression=in_range,
                    ExpressionAttributeValues={":pk": {"S": pk}, ":first": {"S": first_sk}, ":last": {"S": last_sk}},
                    ConsistentRead=True,  # what a post answered is in the next read
                    **start,  # type: ignore[arg-type]
                )
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def has(self, pk: str, sk: str) -> bool:
        """Whether the item exists."""
        with unavailable("reading the table"):
            answer = self._client.get_item(
                TableName=self._name, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
            )
        return "Item" in answer
