"""Translate Athena's SQL to DuckDB's and run it over the tables of the history."""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from threading import Event
from typing import TYPE_CHECKING

import duckdb
import sqlglot
from sqlglot import TokenType, exp

from infra.local.athena.lake import ScanCount, dataset
from wattline.tables import SCRATCH_TABLES, TABLES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


_TERMINAL_COLOURS = re.compile(r"\x1b\[\d+m")

_CATALOG = TABLES | SCRATCH_TABLES


class QueryRefused(Exception):
    """The query is wrong, or beyond what this engine translates; the message is Athena's in style."""


class QueryCancelled(Exception):
    """It was stopped while it ran."""


@dataclass(frozen=True)
class Column:
    """A column of a result, with Athena's name of its type."""

    name: str
    type: str


@dataclass(frozen=True)
class Result:
    """Rows of texts (None is NULL), and what was read for them."""

    columns: list[Column]
    rows: list[tuple[str | None, ...]]
    scanned_bytes: int
    scanned_objects: int


class Query:
    """One query. `run` may be called once; `cancel` from any thread."""

    def __init__(self, sql: str, parameters: Sequence[str]) -> None:
        self._sql = sql
        self._parameters = parameters
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._cancelled = Event()

    def cancel(self) -> None:
        """Stop it."""
        self._cancelled.set()
        if self._connection is not None:
            with contextlib.suppress(duckdb.Error):  # it may have ended by itself just now
                self._connection.interrupt()

    def run(self, s3: "S3Client", bucket: str) -> Result:
        """Raises QueryRefused or QueryCancelled."""
        tree = bind(self._sql, self._parameters)
        names, sql = table_names(tree), to_duckdb(tree)
        scanned = ScanCount()
        self._connection = connection = duckdb.connect(config={"enable_external_access": False, "threads": 2})
        try:
            for name in names:
                connection.register(name, dataset(s3, bucket, _CATALOG[name], scanned))
            connection.execute("SET TimeZone = 'UTC'")
            if self._cancelled.is_set():
                raise QueryCancelled
            answer = connection.execute(sql)
            columns = [Column(name, athena_type(str(kind))) for name, kind, *_ in answer.description or ()]
            rows = [tuple(map(text, row)) for row in answer.fetchall()]
        except duckdb.InterruptException as error:
            raise QueryCancelled from error
        except duckdb.Error as error:
            for key in scanned.lost:
                split = f"s3://{bucket}/{key}"
                reason = f"Error opening Hive split {split}: The specified key does not exist"
                raise QueryRefused(f"HIVE_CANNOT_OPEN_SPLIT: {reason}") from error
            raise QueryRefused(f"GENERIC_USER_ERROR: {error}") from error
        finally:
            connection.close()
        return Result(columns, rows, scanned.bytes, len(scanned.keys))


