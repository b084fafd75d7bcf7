"""Statements of a bucket brought into the order of compacted objects, identical ones once.

Millions of rows pass here. So texts stay dictionary codes, rows are ordered by one integer each, and only the few
rows that share a moment of a device with another are compared column by column.
"""

import pyarrow as pa

from wattline.adapters.arrow import Array, pc
from wattline.adapters.parquet_files import arrow_schema
from wattline.tables import HEARTBEATS, Kind, Table

SEQ = "seq"


def in_order(table: Table, rows: pa.Table) -> pa.Table:
    """The rows by the table's sort, without those that equal another in every column but `seq`, as `distinct` says.

    `rows` are of the table's columns; texts may be dictionaries, and are in the answer if they were. Of heartbeats
    that are alone in their moment `seq` becomes 0: an order of one, which costs half the bytes. Statements of other
    tables meet under different keys, so theirs stays.
    """
    rows = rows.unify_dictionaries().combine_chunks()
    moments = _moments(table, rows)
    order = pc.array_sort_indices(moments)
    shared = _shared(moments.take(order))
    if pc.any(shared).as_py():
        order = _settled(table, rows, order, shared)
        shared = _shared(moments.take(order))
    ordered = rows.take(order)
    if table not in HEARTBEATS.values():
        return ordered
    seq = pc.if_else(shared, ordered[SEQ].combine_chunks(), 0)
    return ordered.set_column(ordered.column_names.index(SEQ), rows.schema.field(SEQ), seq)


def distinct(rows: pa.Table) -> Array:
    """Which of sorted rows differ from the one before in any column but `seq`; the others are deliveries repeated.

    A statement that repeats earlier values later is kept. One between the two may still be on its way, or, where
    pieces overlap, lie under another key; without the repeat it would win.
    """
    repeated = pa.array([True] * max(0, len(rows) - 1), pa.bool_())
    for name in rows.column_names:
        if name != SEQ:
            column = rows[name].combine_chunks()
            repeated = pc.and_(repeated, pc.equal(column[1:], column[:-1]))
    return pa.concat_arrays([pa.array([True] * min(1, len(rows)), pa.bool_()), pc.invert(repeated)])


def _moments(table: Table, rows: pa.Table) -> Array:
    """A number for each row that orders as the table's sort does up to its first time: device rank, then time.

    Raises ArrowInvalid where that does not fit 63 bits: a month in milliseconds takes 32 of them.
    """
    moments: Array = pa.array([0] * len(rows), pa.int64())
    for name in table.sort:
        ranks = _ranks(rows[name].combine_chunks())
        moments = pc.add_checked(pc.multiply_checked(moments, (pc.max(ranks).as_py() or 0) + 1), ranks)
        if table.column(name).kind is Kind.TIMESTAMP:
            break
    return moments


def _ranks(column: Array) -> Array:
    """Whole numbers from 0 that order as the values do."""
    if pa.types.is_timestamp(column.type):
        times = column.cast(pa.int64())
        return pc.subtract(times, pc.min(times))
    texts = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    return pc.subtract(pc.rank(texts.dictionary, tiebreaker="dense").cast(pa.int64()), 1).take(texts.indices)


def _shared(moments: Array) -> Array:
    """Of sorted moments, which equal the one before or after."""
    like_before = pc.equal(moments[1:], moments[:-1])
    none = pa.array([False] * min(1, len(moments)), pa.bool_())
    return pc.or_(pa.concat_arrays([none, like_before]), pa.concat_arrays([like_before, none]))


def _settled(table: Table, rows: pa.Table, order: Array, shared: Array) -> Array:
    """The order with the rows of shared moments sorted by all columns, and without the copies among them."""
    places = order.filter(shared)
    among = rows.take(places).cast(arrow_schema(table))
    by = pc.sort_indices(among, [(name, "ascending") for name in _columns_in_order(table)])
    kept = distinct(among.take(by))
    every = pa.array([True] * len(order), pa.bool_())
    return pc.replace_with_mask(order, shared, places.take(by)).filter(pc.replace_with_mask(every, shared, kept))


def _columns_in_order(table: Table) -> list[str]:
    """The table's sort, and all other columns after, so that identical rows come to lie together."""
    return [*table.sort, *(name for name in table.column_names if name not in table.sort)]
