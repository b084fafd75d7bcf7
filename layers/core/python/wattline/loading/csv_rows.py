"""CSV as blocks of raw columns. A line is a row: no value of ours holds a line break, so no quote can swallow lines."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.csv as pa_csv

from wattline.adapters.arrow import Array, all_but, arange, pc
from wattline.loading.columns import Column, RawBlock, RawRows, Reject, match_header
from wattline.loading.lines import TOO_LONG, Block, blocks
from wattline.loading.staging import Unreadable

MAX_HEADER = 100_000
"""Bytes."""


def read_csv(path: Path, columns: Sequence[Column], reject: Reject) -> Iterator[RawBlock]:
    """Blocks of rows; lines that are no rows are rejected. Raises Unreadable for the header."""
    places: dict[str, int] | None = None
    width = 0
    for block in blocks(path):
        for line, raw in block.overlong:
            reject(line, TOO_LONG, raw)
        skipped = 0
        if places is None:
            header = _header(block)
            places, width, skipped = match_header(header, columns), len(header), 1
        rows = _parsed(block, skipped, width, places, {c.name: c.judge.raw for c in columns}, reject)
        if rows is not None:
            yield rows, block.text, block.end
    if places is None:
        raise Unreadable("the file has no header")


def _header(block: Block) -> list[str]:
    first = block.data.split(b"\n", 1)[0].removesuffix(b"\r")
    if len(first) > MAX_HEADER or 1 in dict(block.overlong):
        raise Unreadable("the first line is too long for a header; the names of the columns belong there")
    if b"\r" in first:
        raise Unreadable("the lines end in carriage returns alone; end them with line feeds")
    try:
        names = next(csv.reader([first.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"the header cannot be read: {error}") from error
    if not any(name.strip() for name in names):
        raise Unreadable("the first line is empty; a header with the names of the columns belongs there")
    return [name.strip() for name in names]


def _parsed(  # noqa: PLR0913, PLR0917 - what a block is parsed with
    block: Block, skipped: int, width: int, places: dict[str, int], types: dict[str, pa.DataType], reject: Reject
) -> RawRows | None:
    first_line = block.first_line + skipped
    data = block.data[block.data.find(b"\n") + 1 or len(block.data) :] if skipped else block.data
    data = _one_line_end(data)
    quoted = b'"' in data
    if quoted:
        data = _without_broken_quotes(data, first_line, reject)
    if not data:
        return None
    no_rows: list[int] = []

    def refuse(row: pa_csv.InvalidRow) -> Literal["skip"]:
        line = first_line + (row.number or 1) - 1
        no_rows.append(line)
        if row.text.strip():
            reject(line, f"the row has {row.actual_columns} columns, and the header {width}", block.text(line))
        return "skip"

    names = [f"f{place}" for place in range(width)]
    table = pa_csv.read_csv(
        pa.BufferReader(data),  # type: ignore[arg-type]  # the stub wants a Python file
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
        parse_options=pa_csv.ParseOptions(
            quote_char='"' if quoted else False,
            newlines_in_values=False,
            ignore_empty_lines=False,
            invalid_row_handler=refuse,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types={f"f{place}": types[name] for name, place in places.items()},
            include_columns=[f"f{place}" for place in places.values()],
            strings_can_be_null=False,
            quoted_strings_can_be_null=False,
        ),
    )
    lines = arange(first_line, first_line + len(table) + len(no_rows))
    if no_rows:
        lines = lines.filter(all_but(len(lines), (line - first_line for line in no_rows)))
    rows = RawRows({name: _one_chunk(table.column(f"f{place}")) for name, place in places.items()}, lines)
    return _without_empty_lines(rows, data, first_line) if _may_be_empty(rows) else rows


def _may_be_empty(rows: RawRows) -> bool:
    """Arrow makes rows of empty lines, of empty texts."""
    column = next(iter(rows.arrays.values()))
    texts = column.dictionary if isinstance(column, pa.DictionaryArray) else column
    return bool(pc.any(pc.equal(pc.binary_length(texts), 0)).as_py())


def _without_empty_lines(rows: RawRows, data: bytes, first_line: int) -> RawRows:
    empty = [line for line, raw in enumerate(data.removesuffix(b"\n").split(b"\n"), start=first_line) if not raw]
    return rows.filter(pc.invert(pc.is_in(rows.lines, pa.array(empty, pa.int64()))))


def _one_chunk(column: Array) -> Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _one_line_end(data: bytes) -> bytes:
    """Arrow takes a carriage return for a line's end, which would count lines that nobody else sees."""
    if b"\r" not in data:
        return data
    return data.replace(b"\r\n", b"\n").removesuffix(b"\r").replace(b"\r", b" ")


_QUOTED_ROW = re.compile(rb'(?:"(?:[^"]|"")*"|[^",]*)(?:,(?:"(?:[^"]|"")*"|[^",]*))*')


def _without_broken_quotes(data: bytes, first_line: int, reject: Reject) -> bytes:
    """Lines whose quotes do not match are rejected and emptied, so that they cannot swallow their neighbours."""
    lines = data.split(b"\n")
    for at, line in enumerate(lines):
        if b'"' in line and not _QUOTED_ROW.fullmatch(line):
            reject(first_line + at, "a quote is not closed, or stands inside a value", line.decode(errors="replace"))
            lines[at] = b""
    return b"\n".join(lines)
