"""The hot table: one DynamoDB table with the keys `pk` and `sk`, and `expires_at` as its TTL."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from wattline.adapters.aws import unavailable
from wattline.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, WriteRequestOutputTypeDef, WriteRequestTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

BATCH = 25
"""The most items BatchWriteItem takes."""

READ_BATCH = 100
"""The most keys BatchGetItem takes."""

THREADS = 16
"""Calls under way at once; a client keeps as many connections."""

_ATTEMPTS = 8
_FIRST_PAUSE = 0.05


class HotTable:
    """Puts in batches and reads by key. There is no scan."""

    def __init__(self, client: "DynamoDBClient", name: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self.name = name
        self._pause = pause

    def put_all(self, items: "Sequence[Item]") -> None:
        """Put all items, whose keys are distinct, batches in parallel. Raises TransientError if some may be missing."""
        batches: list[list[WriteRequestTypeDef | WriteRequestOutputTypeDef]] = [
            [{"PutRequest": {"Item": item}} for item in items[first : first + BATCH]]
            for first in range(0, len(items), BATCH)
        ]
        if len(batches) < 2:
            list(map(self._put_batch, batches))
        else:
            with ThreadPoolExecutor(min(THREADS, len(batches))) as threads:
                list(threads.map(self._put_batch, batches))

    def _put_batch(self, requests: "Sequence[WriteRequestTypeDef | WriteRequestOutputTypeDef]") -> None:
        """DynamoDB may leave some of a batch undone; those are sent again after a growing, jittered pause."""
        for attempt in range(_ATTEMPTS):
            self.pause_before(attempt)
            with unavailable("storing the readings"):
                answer = self._client.batch_write_item(RequestItems={self.name: requests})
            requests = answer["UnprocessedItems"].get(self.name, [])
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
                    TableName=self.name,
                    KeyConditionExpression=in_range,
                    ExpressionAttributeValues={":pk": {"S": pk}, ":first": {"S": first_sk}, ":last": {"S": last_sk}},
                    ConsistentRead=True,  # what a post answered is in the next read
                    **start,  # type: ignore[arg-type]
                )
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def newest(self, pk: str, first_sk: str, last_sk: str) -> "Item | None":
        """The last item of one partition with first_sk <= sk <= last_sk."""
        with unavailable("reading the table"):
            page = self._client.query(
                TableName=self.name,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={":pk": {"S": pk}, ":first": {"S": first_sk}, ":last": {"S": last_sk}},
                ScanIndexForward=False,
                Limit=1,
                ConsistentRead=True,
            )
        return next(iter(page["Items"]), None)

    def get(self, pk: str, sk: str) -> "Item | None":
        """One item."""
        with unavailable("reading the table"):
            answer = self._client.get_item(TableName=self.name, Key=_key(pk, sk), ConsistentRead=True)
        return answer.get("Item")

    def get_all(self, keys: "Sequence[tuple[str, str]]") -> "list[Item]":
        """Those of the items that exist, in no order."""
        items: list[Item] = []
        for first in range(0, len(keys), READ_BATCH):
            wanted: Any = [_key(pk, sk) for pk, sk in keys[first : first + READ_BATCH]]
            for attempt in range(_ATTEMPTS):
                self.pause_before(attempt)
                with unavailable("reading the table"):
                    answer = self._client.batch_get_item(
                        RequestItems={self.name: {"Keys": wanted, "ConsistentRead": True}}
                    )
                items += answer["Responses"].get(self.name, [])
                if self.name not in answer["UnprocessedKeys"]:
                    break
                wanted = answer["UnprocessedKeys"][self.name]["Keys"]
            else:
                raise TransientError("the table answered only in part; repeat the request", retry_after=2)
        return items

    def update_if(
        self, pk: str, sk: str, update: str, values: "dict[str, AttributeValueTypeDef]", *, condition: str
    ) -> bool:
        """Update the item if the condition holds, and say whether it did."""
        try:
            with unavailable("updating the table"):
                self._client.update_item(
                    TableName=self.name,
                    Key=_key(pk, sk),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                )
        except TransientError as error:
            if _code(error.__cause__) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def put_if(
        self,
        item: "Item",
        *,
        condition: str,
        names: dict[str, str],
        values: "dict[str, AttributeValueTypeDef]",
    ) -> bool:
        """Put the item if the condition holds, and say whether it did."""
        try:
            with unavailable("updating the table"):
                self._client.put_item(
                    TableName=self.name,
                    Item=item,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                )
        except TransientError as error:
            if _code(error.__cause__) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def index_page(self, index: str, key: str, pk: str, after_sk: str, limit: int) -> list[str]:
        """Up to `limit` sort keys of a listing index after `after_sk`, in order."""
        found: list[str] = []
        while len(found) < limit:
            with unavailable("reading the table"):
                page = self._client.query(
                    TableName=self.name,
                    IndexName=index,
                    KeyConditionExpression=f"{key} = :pk AND list_sk > :after",
                    # ids are never empty, and a blank sorts before each of them
                    ExpressionAttributeValues={":pk": {"S": pk}, ":after": {"S": after_sk or " "}},
                    Limit=limit - len(found),
                )
            found += [item["list_sk"]["S"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            after_sk = found[-1] if found else after_sk
        return found

    def query_index(  # noqa: PLR0913 - the parts of a key query
        self, index: str, pk: str, first_sk: str, last_sk: str, *, limit: int, only: "Item | None" = None
    ) -> "Iterator[Item]":
        """Items of the sparse index whose keys are `<index>_pk` and `<index>_sk`, first_sk <= sk <= last_sk, in order.

        `limit` is how many the caller wants; `only` names attributes that must have these values.
        """
        query: dict[str, Any] = {
            "TableName": self.name,
            "IndexName": index,
            "KeyConditionExpression": f"{index}_pk = :pk AND {index}_sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":first": {"S": first_sk}, ":last": {"S": last_sk}},
            "Limit": limit,
        }
        if only:
            query["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in only)
            query["ExpressionAttributeNames"] = {f"#{name}": name for name in only}
            query["ExpressionAttributeValues"] |= {f":{name}": value for name, value in only.items()}
        while True:
            with unavailable("reading the table"):
                page = self._client.query(**query)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def conditional_put(
        self, item: "Item", *, condition: str, values: "dict[str, AttributeValueTypeDef]"
    ) -> dict[str, Any]:
        """A put for `transact`, on a condition."""
        put: dict[str, Any] = {"TableName": self.name, "Item": item, "ConditionExpression": condition}
        return {"Put": put | ({"ExpressionAttributeValues": values} if values else {})}

    def plain_put(self, item: "Item") -> dict[str, Any]:
        """A put for `transact`."""
        return {"Put": {"TableName": self.name, "Item": item}}

    def plain_delete(self, pk: str, sk: str) -> dict[str, Any]:
        """A deletion for `transact`."""
        return {"Delete": {"TableName": self.name, "Key": _key(pk, sk)}}

    def transact(self, changes: "Sequence[Any]") -> bool:
        """All changes or none; False when a condition failed or another transaction was at the same items."""
        try:
            with unavailable("updating the table"):
                self._client.transact_write_items(TransactItems=changes)
        except TransientError as error:
            if _code(error.__cause__) == "TransactionCanceledException":
                return False
            raise
        return True

    def pause_before(self, attempt: int) -> None:
        """A growing, jittered pause before each attempt but the first."""
        if attempt:
            self._pause(_FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def has(self, pk: str, sk: str) -> bool:
        """Whether the item exists."""
        return self.get(pk, sk) is not None


def _key(pk: str, sk: str) -> "dict[str, AttributeValueTypeDef]":
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _code(error: BaseException | None) -> str | None:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else None
