"""JSON and NDJSON as blocks of raw columns, judged by the same judges as CSV's."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from ijson.backends import yajl2_c as ijson
from ijson.common import JSONError

from wattline.loading.columns import Column, RawBlock, RawRows, Reject
from wattline.loading.lines import RAW_SHOWN, blocks, shown
from wattline.loading.staging import Unreadable

ITEMS = 50_000
"""Rows in a block."""


Items = Iterator[tuple[int, Any, int]]
"""The number of a row (a line, or a position in the list, from 1), its content, and how far the file is read."""


def ndjson_items(path: Path, reject: Reject) -> Items:
    """The objects of a file that has one on each line."""
    for block in blocks(path):
        for line, raw in block.overlong:
            reject(line, "the line is too long for a row", raw)
        for line, raw_line in enumerate(block.data.split(b"\n"), start=block.first_line):
            if not raw_line.strip():
                continue
            try:
                yield line, json.loads(raw_line), block.end
            except (ValueError, RecursionError) as error:
                reject(line, f"the line is not JSON: {error}", shown(raw_line))


def json_items(path: Path) -> Items:
    """The objects of a list, of the first list inside an object (`{"readings": [...]}`), or a single object.

    Raises Unreadable when the file is not JSON; what came before the fault has been yielded.
    """
    with path.open("rb") as file:
        prefix = _list_prefix(file)
    with path.open("rb") as file:
        try:
            for number, item in enumerate(ijson.items(file, prefix), start=1):
                yield number, item, file.tell()
        except (JSONError, ValueError) as error:
            raise Unreadable(f"the file is not JSON: {error}") from error


def _list_prefix(file: BinaryIO) -> str:
    """Where ijson finds the rows."""
    try:
        for prefix, event, _ in ijson.parse(file):
            if event == "start_array":
                return f"{prefix}.item".lstrip(".")
    except (JSONError, ValueError) as error:
        raise Unreadable(f"the file is not JSON: {error}") from error
    return ""


def raw_blocks(items: Items, columns: Sequence[Column], reject: Reject) -> Iterator[RawBlock]:
    """Blocks of rows."""
    names = {alias: column for column in columns for alias in column.names}
    while some := list(islice(items, ITEMS)):
        texts: dict[str, list[bytes]] = {column.name: [] for column in columns}
        content: dict[int, Any] = {}
        for number, item, _ in some:
            if not isinstance(item, dict):
                reject(number, "is not an object", _raw(item))
                continue
            content[number] = item
            row = {names[key.lower()].name: value for key, value in item.items() if key.lower() in names}
            for column in columns:
                texts[column.name].append(_text(row.get(column.name), column))
        if content:
            arrays = {
                column.name: pa.array(texts[column.name], pa.binary()).cast(column.judge.raw) for column in columns
            }
            yield RawRows(arrays, pa.array(list(content), pa.int64())), lambda n, c=content: _raw(c[n]), some[-1][2]  # type: ignore[misc]


def _text(value: Any, column: Column) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        return (json.dumps(value) if column.judge.quotes_text else value).encode(errors="replace")
    if isinstance(value, bool | dict | list):
        return _raw(value).encode(errors="replace")
    return str(value).encode()


def _raw(item: Any) -> str:
    return json.dumps(item, default=lambda number: float(number) if isinstance(number, Decimal) else str(number))[
        :RAW_SHOWN
    ]
