"""DynamoDB and its streams by moto, which is in LocalStack's own dependencies, instead of a download and Java.

Chosen by PROVIDER_OVERRIDE_DYNAMODB=moto and PROVIDER_OVERRIDE_DYNAMODBSTREAMS=moto.
"""

import copy
import threading
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.aws.api.dynamodbstreams import DynamodbstreamsApi
from localstack.runtime import hooks
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, aws_provider
from localstack.utils.patch import patch
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

_LOCK = threading.RLock()


@aws_provider(api="dynamodb", name="moto")
def dynamodb() -> Service:
    """Tables and items."""
    return Service.for_provider(DynamodbApi(), dispatch_table_factory=_one_at_a_time)


@aws_provider(api="dynamodbstreams", name="moto")
def dynamodbstreams() -> Service:
    """What changed in them: moto keeps one shard a table."""
    return Service.for_provider(DynamodbstreamsApi(), dispatch_table_factory=_one_at_a_time)


def _one_at_a_time(provider: object) -> dict[str, Any]:
    """moto checks a condition and writes in two steps: of two requests at once, both could find it to hold."""
    operations = MotoFallbackDispatcher(provider)
    return {name: partial(_locked, operation) for name, operation in operations.items()}


def _locked(operation: Any, *arguments: Any) -> Any:
    with _LOCK:
        return operation(*arguments)


@hooks.on_infra_start()
def roll_back_in_place() -> None:
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
