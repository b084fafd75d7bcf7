"""Rows on their way to a history table, and their form in a queue message.

A message is base64(gzip(JSON)) of `{"table": name, "columns": {column: [values]}}`; timestamps are
milliseconds and decimals scaled integers, so nothing is rounded on the way.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from wattline.errors import TerminalError
from wattline.tables import TABLES, Column, Kind, Table

Row = tuple[str | int, ...]
"""Values in the order of `Table.columns`."""

MESSAGE_ROWS = 4_000
"""Rows in one message: about 70 kB as a rule, and below SQS's limit of 1 MiB however badly they compress."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table."""

    table: Table
    rows: tuple[Row, ...]


def encode(batch: Batch) -> Iterator[str]:
    """The batch as message bodies."""
    for first in range(0, len(batch.rows), MESSAGE_ROWS):
        columns = zip(*batch.rows[first : first + MESSAGE_ROWS], strict=True)
        message = {
            "table": batch.table.name,
            "columns": dict(zip(batch.table.column_names, columns, strict=True)),
        }
        text = json.dumps(message, separators=(",", ":"))
        yield base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()


def decode(body: str) -> Batch:
    """The batch of a message body. Raises TerminalError when it is none of ours."""
    try:
        message = json.loads(gzip.decompress(base64.b64decode(body, validate=True)))
        table = TABLES[message["table"]]
        columns = [_checked(column, message["columns"][column.name]) for column in table.columns]
        return Batch(table, tuple(zip(*columns, strict=True)))
    except (ValueError, LookupError, TypeError, EOFError, OSError, RecursionError, zlib.error) as error:
        raise TerminalError(f"not a history message: {type(error).__name__}: {error}") from error


def _checked(column: Column, values: list[str | int]) -> list[str | int]:
    wanted = str if column.kind is Kind.TEXT else int
    if not all(type(value) is wanted for value in values):
        raise TypeError(f"column {column.name} holds something else than {wanted.__name__}")
    limit = 10**18 if column.kind is Kind.DECIMAL else 2**63
    if wanted is int and not all(-limit < value < limit for value in values if isinstance(value, int)):
        raise ValueError(f"column {column.name} holds a number that it cannot hold")
    return values
