"""JSON and NDJSON as blocks of raw columns, judged by the same judges as CSV's."""

import json
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate, islice, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
from ijson.backends import yajl2_c as ijson
from ijson.common import JSONError

from wattline.loading.columns import Column, RawBlock, RawRows, Reject
from wattline.loading.lines import RAW_SHOWN, TOO_LONG, blocks, shown
from wattline.loading.staging import Unreadable

ITEMS = 50_000
"""Rows in a block."""

ROWS = ("readings", "data", "items")
"""What the list of rows inside an object is called."""

DEEPEST = 100
"""Lists and objects inside each other."""

_DEEPER = {"start_map": 1, "start_array": 1, "end_map": -1, "end_array": -1}

Items = Iterator[tuple[int, Any, int]]
"""The number of a row (a line, or a position in the list, from 1), its content, and how far the file is read."""


def ndjson_items(path: Path, reject: Reject) -> Items:
    """The objects of a file that has one on each line."""
    for block in blocks(path):
        for line, raw in block.overlong:
            reject(line, TOO_LONG, raw)
        for line, raw_line in enumerate(block.data.split(b"\n"), start=block.first_line):
            if not raw_line.strip():
                continue
            try:
                yield line, json.loads(raw_line), block.end
            except (ValueError, RecursionError) as error:
                reject(line, f"the line is not JSON: {error}", shown(raw_line))


def json_items(path: Path, names: Collection[str] = ROWS) -> Items:
    """The objects of a list, of a list inside an object, or a single object.

    Inside an object it is the list of one of these names, wherever it stands, or the only list of objects. Raises
    Unreadable before the first of them when the file is not JSON, or when nothing tells which list it is.
    """
    check_json(path)
    prefix = _list_prefix(path, names)
    with path.open("rb") as file:
        for number, item in enumerate(ijson.items(file, prefix), start=1):
            yield number, item, file.tell()


def check_json(path: Path) -> None:
    """Read all of it once. Raises Unreadable where it is not JSON, or so deep that nobody meant it."""
    try:
        with path.open("rb") as file:
            events = map(itemgetter(0), ijson.basic_parse(file))
            deepest = max(accumulate(map(_DEEPER.get, events, repeat(0))), default=0)
    except (JSONError, ValueError) as error:
        raise Unreadable(
            f"the file is not JSON: {_one_line(error)}; objects one a line belong into a .ndjson"
        ) from error
    if deepest > DEEPEST:
        raise Unreadable(f"lists and objects are nested {deepest:,} deep; {DEEPEST} is the most that is read")


def _list_prefix(path: Path, names: Collection[str]) -> str:
    """Where ijson finds the rows."""
    empty: str | None = None
    of_objects: list[str] = []
    lists, begun = 0, False
    with path.open("rb") as file:
        for prefix, event, _ in ijson.parse(file):
            if begun:
                of, begun = prefix.removesuffix(".item"), False
                is_named = of.rpartition(".")[2].lower() in names
                if event == "end_array":
                    empty = of if is_named and empty is None else empty
                elif is_named:
                    return f"{of}.item"
                elif event == "start_map":
                    of_objects.append(of)
            if event == "start_array":
                if not prefix:
                    return "item"
                lists, begun = lists + 1, not lists
            elif event == "end_array":
                lists -= 1
    if empty is not None:
        return f"{empty}.item"
    if len(of_objects) > 1:
        raise Unreadable(
            f"the file has the lists {', '.join(of_objects)}; call the one that holds the rows {' or '.join(names)}"
        )
    return f"{of_objects[0]}.item" if of_objects else ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def raw_blocks(items: Items, columns: Sequence[Column], reject: Reject) -> Iterator[RawBlock]:
    """Blocks of rows."""
    names = {alias: column for column in columns for alias in column.names}
    while some := list(islice(items, ITEMS)):
        texts: dict[str, list[bytes]] = {column.name: [] for column in columns}
        content: dict[int, Any] = {}
        for number, item, _ in some:
            try:
                row = _texts(item, columns, names)
            except ValueError as refusal:
                reject(number, str(refusal), raw_json(item))
                continue
            content[number] = item
            for column, text in zip(columns, row, strict=True):
                texts[column.name].append(text)
        if content:
            arrays = {
                column.name: pa.array(texts[column.name], pa.binary()).cast(column.judge.raw) for column in columns
            }
            yield (
                RawRows(arrays, pa.array(list(content), pa.int64())),
                lambda number, of=content: raw_json(of[number]),  # type: ignore[misc]
                some[-1][2],
            )


def _texts(item: Any, columns: Sequence[Column], names: dict[str, Column]) -> list[bytes]:
    """The texts of an object's columns. Raises ValueError with the reason it is no row."""
    if not isinstance(item, dict):
        raise ValueError("is not an object")
    row: dict[str, Any] = {}
    for key, value in item.items():
        column = names.get(key.lower())
        if column is not None:
            if row.get(column.name) is not None:
                raise ValueError(f"{column.name}: is given twice, as {key} too")
            row[column.name] = value
    return [_text(row.get(column.name), column) for column in columns]


def _text(value: Any, column: Column) -> bytes:
    if value is None:
        return b""
    if type(value) not in column.judge.json:
        raise ValueError(f"{column.name}: is {_NAMES[type(value)]}")
    text = value if isinstance(value, str) else str(value)
    return text.encode(errors="replace")


_NAMES = {
    str: "a text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    list: "a list",
    dict: "an object",
}


def raw_json(item: Any) -> str:
    """What a reject shows of an item."""
    text = json.dumps(
        item,
        ensure_ascii=False,
        default=lambda number: float(number) if isinstance(number, Decimal) else str(number),
    )
    return text.encode(errors="replace").decode()[:RAW_SHOWN]
