"""AWS clients with bounded patience, and the one place where their exceptions become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from wattline.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

_PATIENCE = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=16,
)


@cache
def dynamodb() -> "DynamoDBClient":
    """The DynamoDB client of this process."""
    return boto3.client("dynamodb", config=_PATIENCE)


@cache
def sqs() -> "SQSClient":
    """The SQS client of this process."""
    return boto3.client("sqs", config=_PATIENCE)


@cache
def sns() -> "SNSClient":
    """The SNS client of this process."""
    return boto3.client("sns", config=_PATIENCE)


@cache
def s3() -> "S3Client":
    """The S3 client of this process; path style, which every S3 speaks for our bucket names."""
    return boto3.client("s3", config=_PATIENCE.merge(Config(s3={"addressing_style": "path"}, signature_version="s3v4")))


@cache
def athena() -> "AthenaClient":
    """The Athena client of this process."""
    return boto3.client("athena", config=_PATIENCE)


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Inside, an AWS call that fails after its retries is a TransientError; `what` begins its sentence."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise TransientError(f"{what} failed just now; repeat the request") from error
