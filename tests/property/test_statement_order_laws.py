"""Laws of the compactor's order, against a slow reference that looks at whole rows."""

from itertools import groupby
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattline.adapters.parquet_files import in_flight
from wattline.adapters.statement_order import SEQ, in_order
from wattline.errors import TerminalError
from wattline.tables import ENERGY_INTERVALS, HEARTBEATS, TABLES, Kind, Table

DEVICES = ("a", "B", "b", "a-2", "ü")
NUMBERS = st.sampled_from([0, 1, 2])

Rows = list[dict[str, Any]]


@st.composite
def landed(draw: st.DrawFn) -> tuple[Table, Rows]:
    """Rows of a table in any order, so few different values that many of them meet."""
    table = draw(st.sampled_from([*TABLES.values()]))
    values = {
        column.name: st.sampled_from(DEVICES) if column.kind is Kind.TEXT else NUMBERS for column in table.columns
    }
    return table, draw(st.lists(st.fixed_dictionaries(values), max_size=30))


def arrow(table: Table, rows: Rows) -> pa.Table:
    """Rows as the compactor reads them: each object has dictionaries of its own."""
    schema = pa.schema([(column.name, in_flight(column)) for column in table.columns])
    return pa.concat_tables([pa.Table.from_pylist(part, schema) for part in (rows[:7], rows[7:], [])])


def compacted(table: Table, rows: Rows) -> Rows:
    return in_order(table, arrow(table, rows)).to_pylist()


def expected(table: Table, rows: Rows) -> Rows:
    """All sorted by all columns; what equals the one before goes.

    Of heartbeats `seq` does not count for that, and lone ones have 0 for theirs.
    """
    order = [*table.sort, *(name for name in table.column_names if name not in table.sort)]
    ordered = sorted(rows, key=lambda row: [_bytes_first(row[name]) for name in order])
    kept = [row for at, row in enumerate(ordered) if at == 0 or _said(table, row) != _said(table, ordered[at - 1])]
    if table not in HEARTBEATS.values():
        return kept
    moments = [list(group) for _, group in groupby(kept, key=lambda row: [row[name] for name in table.natural_key])]
    return [row | {SEQ: row[SEQ] if len(moment) > 1 else 0} for moment in moments for row in moment]


def _said(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != SEQ or table not in HEARTBEATS.values()}


def _bytes_first(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


@given(landed())
def test_rows_come_in_the_tables_order_and_only_copies_go(case: tuple[Table, Rows]) -> None:
    table, rows = case
    typed = arrow(table, rows).to_pylist()
    assert compacted(table, rows) == expected(table, typed)


@given(landed())
def test_what_holds_before_holds_after(case: tuple[Table, Rows]) -> None:
    """The newest statement of each natural key, by receipt, `seq` and values, as the query's `latest` decides."""
    table, rows = case
    assert in_force(table, compacted(table, rows)) == in_force(table, arrow(table, rows).to_pylist())


def in_force(table: Table, rows: Rows) -> dict[Any, Any]:
    """What holds about each key, without `seq`."""
    values = [name for name in table.column_names if name not in {*table.natural_key, table.received, SEQ}]
    newest: dict[Any, Any] = {}
    for row in rows:
        key = tuple(row[name] for name in table.natural_key)
        rank = (row[table.received], row[SEQ], [_bytes_first(row[name]) for name in values])
        newest[key] = max(newest.get(key, rank), rank)
    return {key: (rank[0], rank[2]) for key, rank in newest.items()}


@given(landed())
def test_what_is_in_order_already_stays_as_it_is(case: tuple[Table, Rows]) -> None:
    table, rows = case
    once = compacted(table, rows)
    assert compacted(table, once) == once


@given(landed(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_is_irrelevant(case: tuple[Table, Rows], random: Any) -> None:
    table, rows = case
    shuffled = random.sample(rows, len(rows))
    assert compacted(table, shuffled) == compacted(table, rows)


def test_a_key_too_large_for_its_integer_is_an_error_and_no_wrong_order() -> None:
    rows = [dict.fromkeys(ENERGY_INTERVALS.column_names, 0) for _ in range(3)]
    for row, device, at in zip(rows, "abc", (-(2**62), 0, 2**61), strict=True):
        row |= {"spaceship_id": device, "basis": "energy", "interval_start": at}  # type: ignore[dict-item]
    with pytest.raises(TerminalError, match="too far apart"):
        compacted(ENERGY_INTERVALS, rows)
