"""The objects of a partition, merged bucket by bucket so that memory is bounded by a bucket."""

import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wattline.adapters.aws import unavailable
from wattline.adapters.parquet_files import arrow_schema, writer
from wattline.errors import TerminalError
from wattline.tables import HEARTBEATS, Table, bucket_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROW_GROUP_ROWS = 57_600
"""What a query of one device reads at least: 40 device days of heartbeats."""

SEQ = "seq"

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
            index = _row_groups_by_bucket(
                [self._fetch(key, Path(folder) / str(number)) for number, key in enumerate(inputs)], table
            )
            for bucket, groups in sorted(index.items()):
                parts = [part for file in groups for part in file.read(table)]
                ordered = pa.concat_tables(parts).sort_by([(column, "ascending") for column in _order(table)])
                merged = without_idle_order(table, distinct(ordered))
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


@dataclass(frozen=True, slots=True)
class _RowGroups:
    """Row groups of one file, whose footer is read once."""

    path: Path
    metadata: pq.FileMetaData
    numbers: list[int]

    def read(self, table: Table) -> Iterator[pa.Table]:
        with pq.ParquetFile(self.path, metadata=self.metadata, memory_map=True, pre_buffer=False) as file:
            part = file.read_row_groups(self.numbers, use_threads=False)
        schema = arrow_schema(table)
        yield part if part.schema.equals(schema) else part.cast(schema)


def _row_groups_by_bucket(files: Sequence[Path], table: Table) -> dict[str, list[_RowGroups]]:
    """Every row group holds devices of one bucket, so its least device tells."""
    index: dict[str, list[_RowGroups]] = {}
    device_at = table.column_names.index(table.device)
    for path in files:
        metadata = pq.read_metadata(path)
        numbers: dict[str, list[int]] = {}
        for number in range(metadata.num_row_groups):
            statistics = metadata.row_group(number).column(device_at).statistics
            if statistics is None:
                raise TerminalError(f"row group {number} of an object of {table.name} has no statistics of its devices")
            numbers.setdefault(bucket_of(str(statistics.min)), []).append(number)
        for bucket, of_bucket in numbers.items():
            index.setdefault(bucket, []).append(_RowGroups(path, metadata, of_bucket))
    return index


def _order(table: Table) -> list[str]:
    """The table's sort, and all other columns after, so that identical rows come to lie together."""
    return [*table.sort, *(name for name in table.column_names if name not in table.sort)]


def distinct(rows: pa.Table) -> pa.Table:
    """Sorted rows without those that equal the one before in every column but `seq`: deliveries that came twice.

    A statement that repeats earlier values later stays. One between the two may still be on its way, or, where
    pieces overlap, lie under another key; without the repeat it would win.
    """
    repeated = _equals_before(rows, [name for name in rows.column_names if name != SEQ])
    return rows.filter(pc.invert(repeated)) if pc.any(repeated).as_py() else rows


def without_idle_order(table: Table, rows: pa.Table) -> pa.Table:
    """Heartbeats with `seq` 0 where a moment has a single statement: an order of one, which costs half the bytes.

    Of other tables the rows stay as they are: their statements meet under different keys.
    """
    if table.name not in {heartbeats.name for heartbeats in HEARTBEATS.values()}:
        return rows
    like_before = _equals_before(rows, table.natural_key)
    like_after = pa.concat_arrays([like_before[1:], pa.array([False] * min(1, len(rows)), pa.bool_())])
    in_company = pc.or_(like_before, like_after)
    seq = pc.if_else(in_company, rows[SEQ].combine_chunks(), 0)
    return rows.set_column(rows.column_names.index(SEQ), arrow_schema(table).field(SEQ), seq)


def _equals_before(rows: pa.Table, names: Iterable[str]) -> "pa.Array[Any]":
    """For each row whether it equals the row before in the named columns."""
    if len(rows) == 0:
        return pa.array([], pa.bool_())
    same = pa.array([True] * (len(rows) - 1), pa.bool_())
    for name in names:
        column = rows[name].combine_chunks()
        same = pc.and_(same, pc.equal(column[1:], column[:-1]))
    return pa.concat_arrays([pa.array([False]), same])


def _compacted_object(table: Table, rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    with writer(sink, table) as parquet:
        parquet.write_table(rows, row_group_size=ROW_GROUP_ROWS)
    return sink.getvalue()
