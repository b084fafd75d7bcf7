"""The objects of a partition, merged bucket by bucket so that memory is bounded by a bucket."""

import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wattline.adapters.aws import unavailable
from wattline.adapters.parquet_lake import arrow_schema, writer
from wattline.tables import LANDING, Table, bucket_names, bucket_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROW_GROUP_ROWS = 57_600
"""What a query of one device reads at least: 40 device days of heartbeats."""

_DELETE_BATCH = 1_000


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
        with tempfile.TemporaryDirectory() as folder:
            files = [self._fetch(key, Path(folder) / str(number)) for number, key in enumerate(inputs)]
            for bucket in bucket_names():
                if bucket == LANDING:
                    continue
                parts = list(_parts(files, table, bucket))
                if not parts:
                    continue
                merged = distinct(pa.concat_tables(parts).sort_by([(column, "ascending") for column in _order(table)]))
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


def _parts(files: Sequence[Path], table: Table, bucket: str) -> Iterator[pa.Table]:
    """The row groups of a bucket: every row group holds devices of one bucket, so its least device tells."""
    for path in files:
        with pq.ParquetFile(path) as file:
            device_at = file.schema_arrow.get_field_index(table.device)
            for number in range(file.num_row_groups):
                statistics = file.metadata.row_group(number).column(device_at).statistics
                if statistics is not None and bucket_of(str(statistics.min)) == bucket:
                    yield file.read_row_group(number).cast(arrow_schema(table))


def _order(table: Table) -> list[str]:
    """The table's sort, and all other columns after, so that identical rows come to lie together."""
    return [*table.sort, *(name for name in table.column_names if name not in table.sort)]


def distinct(rows: pa.Table) -> pa.Table:
    """Sorted rows without those that equal the one before in every column: deliveries that came twice.

    A later statement that only repeats the values stays. A statement between the two may still be on its way, or,
    where pieces overlap, lie under another key; without the repeat it would win.
    """
    if len(rows) < 2:
        return rows
    same = [pc.equal(column.combine_chunks()[1:], column.combine_chunks()[:-1]) for column in rows.itercolumns()]
    repeated = same[0]
    for column in same[1:]:
        repeated = pc.and_(repeated, column)
    return rows.filter(pa.concat_arrays([pa.array([True]), pc.invert(repeated)]))


def _compacted_object(table: Table, rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    with writer(sink, table) as parquet:
        parquet.write_table(rows, row_group_size=ROW_GROUP_ROWS)
    return sink.getvalue()
