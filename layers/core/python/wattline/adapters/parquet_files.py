"""Rows as Arrow, and as Parquet files with the encodings that all history objects have.

In flight a text is a dictionary array and everything else an int64: times in milliseconds, decimals scaled.
"""

import io
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from wattline.adapters.arrow import Array, pc
from wattline.batches import Row
from wattline.domain.instants import DAY_MS
from wattline.tables import Column, Kind, ScratchTable, Table, bucket_of

PRECISION = 18
"""Of every decimal: the largest that Parquet stores as a 64-bit integer."""

ZSTD_LEVEL = 3


TEXT = pa.dictionary(pa.int32(), pa.string())
"""Of texts in memory."""


def arrow_schema(table: Table | ScratchTable, texts: pa.DataType | None = None) -> pa.Schema:
    """The table's columns as Arrow types: timestamps in tz-naive milliseconds (UTC), decimals of 18 digits.

    `texts` is the type of texts in memory where it is not string; in the file they are the same.
    """
    return pa.schema([pa.field(column.name, _arrow_type(column, texts), nullable=False) for column in table.columns])


def _arrow_type(column: Column, texts: pa.DataType | None) -> pa.DataType:
    match column.kind:
        case Kind.TEXT:
            return texts or pa.string()
        case Kind.TIMESTAMP:
            return pa.timestamp("ms")
        case Kind.INTEGER:
            return pa.int64()
        case Kind.DECIMAL:
            return pa.decimal128(PRECISION, column.scale)


def writer(sink: io.BytesIO, table: Table, texts: pa.DataType | None = None) -> pq.ParquetWriter:
    """A writer with the encodings that all history objects have: texts by dictionary, numbers by differences."""
    return pq.ParquetWriter(
        sink,
        arrow_schema(table, texts),
        use_dictionary=[c.name for c in table.columns if c.kind is Kind.TEXT],  # type: ignore[arg-type]  # the stub says bool
        column_encoding={c.name: "DELTA_BINARY_PACKED" for c in table.columns if c.kind is not Kind.TEXT},
        store_decimal_as_integer=True,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        data_page_version="1.0",
        store_schema=False,  # readers get plain texts, however the writer held them
    )


def arrow_rows(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows of Python values in flight form."""
    columns = zip(table.columns, zip(*rows, strict=True), strict=True)
    return pa.table({column.name: pa.array(values, in_flight(column)) for column, values in columns})


def in_flight(column: Column) -> pa.DataType:
    """The type a column has before it is written."""
    return TEXT if column.kind is Kind.TEXT else pa.int64()


def by_partition(table: Table, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each `dt`."""
    days = pc.divide(_array(rows, table.event_time), DAY_MS)
    partitions: dict[str, list[int]] = {}
    for day in sorted(pc.unique(days).to_pylist()):
        partitions.setdefault(table.dt_of(day * DAY_MS), []).append(day)
    for dt, of_dt in partitions.items():
        yield dt, rows if len(partitions) == 1 else rows.filter(pc.is_in(days, pa.array(of_dt, pa.int64())))


def landing_object(table: Table, rows: pa.Table) -> bytes:
    """The Parquet file of one partition's rows: sorted, with a row group for each bucket that occurs."""
    rows = rows.combine_chunks()
    buckets, order = _order(table, rows)
    ordered = rows.take(order)
    groups = pc.value_counts(buckets.take(order)).to_pylist()
    columns = [_stored(column, _array(ordered, column.name)) for column in table.columns]
    stored = pa.table(columns, schema=arrow_schema(table, texts=TEXT))
    sink = io.BytesIO()
    with writer(sink, table, texts=TEXT) as parquet:
        first = 0
        for group in groups:
            parquet.write_table(stored.slice(first, group["counts"]), row_group_size=group["counts"])
            first += group["counts"]
    return sink.getvalue()


def _order(table: Table, rows: pa.Table) -> tuple[Array, Array]:
    """Each row's bucket, and the order of the rows: by bucket, then as the table sorts."""
    devices = _array(rows, table.device)
    buckets = pa.array([int(bucket_of(device)) for device in devices.dictionary.to_pylist()], pa.int32())
    bucket = buckets.take(devices.indices)
    keys = {"bucket": bucket} | {name: _rank(_array(rows, name)) for name in table.sort}
    order = pc.sort_indices(pa.table(keys), [(name, "ascending") for name in keys])
    return bucket, order


def _rank(array: Array) -> Array:
    """Integers that sort as the values do."""
    if not isinstance(array, pa.DictionaryArray):
        return array
    ranks = pc.rank(array.dictionary, "ascending", tiebreaker="dense")
    return ranks.take(array.indices)


def _stored(column: Column, array: Array) -> Array:
    match column.kind:
        case Kind.TIMESTAMP:
            return array.cast(pa.timestamp("ms"))
        case Kind.DECIMAL:
            return array.view(pa.decimal64(PRECISION, column.scale)).cast(pa.decimal128(PRECISION, column.scale))
        case _:
            return array


def _array(rows: pa.Table, name: str) -> Array:
    column = rows.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
