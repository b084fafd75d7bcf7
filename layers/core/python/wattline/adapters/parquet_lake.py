"""The history's objects: Parquet in S3, as `docs/design.md` describes the layout."""

import io
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wattline.adapters.aws import unavailable
from wattline.adapters.hot_table import HotTable
from wattline.batches import Batch, Row
from wattline.tables import TABLES, Column, Kind, Table, bucket_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PRECISION = 18
"""Of every decimal: the largest that Parquet stores as a 64-bit integer."""

ZSTD_LEVEL = 3


class ParquetLake:
    """`HistoryLake` over S3; `marks` is the hot table, which remembers the partitions that want compaction."""

    def __init__(self, s3: "S3Client", bucket: str, marks: HotTable) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._marks = marks

    def append(self, batches: Iterable[Batch], name: str) -> None:
        """One landing object a table and partition.

        The marks come last: a compactor that cleared a mark before its object was there would never see the
        object, while a writer that dies in between is delivered the same messages again.
        """
        partitions: dict[tuple[str, str], list[Row]] = {}
        for batch in batches:
            time_at = batch.table.column_names.index(batch.table.event_time)
            for row in batch.rows:
                partitions.setdefault((batch.table.name, batch.table.dt_of(int(row[time_at]))), []).append(row)
        for (table_name, dt), rows in partitions.items():
            table = TABLES[table_name]
            with unavailable("writing the history"):
                self._s3.put_object(
                    Bucket=self._bucket, Key=table.landing_key(dt, name), Body=landing_object(table, rows)
                )
        self._marks.put_all(
            [{"pk": {"S": f"DIRTY#{table}"}, "sk": {"S": dt}, "object": {"S": name}} for table, dt in partitions]
        )


def arrow_schema(table: Table) -> pa.Schema:
    """The table's columns as Arrow types: timestamps in tz-naive milliseconds (UTC), decimals of 18 digits."""
    return pa.schema([pa.field(column.name, _arrow_type(column), nullable=False) for column in table.columns])


def _arrow_type(column: Column) -> pa.DataType:
    match column.kind:
        case Kind.TEXT:
            return pa.string()
        case Kind.TIMESTAMP:
            return pa.timestamp("ms")
        case Kind.INTEGER:
            return pa.int64()
        case Kind.DECIMAL:
            return pa.decimal128(PRECISION, column.scale)


def landing_object(table: Table, rows: Iterable[Row]) -> bytes:
    """A Parquet file of the rows, sorted, with a row group for each bucket that occurs."""
    device_at = table.column_names.index(table.device)
    buckets: dict[str, list[Row]] = {}
    for row in rows:
        buckets.setdefault(bucket_of(str(row[device_at])), []).append(row)
    sink = io.BytesIO()
    with writer(sink, table) as parquet:
        for bucket in sorted(buckets):
            group = _arrow_table(table, buckets[bucket])
            parquet.write_table(group.sort_by([(name, "ascending") for name in table.sort]), row_group_size=len(group))
    return sink.getvalue()


def _arrow_table(table: Table, rows: list[Row]) -> pa.Table:
    columns = zip(table.columns, zip(*rows, strict=True), strict=True)
    return pa.table(
        [_arrow_column(column, values) for column, values in columns],
        schema=arrow_schema(table),
    )


def _arrow_column(column: Column, values: tuple[str | int, ...]) -> "pa.Array[Any]":
    if column.kind is not Kind.DECIMAL:
        return pa.array(values, _arrow_type(column))
    whole = pa.array(values, pa.int64()).cast(pa.decimal128(19, 0))
    unit = pa.scalar(Decimal(1).scaleb(-column.scale), pa.decimal128(column.scale + 1, column.scale))
    return pc.multiply(whole, unit).cast(_arrow_type(column))


def writer(sink: io.BytesIO, table: Table) -> pq.ParquetWriter:
    """A writer with the encodings that all history objects have: texts by dictionary, numbers by differences."""
    return pq.ParquetWriter(
        sink,
        arrow_schema(table),
        use_dictionary=[c.name for c in table.columns if c.kind is Kind.TEXT],  # type: ignore[arg-type]  # the stub says bool
        column_encoding={c.name: "DELTA_BINARY_PACKED" for c in table.columns if c.kind is not Kind.TEXT},
        store_decimal_as_integer=True,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        data_page_version="1.0",
    )
