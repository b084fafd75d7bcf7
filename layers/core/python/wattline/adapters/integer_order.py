"""The order of rows by integers: texts by their ranks, several keys as one. Arrow is many times faster with one key."""

from collections.abc import Sequence

import pyarrow as pa

from wattline.adapters.arrow import Array, pc

_DIGIT_BITS = 12
"""Up to this Arrow counts the values of a key instead of comparing them."""


def ranks(column: Array) -> Array:
    """Whole numbers from 0 that order as the values of a column in flight form do."""
    if not isinstance(column, pa.DictionaryArray):
        return pc.subtract_checked(column, pc.min(column))
    return dense(column.dictionary).take(column.indices)


def dense(values: Array) -> Array:
    """Whole numbers that order as the values do, without gaps from 0."""
    return pc.subtract(pc.rank(values, tiebreaker="dense").cast(pa.int64()), 1)


def as_one(keys: Sequence[Array]) -> Array | None:
    """One key that orders as several of `ranks` do one after the other; None where it does not fit 63 bits."""
    one: Array = pa.repeat(0, len(keys[0]))
    spans = 1
    for key in keys:
        span = (pc.max(key).as_py() or 0) + 1
        spans *= span
        if spans >= 2**63:
            return None
        one = pc.add(pc.multiply(one, span), key)
    return one


def stable_order(keys: Sequence[Array]) -> Array:
    """The stable order by keys of `ranks`, the first of which spans few values."""
    order = _counted(keys[0])
    while len(keys) > 1 and ascends(keys[-1]):
        keys = keys[:-1]
    if len(keys) == 1:
        return order
    one = as_one(keys)
    if one is None:
        names = [str(number) for number in range(len(keys))]
        return pc.sort_indices(pa.table(list(keys), names), [(name, "ascending") for name in names])
    one = one.take(order)
    return order if ascends(one) else order.take(pc.array_sort_indices(one))


def _counted(key: Array) -> Array:
    """The stable order by one key, from its lowest digit to its highest."""
    order = pc.array_sort_indices(pc.bit_wise_and(key, 2**_DIGIT_BITS - 1))
    higher = pc.shift_right(key, _DIGIT_BITS)
    return order.take(_counted(higher.take(order))) if pc.max(higher).as_py() else order


def ascends(key: Array) -> bool:
    """Whether no value is less than the one before."""
    ascending: bool = len(key) < 2 or pc.all(pc.greater_equal(key[1:], key[:-1])).as_py()
    return ascending
