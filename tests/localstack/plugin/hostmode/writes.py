"""Where moto's writes differ from DynamoDB's in what others can see."""

import copy
from collections.abc import Callable
from typing import Any
from unittest import mock

from localstack.runtime import hooks
from localstack.utils.patch import patch
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table


@hooks.on_infra_start()
def write_as_dynamodb_does() -> None:
    """Transactions and updates."""
    _roll_back_in_place()
    _tell_of_a_new_item_once()


def _roll_back_in_place() -> None:
    """moto copies the whole table before each transaction and puts the copy in its place when a condition fails.

    Whoever reads the table's stream goes on reading the old one and hears of nothing any more. So the table stays, and
    what a failed transaction has written to items and stream is taken back.
    """

    @patch(DynamoDBBackend.transact_write_items)
    def transact_write_items(original: Callable[..., None], backend: Any, transact_items: list[Any]) -> None:
        before = [_Touched(backend, *operation.popitem()) for operation in map(dict, transact_items)]
        try:
            with mock.patch.object(Table, "__deepcopy__", lambda table, _: table, create=True):
                original(backend, transact_items)
        except Exception:
            for item in before:
                item.restore()
            raise


def _tell_of_a_new_item_once() -> None:
    """Of an item that an update makes, moto's stream tells twice, first with its keys alone."""

    @patch(DynamoDBBackend.update_item)
    def update_item(original: Callable[..., Any], backend: Any, table_name: str, *rest: Any, **named: Any) -> Any:
        stream = backend.get_table(table_name).stream_shard
        told = len(stream.items) if stream else 0
        item = original(backend, table_name, *rest, **named)
        if stream and len(stream.items) == told + 2:
            keys_alone = stream.items.pop(told)
            stream.items[told].record["dynamodb"]["SequenceNumber"] = keys_alone.record["dynamodb"]["SequenceNumber"]
        return item


class _Touched:
    """An item that an operation of a transaction may change, as it is before."""

    def __init__(self, backend: Any, kind: str, operation: dict[str, Any]) -> None:
        self._table = backend.get_table(operation["TableName"])
        keys = operation["Item"] if kind == "Put" else operation["Key"]
        self._hash_key, self._range_key = backend.get_keys_value(self._table, keys)
        self._item = copy.deepcopy(self._table.get_item(self._hash_key, self._range_key))
        self._stream = self._table.stream_shard
        self._told = len(self._stream.items) if self._stream else 0

    def restore(self) -> None:
        items, key = self._table.items, self._hash_key
        if self._range_key is not None:
            items, key = items[self._hash_key], self._range_key
        if self._item is None:
            items.pop(key, None)
        else:
            items[key] = self._item
        if self._stream:
            del self._stream.items[self._told :]