def parse(sql: str) -> exp.Query:
    """One SELECT of Athena's dialect. Raises QueryRefused."""
    try:
        trees = sqlglot.parse(sql, dialect="athena", error_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError as error:
        raise QueryRefused(f"SYNTAX_ERROR: {_TERMINAL_COLOURS.sub('', str(error))}") from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise QueryRefused("NOT_SUPPORTED: this engine runs one SELECT at a time")
    return trees[0]


def bind(sql: str, parameters: Sequence[str]) -> exp.Query:
    """Put the execution parameters, which are pieces of SQL text, where the question marks stand, in their order."""
    for hole in parse(sql).find_all(exp.Placeholder):
        if hole.find_ancestor(exp.Where) is None:
            raise QueryRefused("SYNTAX_ERROR: a parameter may stand in a WHERE clause only")
    holes = [token for token in sqlglot.tokenize(sql, read="athena") if token.token_type is TokenType.PLACEHOLDER]
    if len(holes) != len(parameters):
        expected, found = len(holes), len(parameters)
        raise QueryRefused(
            f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected {expected} but found {found}"
        )
    for mark, parameter in reversed([*zip(holes, parameters, strict=True)]):
        sql = f"{sql[: mark.start]}({_literal(parameter)}){sql[mark.end + 1 :]}"
    return parse(sql)


def _literal(parameter: str) -> str:
    try:
        value = sqlglot.parse_one(parameter, dialect="athena")
    except sqlglot.errors.SqlglotError as error:
        raise QueryRefused(f"SYNTAX_ERROR: the parameter {parameter!r} is not SQL: {error}") from error
    inner = value.this if isinstance(value, exp.Neg) else value
    if not isinstance(inner, exp.Literal | exp.Boolean | exp.Null):
        raise QueryRefused(f"SYNTAX_ERROR: the parameter {parameter!r} is not a literal; texts need single quotes")
    return value.sql(dialect="athena")


def table_names(tree: exp.Query) -> set[str]:
    """The tables a query reads. Raises QueryRefused for one that is not in the catalog."""
    defined = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [table for table in tree.find_all(exp.Table) if table.name not in defined]
    for table in tables:
        if table.name not in _CATALOG:
            raise QueryRefused(f"TABLE_NOT_FOUND: Table {table.name!r} does not exist")
        if table.name in SCRATCH_TABLES:
            _check_injected(table, SCRATCH_TABLES[table.name].partitions)
    return {table.name for table in tables}


def _check_injected(table: exp.Table, partitions: tuple[str, ...]) -> None:
    """Values of a partition that is projected as `injected` come from the query, which must name them."""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select else None
    conditions = list(where.this.flatten()) if where and isinstance(where.this, exp.And) else [where and where.this]
    several = select is not None and bool(select.args.get("joins"))
    named = {
        each.this.name
        for each in conditions
        if isinstance(each, exp.EQ)
        and _is_literal(each.expression)
        and (each.this.text("table") == table.alias_or_name or not several)
    }
    for partition in set(partitions) - named:
        raise QueryRefused(
            f"CONSTRAINT_VIOLATION: For the injected projected partition column {partition}, the WHERE clause must "
            "contain only static equality conditions, and at least one such condition must be present."
        )


def _is_literal(value: exp.Expression) -> bool:
    return isinstance(value.unnest(), exp.Literal)


def to_duckdb(tree: exp.Query) -> str:
    """The same query in DuckDB's dialect. Raises QueryRefused for what has no sure translation."""
    for call in tree.find_all(exp.Anonymous):
        raise QueryRefused(f"FUNCTION_NOT_FOUND: no translation for the function {call.name}")
    for approximation in tree.find_all(exp.ApproxQuantile):
        raise QueryRefused(f"NOT_SUPPORTED: the engines approximate differently: {approximation.sql()}")
    for division in tree.find_all(exp.Div):
        sides = (division.this, division.expression)
        if not any(isinstance(side, exp.Cast) and side.is_type("double") for side in sides):
            raise QueryRefused(f"NOT_SUPPORTED: the engines divide differently; cast to double: {division.sql()}")
    try:
        return tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError as error:
        raise QueryRefused(f"NOT_SUPPORTED: {error}") from error


_TYPES = {
    "VARCHAR": "varchar",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",  # DuckDB's sum of bigints
    "INTEGER": "integer",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_MS": "timestamp",
}


def athena_type(kind: str) -> str:
    """Athena's name of a DuckDB type. Raises QueryRefused for one that the product has no use for."""
    name = "decimal" if kind.startswith("DECIMAL") else _TYPES.get(kind)
    if name is None:
        raise QueryRefused(f"NOT_SUPPORTED: results of type {kind}")
    return name


def text(value: object) -> str | None:
    """A value as Athena writes it: timestamps with milliseconds and a space, decimals with all their digits."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat(sep=" ", timespec="milliseconds")
        case date() | str() | int():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case float():
            return repr(value)
    raise QueryRefused(f"NOT_SUPPORTED: a value of type {type(value).__name__}")
