"""Statements of a bucket brought into the order of compacted objects, identical ones once.

Millions of rows pass here. So texts stay dictionary codes, rows are ordered by one integer each, and only the few
rows that share a moment of a device with another are compared column by column.
"""

import pyarrow as pa

from wattline.adapters.arrow import Array, pc
from wattline.adapters.integer_order import as_one, ranks
from wattline.adapters.parquet_files import one_chunk
from wattline.errors import TerminalError
from wattline.tables import HEARTBEATS, Kind, Table

SEQ = "seq"


def in_order(table: Table, rows: pa.Table) -> pa.Table:
    """The rows by the table's sort, without those that are deliveries of another one repeated, as `_distinct` says.

    `rows` are of the table's columns, in flight form (see `parquet_files`); so is the answer. Of heartbeats that are
    alone in their moment `seq` becomes 0: an order of one, which costs half the bytes. Statements of other tables meet
    under different keys, so theirs stays.
    """
    rows = rows.unify_dictionaries().combine_chunks()
    moments = _moments(table, rows)
    order = pc.array_sort_indices(moments)
    shared = _shared(moments.take(order))
    if pc.any(shared).as_py():
        order = _settled(table, rows, order, shared)
        shared = _shared(moments.take(order))
    ordered = rows.take(order)
    if not _seq_becomes_0(table):
        return ordered
    seq = pc.if_else(shared, one_chunk(ordered[SEQ]), 0)
    return ordered.set_column(ordered.column_names.index(SEQ), SEQ, seq)


def _distinct(table: Table, rows: pa.Table) -> Array:
    """Which of sorted rows differ from the one before in any column; the others are deliveries repeated.

    A statement that repeats earlier values later is kept. One between the two may have been said, may still be on its
    way, or, where pieces overlap, lie under another key; without the repeat it would win. Of heartbeats `seq` does not
    count: here it may have become 0 since the first delivery, and what lies between two is sorted between them.
    """
    repeated: Array = pa.repeat(True, max(0, len(rows) - 1))
    for name in rows.column_names:
        if name != SEQ or not _seq_becomes_0(table):
            column = one_chunk(rows[name])
            repeated = pc.and_(repeated, pc.equal(column[1:], column[:-1]))
    return pa.concat_arrays([pa.array([True] * min(1, len(rows)), pa.bool_()), pc.invert(repeated)])


def _seq_becomes_0(table: Table) -> bool:
    return table in HEARTBEATS.values()


def _moments(table: Table, rows: pa.Table) -> Array:
    """A number for each row that orders as the table's sort does up to its first time: device rank, then time."""
    kinds = [table.column(name).kind for name in table.sort]
    moments = as_one([ranks(one_chunk(rows[name])) for name in table.sort[: kinds.index(Kind.TIMESTAMP) + 1]])
    if moments is None:
        raise TerminalError(f"the times in a partition of {table.name} lie too far apart to be sorted")
    return moments


def _shared(moments: Array) -> Array:
    """Of sorted moments, which equal the one before or after."""
    like_before = pc.equal(moments[1:], moments[:-1])
    none = pa.array([False] * min(1, len(moments)), pa.bool_())
    return pc.or_(pa.concat_arrays([none, like_before]), pa.concat_arrays([like_before, none]))


def _settled(table: Table, rows: pa.Table, order: Array, shared: Array) -> Array:
    """The order with the rows of shared moments sorted by all columns, and without the copies among them."""
    places = order.filter(shared)
    among = pa.table([_comparable(column) for column in rows.take(places).columns], rows.column_names)
    by = pc.sort_indices(among, [(name, "ascending") for name in _columns_in_order(table)])
    kept = _distinct(table, among.take(by))
    every = pa.repeat(True, len(order))
    return pc.replace_with_mask(order, shared, places.take(by)).filter(pc.replace_with_mask(every, shared, kept))


def _comparable(column: Array) -> Array:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _columns_in_order(table: Table) -> list[str]:
    """The table's sort, and all other columns after, so that identical rows come to lie together."""
    return [*table.sort, *(name for name in table.column_names if name not in table.sort)]
