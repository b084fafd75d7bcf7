"""Dropped objects in S3."""

from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from wattline.adapters.aws import unavailable
from wattline.domain.loads import REJECTS
from wattline.errors import Conflict, NotFound, TransientError
from wattline.ports import OpenDrop

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        try:
            with unavailable(f"reading {key}"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key, IfMatch=etag)
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
        return OpenDrop(int(answer["LastModified"].timestamp() * 1000), _chunks(answer["Body"], key))

    def put_rejects(self, load_id: str, file: Path) -> None:
        """In parts where it is large."""
        with unavailable("writing the rejects"):
            self._s3.upload_file(
                str(file), self._bucket, f"{REJECTS}{load_id}.csv", ExtraArgs={"ContentType": "text/csv"}
            )


def _chunks(body: "StreamingBody", key: str) -> "Iterator[bytes]":
    with unavailable(f"reading {key}"):
        yield from body.iter_chunks(CHUNK)
