"""The history's tables as Arrow datasets over S3 objects, counting what is read."""

import io
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from threading import Lock
from typing import IO, TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.dataset as ds
from botocore.exceptions import ClientError

from wattline.adapters.parquet_files import arrow_schema
from wattline.tables import ScratchTable, Table

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client


@dataclass
class ScanCount:
    """What one query read: distinct objects, and bytes of their ranges; `lost` were listed and are gone."""

    keys: set[str] = field(default_factory=set)
    bytes: int = 0
    lost: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def add(self, key: str, count: int) -> None:
        """Note a read."""
        with self._lock:
            self.keys.add(key)
            self.bytes += count


class S3Object(io.RawIOBase):
    """An object as a file that reads nothing before it is asked to, and then only the range."""

    def __init__(self, s3: "S3Client", bucket: str, key: str, size: int, scanned: ScanCount) -> None:
        super().__init__()
        self._s3 = s3
        self._bucket = bucket
        self._key = key
        self._size = size
        self._scanned = scanned
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        end = min(self._position + len(view), self._size)
        if end <= self._position:
            return 0
        wanted = f"bytes={self._position}-{end - 1}"
        try:
            data = self._s3.get_object(Bucket=self._bucket, Key=self._key, Range=wanted)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                self._scanned.lost.add(self._key)
            raise
        view[: len(data)] = data
        self._position += len(data)
        self._scanned.add(self._key, len(data))
        return len(data)


def dataset(s3: "S3Client", bucket: str, table: Table | ScratchTable, scanned: ScanCount) -> ds.Dataset:
    """All objects of a table. Partition values come from the keys; objects outside its partitions are not seen."""
    schema = pa.schema([*arrow_schema(table), *(pa.field(name, pa.string()) for name in table.partitions)])
    parquet = ds.ParquetFileFormat()
    fragments = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=table.prefix):
        for item in page.get("Contents", []):
            partition = _partition(item["Key"].removeprefix(table.prefix), table.partitions)
            if partition is not None:
                source = cast(
                    "IO[bytes]", pa.PythonFile(S3Object(s3, bucket, item["Key"], item["Size"], scanned), mode="r")
                )
                fragments.append(parquet.make_fragment(source, partition_expression=partition))
    return cast("ds.Dataset", ds.FileSystemDataset(fragments, schema, parquet))


def _partition(key: str, names: tuple[str, ...]) -> ds.Expression | None:
    folders = dict(part.split("=", 1) for part in key.split("/")[:-1] if "=" in part)
    if folders.keys() != set(names):
        return None
    return reduce(and_, (ds.field(name) == folders[name] for name in names))
