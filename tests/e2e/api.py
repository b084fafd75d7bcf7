"""A client of a deployment, worded as a user would."""

import json
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx


@dataclass(frozen=True)
class Deployment:
    """Where it is, the folder with its signing key, and AWS clients that speak to it."""

    outputs: dict[str, str]
    state: Path
    client: Callable[[str], Any]

    def landed(self, table: str) -> list[str]:
        """The keys of a table's history objects."""
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.outputs["bucket"], Prefix=f"history/{table}/")
        return [item["Key"] for page in found for item in page.get("Contents", [])]

    def forget_hot(self, spaceship_id: str) -> int:
        """Do what the TTL does one day to a ship's statements."""
        return self.forget(f"SHIP#{spaceship_id}", "E#")

    def forget(self, pk: str, prefix: str) -> int:
        """Delete items from the hot table; says how many."""
        dynamodb, table = self.client("dynamodb"), self.outputs["hot_table"]
        pages = dynamodb.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": pk}, ":prefix": {"S": prefix}},
        )
        items = [item for page in pages for item in page["Items"]]
        for item in items:
            dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})
        return len(items)

    def compact(self) -> dict[str, int]:
        """Compact everything that has landed, and delete what that supersedes at once."""
        event = json.dumps({"open_objects": 1, "grace_ms": 0}).encode()
        answer = self.client("lambda").invoke(FunctionName="wattline-local-compactor", Payload=event)
        totals: dict[str, int] = json.loads(answer["Payload"].read())
        return totals

    def drained(self) -> bool:
        """Whether everything queued is in the history."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName="wattline-local-history")["QueueUrl"]
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"]) == 0


class Api:
    """The HTTP API with one token."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.http.close()

    def post_energy(self, spaceship_id: str, units: str, data: object, **more: object) -> httpx.Response:
        """POST /data."""
        return self.http.post("/data", json={"spaceship_id": spaceship_id, "units": units, "data": data, **more})

    def read_energy(self, spaceship_id: str, start: str, end: str, **more: str) -> list[dict[str, Any]]:
        """GET /data, all pages."""
        points: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = {"spaceship_id": spaceship_id, "start": start, "end": end, **more}
            answer = self.http.get("/data", params=query | ({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, answer.text
            points += answer.json()["data"]
            cursor = answer.json()["next_cursor"]
        return points


def new_ship() -> str:
    """An id of its own for each test, for they share one deployment."""
    return f"ship-{uuid.uuid4().hex[:12]}"


def eventually(check: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something that happens in the background has happened."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def values(points: Iterable[dict[str, Any]]) -> list[float | None]:
    """The kWh of a series."""
    return [point["value"] for point in points]
