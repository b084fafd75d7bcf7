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
from wattline.tables import Column, Kind, Table, bucket_of

PRECISION = 18
"""Of every decimal: the largest that Parquet stores as a 64-bit integer."""

ZSTD_LEVEL = 3


TEXT = pa.dictionary(pa.int32(), pa.string())
"""Of texts in memory."""


def arrow_schema(table: Table, *, in_memory: bool = False) -> pa.Schema:
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


def writer(sink: io.BytesIO, table: Table, *, in_memory: bool = False) -> pq.ParquetWriter:
    """A writer with the encodings that all history objects have: texts by dictionary, numbers by differences."""
    return pq.ParquetWriter(
        sink,
        arrow_schema(table, in_memory=in_memory),
        use_dictionary=table.text_columns,  # type: ignore[arg-type]  # the stub says bool
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
    groups = sorted(pc.value_counts(buckets).to_pylist(), key=lambda group: group["values"])
    ordered = rows.select(list(table.column_names)).take(order)
    schema = arrow_schema(table, in_memory=True)
    stored = pa.table([_array(ordered, field.name).view(field.type) for field in schema], schema=schema)
    sink = io.BytesIO()
    with writer(sink, table, in_memory=True) as parquet:
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
    return bucket, _sorted_indices([bucket, *(_rank(_array(rows, name)) for name in table.sort)])


def _sorted_indices(keys: list[Array]) -> Array:
    """The stable order by integer keys, made one where they fit into 63 bits: four times as fast."""
    if len(keys[0]) == 0:
        return pa.array([], pa.uint64())
    while len(keys) > 1 and _ascends(keys[-1]):
        keys.pop()
    one, spans = None, 1
    for key in keys:
        bounds = pc.min_max(key)
        least, span = bounds["min"].as_py(), bounds["max"].as_py() - bounds["min"].as_py() + 1
        spans *= span
        if spans >= 2**63:
            names = [str(number) for number in range(len(keys))]
            return pc.sort_indices(pa.table(keys, names), [(name, "ascending") for name in names])
        if span > 1:
            digit = pc.subtract(key.cast(pa.int64()), least)
            one = digit if one is None else pc.add(pc.multiply(one, span), digit)
    return pc.sort_indices(pa.repeat(0, len(keys[0])) if one is None else one)


def _ascends(key: Array) -> bool:
    """Whether rows that are alike otherwise keep their order by this key."""
    ascending: bool = len(key) < 2 or pc.all(pc.greater_equal(key.slice(1), key.slice(0, len(key) - 1))).as_py()
    return ascending


def _rank(array: Array) -> Array:
    """Integers that sort as the values do."""
    if not isinstance(array, pa.DictionaryArray):
        return array
    ranks = pc.rank(array.dictionary, "ascending", tiebreaker="dense")
    return ranks.take(array.indices)


def _array(rows: pa.Table, name: str) -> Array:
    column = rows.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
