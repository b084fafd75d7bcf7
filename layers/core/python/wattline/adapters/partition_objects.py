"""The objects of a partition, merged bucket by bucket so that memory is bounded by a bucket."""

import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from wattline.adapters.aws import unavailable
from wattline.adapters.parquet_files import Codec, RowGroups, read_in_flight
from wattline.adapters.statement_order import in_order
from wattline.errors import TerminalError
from wattline.tables import Table, bucket_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROW_GROUP_ROWS = 57_600
"""What a query of one device reads at least: 40 device days of heartbeats."""

MAX_OPEN = 500
"""Inputs that stay open while their buckets are read one after the other; a Lambda function may open 1,024 files."""

_DELETE_BATCH = 1_000

_Opened = Callable[[Path], pq.ParquetFile]


class S3PartitionObjects:
    """`PartitionObjects` over S3; inputs are fetched once, to a temporary folder."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def keys(self, table: Table, dt: str) -> list[str]:
        """One listing of the partition."""
        with unavailable("listing the history"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{table.prefix}dt={dt}/"
            )
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def merge(self, table: Table, dt: str, inputs: Sequence[str], name: str) -> int:
        """One object a bucket that has rows."""
        rows = 0
        opened = lru_cache(MAX_OPEN)(partial(_open, table=table))
        with tempfile.TemporaryDirectory() as folder:
            files = [self._fetch(key, Path(folder) / str(number)) for number, key in enumerate(inputs)]
            for bucket, groups in sorted(_row_groups_by_bucket(files, table, opened).items()):
                merged = in_order(table, _read(groups, opened))
                rows += len(merged)
                key = f"{table.prefix}dt={dt}/bucket={bucket}/{name}.parquet"
                with unavailable("writing the history"):
                    self._s3.put_object(Bucket=self._bucket, Key=key, Body=_compacted_object(table, merged))
        return rows

    def _fetch(self, key: str, path: Path) -> Path:
        with unavailable("reading the history"):
            path.write_bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        return path

    def delete(self, keys: Sequence[str]) -> None:
        """In batches."""
        for first in range(0, len(keys), _DELETE_BATCH):
            with unavailable("deleting superseded objects"):
                self._s3.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": key} for key in keys[first : first + _DELETE_BATCH]], "Quiet": True},
                )


def _open(path: Path, table: Table) -> pq.ParquetFile:
    return pq.ParquetFile(path, read_dictionary=table.text_columns, memory_map=True, pre_buffer=False)


def _row_groups_by_bucket(
    files: Sequence[Path], table: Table, opened: _Opened
) -> dict[str, list[tuple[Path, list[int]]]]:
    """Every row group holds devices of one bucket, so its least device tells."""
    index: dict[str, list[tuple[Path, list[int]]]] = {}
    device_at = table.column_names.index(table.device)
    for path in files:
        metadata = opened(path).metadata
        numbers: dict[str, list[int]] = {}
        for number in range(metadata.num_row_groups):
            statistics = metadata.row_group(number).column(device_at).statistics
            if statistics is None:
                raise TerminalError(f"row group {number} of an object of {table.name} has no statistics of its devices")
            numbers.setdefault(bucket_of(str(statistics.min)), []).append(number)
        for bucket, of_bucket in numbers.items():
            index.setdefault(bucket, []).append((path, of_bucket))
    return index


def _read(groups: Sequence[tuple[Path, list[int]]], opened: _Opened) -> pa.Table:
    """Row groups of some files, in flight form."""
    parts = [opened(path).read_row_groups(numbers, use_threads=False) for path, numbers in groups]
    return read_in_flight(pa.concat_tables(parts).unify_dictionaries().combine_chunks())


def _compacted_object(table: Table, rows: pa.Table) -> bytes:
    parquet = RowGroups(table, Codec.COMPACTED)
    for first in range(0, len(rows), ROW_GROUP_ROWS):
        parquet.add(rows.slice(first, ROW_GROUP_ROWS))
    return parquet.file()
