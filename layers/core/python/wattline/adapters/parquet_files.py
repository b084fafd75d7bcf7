"""Rows as Arrow, and as Parquet files with the encodings that all history objects have.

In flight a text is a dictionary array and everything else an int64: times in milliseconds, decimals scaled.
"""

import io
from collections.abc import Iterator, Sequence
from enum import StrEnum

import pyarrow as pa
import pyarrow.parquet as pq

from wattline.adapters.arrow import Array, arange, pc
from wattline.adapters.integer_order import as_one, dense, ranks, stable_order
from wattline.batches import Row
from wattline.domain.instants import DAY_MS
from wattline.tables import Column, Kind, ScratchTable, Table, bucket_of

PRECISION = 18
"""Of every decimal: the largest that Parquet stores as a 64-bit integer."""

TEXT = pa.dictionary(pa.int32(), pa.string())
"""Of texts in memory."""


def arrow_schema(table: Table | ScratchTable, *, in_memory: bool = False) -> pa.Schema:
    """The table's columns as Arrow types: timestamps in tz-naive milliseconds (UTC), decimals of 18 digits.

    In memory, before they are written, texts are dictionaries and decimals 64 bits wide; in the file they are the same.
    """
    return pa.schema([pa.field(c.name, _arrow_type(c, in_memory=in_memory), nullable=False) for c in table.columns])


def _arrow_type(column: Column, *, in_memory: bool) -> pa.DataType:
    match column.kind:
        case Kind.TEXT:
            return TEXT if in_memory else pa.string()
        case Kind.TIMESTAMP:
            return pa.timestamp("ms")
        case Kind.INTEGER:
            return pa.int64()
        case Kind.DECIMAL:
            return (pa.decimal64 if in_memory else pa.decimal128)(PRECISION, column.scale)


class Codec(StrEnum):
    """What pages are compressed with."""

    LANDING = "snappy"
    """Of objects that are written once, read once and deleted within a day or so."""
    COMPACTED = "zstd"
    """Of those that stay, and are read again and again."""


class RowGroups:
    """A Parquet file with the encodings that all history objects have: texts by dictionary, numbers by differences."""

    def __init__(self, table: Table, codec: Codec) -> None:
        self._table = table
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(
            self._sink,
            arrow_schema(table, in_memory=True),
            use_dictionary=table.text_columns,  # type: ignore[arg-type]  # the stub says bool
            column_encoding={c.name: "DELTA_BINARY_PACKED" for c in table.columns if c.kind is not Kind.TEXT},
            store_decimal_as_integer=True,
            compression=codec.value,
            compression_level=3 if codec is Codec.COMPACTED else None,
            data_page_version="1.0",
            store_schema=False,  # readers get plain texts, however the writer held them
        )

    def add(self, rows: pa.Table) -> None:
        """A row group of rows in flight form: the same bytes under the names and types of the table."""
        schema = arrow_schema(self._table, in_memory=True)
        columns = [_of_these_rows(one_chunk(rows[field.name])).view(field.type) for field in schema]
        self._writer.write_table(pa.table(columns, schema=schema), row_group_size=max(1, len(rows)))

    def file(self) -> bytes:
        """The whole of it."""
        self._writer.close()
        return self._sink.getvalue()


def _of_these_rows(column: Array) -> Array:
    """Texts with a dictionary of those that occur: Parquet would write the others too."""
    if not isinstance(column, pa.DictionaryArray):
        return column
    used = column.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(used.indices, column.dictionary.take(used.dictionary))


def arrow_rows(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows of Python values in flight form."""
    columns = zip(table.columns, zip(*rows, strict=True), strict=True)
    return pa.table({column.name: pa.array(values, in_flight(column)) for column, values in columns})


def in_flight(column: Column) -> pa.DataType:
    """The type a column has before it is written."""
    return TEXT if column.kind is Kind.TEXT else pa.int64()


def read_in_flight(rows: pa.Table) -> pa.Table:
    """Rows of the types that Parquet's reader gives, in flight form."""
    return pa.table([_read(one_chunk(column)) for column in rows.columns], rows.column_names)


def _read(column: Array) -> Array:
    if pa.types.is_timestamp(column.type):
        return column.view(pa.int64())
    if pa.types.is_string(column.type):
        return column.dictionary_encode()
    if not pa.types.is_decimal128(column.type):
        return column
    words = pa.Array.from_buffers(pa.int64(), 2 * (column.offset + len(column)), [None, column.buffers()[1]])
    # the low words: 18 digits fit 64 bits, and taking them is ten times as fast as a cast
    return words.take(arange(2 * column.offset, len(words), 2))


def by_partition(table: Table, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each `dt`."""
    days = pc.divide(one_chunk(rows[table.event_time]), DAY_MS)
    partitions: dict[str, list[int]] = {}
    for day in sorted(pc.unique(days).to_pylist()):
        partitions.setdefault(table.dt_of(day * DAY_MS), []).append(day)
    for dt, of_dt in partitions.items():
        yield dt, rows if len(partitions) == 1 else rows.filter(pc.is_in(days, pa.array(of_dt, pa.int64())))


def landing_object(table: Table, rows: pa.Table) -> bytes:
    """The Parquet file of one partition's rows: sorted, with a row group for each bucket that occurs."""
    rows = rows.combine_chunks()
    buckets, order = _order(table, rows)
    groups = sorted(pc.value_counts(buckets).to_pylist(), key=lambda group: group["values"])
    ordered = rows.select(list(table.column_names)).take(order)
    parquet = RowGroups(table, Codec.LANDING)
    first = 0
    for group in groups:
        parquet.add(ordered.slice(first, group["counts"]))
        first += group["counts"]
    return parquet.file()


def _order(table: Table, rows: pa.Table) -> tuple[Array, Array]:
    """Each row's bucket, and the order of the rows: by bucket, then as the table sorts, its device first."""
    devices = one_chunk(rows[table.device])
    buckets = pa.array([int(bucket_of(device)) for device in devices.dictionary.to_pylist()], pa.int64())
    places = dense(as_one([buckets, dense(devices.dictionary)]))
    rest = [ranks(one_chunk(rows[name])) for name in table.sort if name != table.device]
    return buckets.take(devices.indices), stable_order([places.take(devices.indices), *rest])


def one_chunk(column: Array) -> Array:
    """A column as one array, without a copy where it is one."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
