"""DynamoDB and its streams by moto, which is in LocalStack's own dependencies, instead of a download and Java.

Chosen by PROVIDER_OVERRIDE_DYNAMODB=moto and PROVIDER_OVERRIDE_DYNAMODBSTREAMS=moto.
"""

import threading
from functools import partial
from typing import Any

from localstack.aws.api.dynamodb import DynamodbApi
from localstack.aws.api.dynamodbstreams import DynamodbstreamsApi
from localstack.services.moto import MotoFallbackDispatcher
from localstack.services.plugins import Service, aws_provider

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
