"""Laws of history files: what is written is what is read, and rows lie in the order that Python would sort them in."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wattline.adapters.arrow import all_but
from wattline.adapters.integer_order import as_one, ranks, stable_order
from wattline.adapters.parquet_files import Codec, RowGroups, in_flight, read_in_flight
from wattline.tables import TABLES, Kind, Table

TEXTS = st.sampled_from(("a", "B", "a-2", "ü", "a longer id that is no short text any more"))
TIMES = st.integers(-(10**12), 10**14)
INTEGERS = st.integers(-(10**18) + 1, 10**18 - 1)
"""Of 18 digits, as decimals have them."""

Rows = list[dict[str, Any]]


@st.composite
def rows_of_a_table(draw: st.DrawFn) -> tuple[Table, pa.Table]:
    """Rows in flight form, as a slice of more rows."""
    table = draw(st.sampled_from([*TABLES.values()]))
    of_kind = {Kind.TEXT: TEXTS, Kind.TIMESTAMP: TIMES, Kind.DECIMAL: INTEGERS, Kind.INTEGER: INTEGERS}
    rows = draw(st.lists(st.fixed_dictionaries({c.name: of_kind[c.kind] for c in table.columns}), max_size=20))
    schema = pa.schema([(column.name, in_flight(column)) for column in table.columns])
    first = draw(st.integers(0, len(rows)))
    return table, pa.Table.from_pylist(rows, schema).slice(first)


@given(rows_of_a_table(), st.sampled_from(Codec), st.booleans())
def test_what_is_written_is_read(case: tuple[Table, pa.Table], codec: Codec, as_plain_texts: bool) -> None:
    table, rows = case
    parquet = RowGroups(table, codec)
    parquet.add(rows.slice(0, 3))
    parquet.add(rows.slice(3))
    file = pq.ParquetFile(
        io.BytesIO(parquet.file()), read_dictionary=None if as_plain_texts else table.text_columns
    ).read()
    again = read_in_flight(file.slice(1))
    assert again.to_pylist() == rows.to_pylist()[1:]
    assert again.schema.types == rows.schema.types


@given(rows_of_a_table())
def test_a_file_holds_no_text_that_its_rows_do_not(case: tuple[Table, pa.Table]) -> None:
    table, rows = case
    parquet = RowGroups(table, Codec.LANDING)
    parquet.add(rows)
    read: Any = pq.ParquetFile(io.BytesIO(parquet.file()), read_dictionary=table.text_columns).read()
    for name in table.text_columns:
        for chunk in read[name].chunks:
            assert sorted(chunk.dictionary.to_pylist()) == sorted(set(chunk.to_pylist()))


SPANS = st.sampled_from([1, 3, 4_096, 4_097, 2**13, 2**25, 2**40, 2**62])


@st.composite
def keys_to_sort_by(draw: st.DrawFn) -> list[list[int]]:
    """Up to three keys of the same length."""
    length = draw(st.integers(0, 40))
    spans = draw(st.lists(SPANS, min_size=1, max_size=3))
    keys = [draw(st.lists(st.integers(0, span - 1), min_size=length, max_size=length)) for span in spans]
    return [sorted(key) if draw(st.booleans()) else key for key in keys]


@given(keys_to_sort_by())
def test_the_order_is_the_stable_one_however_far_the_keys_span(keys: list[list[int]]) -> None:
    order = stable_order([pa.array(key, pa.int64()) for key in keys]).to_pylist()
    assert order == sorted(range(len(keys[0])), key=lambda row: [key[row] for key in keys])


@given(keys_to_sort_by())
@example([[2**61], [3]])
def test_one_key_orders_as_all_of_them_or_is_none(keys: list[list[int]]) -> None:
    one = as_one([pa.array(key, pa.int64()) for key in keys])
    product = 1
    for key in keys:
        product *= max(key, default=0) + 1
    assert (one is None) == (product >= 2**63)
    if one is not None:
        together, apart = one.to_pylist(), [*zip(*keys, strict=True)]
        places = range(len(together))
        assert sorted(places, key=lambda row: together[row]) == sorted(places, key=lambda row: apart[row])
        assert [a == b for a in together for b in together] == [a == b for a in apart for b in apart]


@given(st.lists(st.one_of(TEXTS), max_size=20), st.lists(TIMES, max_size=20))
def test_ranks_order_as_the_values_do(texts: list[str], times: list[int]) -> None:
    cases: list[tuple[Any, Any, Any]] = [
        (texts, pa.array(texts, pa.string()).dictionary_encode(), str.encode),
        (times, pa.array(times, pa.int64()), int),
    ]
    for values, column, order in cases:
        ranked = ranks(column).to_pylist()
        assert min(ranked, default=0) == 0
        assert [a < b for a in ranked for b in ranked] == [order(a) < order(b) for a in values for b in values]


def test_times_that_lie_further_apart_than_an_integer_holds_are_an_error() -> None:
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        ranks(pa.array([-(2**63), 2**62]))


@given(st.integers(0, 70), st.data())
def test_all_but_some_places(length: int, data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, length - 1))) if length else set()
    assert all_but(length, places).to_pylist() == [place not in places for place in range(length)]
