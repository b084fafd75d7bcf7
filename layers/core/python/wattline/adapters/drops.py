"""Dropped objects in S3."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from wattline.adapters.aws import unavailable
from wattline.domain.loads import REJECTS
from wattline.errors import Conflict, NotFound, TransientError
from wattline.ports import OpenDrop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

CHUNK = 8 << 20


class S3Drops:
    """`Drops` over S3."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def open(self, key: str, etag: str) -> OpenDrop:
        """One GET, on the condition that the object is still the one that was announced."""
        with _still_there(key):
            answer = self._s3.get_object(Bucket=self._bucket, Key=key, IfMatch=etag)
        return OpenDrop(_milliseconds(answer["LastModified"]), _chunks(answer["Body"], key))

    def received(self, key: str, etag: str) -> int:
        """One HEAD, on the same condition."""
        with _still_there(key):
            answer = self._s3.head_object(Bucket=self._bucket, Key=key, IfMatch=f'"{etag}"')
        return _milliseconds(answer["LastModified"])

    def put_rejects(self, load_id: str, file: Path) -> None:
        """In parts where it is large."""
        with unavailable("writing the rejects"):
            self._s3.upload_file(
                str(file), self._bucket, f"{REJECTS}{load_id}.csv", ExtraArgs={"ContentType": "text/csv"}
            )


@contextmanager
def _still_there(key: str) -> "Iterator[None]":
    """Inside, an object that is gone or another is NotFound or Conflict."""
    try:
        with unavailable(f"reading {key}"):
            yield
    except TransientError as error:
        cause = error.__cause__
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else None
        if code in {"NoSuchKey", "404"}:
            raise NotFound("the object was deleted before it was read") from error
        if code in {"PreconditionFailed", "412"}:
            raise Conflict(
                "the object was overwritten before it was read; what is there now is a load of its own"
            ) from error
        raise


def _milliseconds(moment: "datetime") -> int:
    return int(moment.timestamp() * 1000)


def _chunks(body: "StreamingBody", key: str) -> "Iterator[bytes]":
    with unavailable(f"reading {key}"):
        yield from body.iter_chunks(CHUNK)
