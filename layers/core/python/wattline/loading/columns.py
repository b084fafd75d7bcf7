"""What the rows of a kind look like: its columns, and how a block of them is judged."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from wattline.adapters.arrow import Array, all_but, pc
from wattline.loading.judging import Judge, Judged
from wattline.loading.staging import Unreadable

LINE = "line"
"""The column that tells where a row stands in its file, from 1."""


@dataclass(frozen=True)
class Column:
    """A column of a dropped file, found by its name or an alias, whatever their case."""

    name: str
    judge: Judge
    aliases: tuple[str, ...] = ()
    optional: bool = False

    @property
    def names(self) -> frozenset[str]:
        """All of its names in lower case."""
        return frozenset(name.lower() for name in (self.name, *self.aliases))


def match_header(header: Sequence[str], columns: Sequence[Column]) -> dict[str, int]:
    """Where each column stands in the header. Raises Unreadable with what is missing."""
    places: dict[str, int] = {}
    names = [name.strip().lower() for name in header]
    for column in columns:
        found = [place for place, name in enumerate(names) if name in column.names]
        if len(found) > 1:
            raise Unreadable(f"the header has the column {column.name} twice")
        if found:
            places[column.name] = found[0]
    missing = [column.name for column in columns if column.name not in places and not column.optional]
    if missing:
        raise Unreadable(
            f"the header lacks {', '.join(missing)}; it has {', '.join(header) or 'nothing'}, "
            f"and the columns are {', '.join(column.name for column in columns)}"
        )
    return places


@dataclass(frozen=True, slots=True)
class RawRows:
    """Rows as they came: a raw array a column (those that the file has), and their lines, ascending."""

    arrays: dict[str, Array]
    lines: Array

    def filter(self, kept: Array) -> "RawRows":
        """Some of the rows."""
        return RawRows({name: array.filter(kept) for name, array in self.arrays.items()}, self.lines.filter(kept))


RawBlock = tuple[RawRows, Callable[[int], str], int]
"""Rows, the raw text of a row by its line, and how far the file is read (bytes)."""

Reject = Callable[[int, str, str], None]
"""Takes the line, the reason and the raw text of what is not taken."""


def judge_rows(rows: RawRows, columns: Iterable[Column], now_ms: int) -> tuple["pa.Table", dict[int, str]]:
    """The good rows, with `LINE`, and the reasons of the others by their line."""
    names: list[str] = []
    values: list[Array] = []
    reasons: dict[int, str] = {}
    for column in columns:
        names.append(column.name)
        if column.name not in rows.arrays:
            values.append(pa.nulls(len(rows.lines), pa.int64()))
            continue
        raw = rows.arrays[column.name]
        judged = _without_absent(column.judge(raw, now_ms), raw) if column.optional else column.judge(raw, now_ms)
        values.append(judged.values)
        for row, reason in judged.reasons.items():
            told = f"{column.name}: {reason}"
            reasons[row] = f"{reasons[row]}; {told}" if row in reasons else told
    table = pa.table([*values, rows.lines], names=[*names, LINE])
    if not reasons:
        return table, {}
    return table.filter(all_but(len(table), reasons)), {
        rows.lines[row].as_py(): reason for row, reason in reasons.items()
    }


def _without_absent(judged: Judged, raw: Array) -> Judged:
    """An empty text in an optional column is no fault, and no value."""
    texts = raw.dictionary.take(raw.indices) if isinstance(raw, pa.DictionaryArray) else raw
    absent = pc.equal(pc.binary_length(texts), 0)
    values = pc.if_else(absent, pa.scalar(None, judged.values.type), judged.values)
    return Judged(values, {row: reason for row, reason in judged.reasons.items() if not absent[row].as_py()})
