"""The hot table against what DynamoDB does under load."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.emulated import HOT_TABLE, Emulated, emulate
from wattline.adapters.hot_alerts import DynamoAlerts
from wattline.adapters.hot_table import HotTable
from wattline.domain.alerts import DEFAULT_RULES, Alert, AlertState, Device, DeviceKind, Reading, advance
from wattline.errors import TransientError
from wattline.ports import AlertPage


@pytest.fixture
def emulated() -> Iterator[Emulated]:
    with mock_aws():
        yield emulate()


class BusyClient:
    """A DynamoDB client that leaves `left_undone` items of each batch undone for the first `rounds` calls."""

    def __init__(self, client: Any, *, rounds: int, left_undone: int) -> None:
        self._client = client
        self._rounds = rounds
        self._left_undone = left_undone
        self.batch_sizes: list[int] = []

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803
        ((table, requests),) = RequestItems.items()
        self.batch_sizes.append(len(requests))
        undone = requests[: self._left_undone] if len(self.batch_sizes) <= self._rounds else []
        done = requests[len(undone) :]
        if done:
            self._client.batch_write_item(RequestItems={table: done})
        return {"UnprocessedItems": {table: undone} if undone else {}}


class FailingClient:
    def batch_write_item(self, **_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "BatchWriteItem")


def items(count: int) -> list[dict[str, Any]]:
    return [{"pk": {"S": "p"}, "sk": {"S": f"{number:04d}"}} for number in range(count)]


def stored(emulated: Emulated) -> int:
    return len(list(HotTable(emulated.dynamodb, HOT_TABLE).query("p", "0", "9")))


def test_items_left_undone_are_sent_again_after_growing_pauses(emulated: Emulated) -> None:
    pauses: list[float] = []
    client = BusyClient(emulated.dynamodb, rounds=3, left_undone=4)
    HotTable(cast("Any", client), HOT_TABLE, pauses.append).put_all(items(25))
    assert stored(emulated) == 25
    assert client.batch_sizes == [25, 4, 4, 4]
    assert len(pauses) == 3
    assert pauses[2] > pauses[0]


@pytest.mark.parametrize("count", [0, 1, 25, 26, 50, 51, 260])
def test_batches_in_parallel_store_everything_whatever_is_left_undone(count: int, emulated: Emulated) -> None:
    client = BusyClient(emulated.dynamodb, rounds=6, left_undone=7)
    HotTable(cast("Any", client), HOT_TABLE, lambda _: None).put_all(items(count))
    assert stored(emulated) == count
    assert len(client.batch_sizes) > -(-count // 25) or count == 0


def test_one_batch_that_fails_among_many_is_an_error(emulated: Emulated) -> None:
    class Once:
        def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> Any:  # noqa: N803
            if RequestItems[HOT_TABLE][0]["PutRequest"]["Item"]["sk"]["S"] == "0075":
                raise ClientError({"Error": {"Code": "InternalServerError"}}, "BatchWriteItem")
            return emulated.dynamodb.batch_write_item(RequestItems=RequestItems)

    with pytest.raises(TransientError, match="repeat"):
        HotTable(cast("Any", Once()), HOT_TABLE).put_all(items(260))


def test_items_that_stay_undone_are_an_error_the_caller_can_repeat(emulated: Emulated) -> None:
    client = BusyClient(emulated.dynamodb, rounds=10**6, left_undone=1)
    with pytest.raises(TransientError, match="repeat"):
        HotTable(cast("Any", client), HOT_TABLE, lambda _: None).put_all(items(3))
    assert len(client.batch_sizes) < 20


def test_an_aws_error_is_one_the_caller_can_repeat() -> None:
    with pytest.raises(TransientError, match="repeat"):
        HotTable(cast("Any", FailingClient()), HOT_TABLE).put_all(items(1))


def test_a_query_follows_its_pages(emulated: Emulated) -> None:
    table = HotTable(emulated.dynamodb, HOT_TABLE)
    large = "x" * 300_000
    table.put_all([{"pk": {"S": "p"}, "sk": {"S": f"{n:04d}"}, "blob": {"S": large}} for n in range(9)])
    assert [item["sk"]["S"] for item in table.query("p", "0001", "0007")] == [f"{n:04d}" for n in range(1, 8)]


def test_alerts_of_a_state_that_none_is_in_take_one_query_and_not_one_for_each_other(emulated: Emulated) -> None:
    class Counting:
        queries = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(emulated.dynamodb, name)

        def query(self, **arguments: Any) -> Any:
            self.queries += 1
            return emulated.dynamodb.query(**arguments)

    client = Counting()
    alerts = DynamoAlerts(HotTable(cast("Any", client), HOT_TABLE))
    (rule,) = (rule for rule in DEFAULT_RULES if rule.name == "low_soc")
    alert, transitions = advance(rule, Alert(), [Reading(rule.metric, 1_000, 10, 5, 6)])
    for number in range(30):
        alerts.save(Device(DeviceKind.VEHICLE, f"v{number}"), rule, alert, transitions, version=0, now_ms=10**12)
    client.queries = 0
    assert alerts.page(rule=None, state=AlertState.PENDING, after=None, limit=1) == AlertPage([], None)
    assert client.queries == 1
