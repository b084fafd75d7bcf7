"""Run a query of ours on Athena and read its result."""

import csv
import io
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from wattline.adapters.aws import unavailable
from wattline.domain.instants import to_datetime
from wattline.errors import QueryFailed, QueryTimeout, TransientError

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import QueryExecutionTypeDef
    from mypy_boto3_s3 import S3Client

PATIENCE_SECONDS = 25
"""A synchronous route must answer before API Gateway gives up at 29 s."""

_LOST_OBJECT = ("HIVE_CANNOT_OPEN_SPLIT", "HIVE_CURSOR_ERROR")
"""How Athena says that it could not read an object it had listed: compaction may have deleted it in between."""

_POLLS = (0.05, 0.1, 0.2, 0.4)
"""Pauses between looks at a running query; the last one repeats."""


class Timestamp(int):
    """Milliseconds since the epoch, to be written as the text a `CAST(? AS timestamp(3))` takes."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A query that has succeeded: where its result lies (`s3://`), and the bytes Athena read (what it bills)."""

    location: str
    scanned_bytes: int


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows in the query's order, every value as text, and the bytes Athena read (what it bills)."""

    rows: list[dict[str, str]]
    scanned_bytes: int


def sql_literal(value: str | int) -> str:
    """A value as SQL text: Athena's execution parameters are pieces of SQL, so texts are quoted and escaped."""
    if isinstance(value, Timestamp):
        moment = to_datetime(value).replace(tzinfo=None)
        return f"'{moment.isoformat(sep=' ', timespec='milliseconds')}'"
    if isinstance(value, int):
        return str(value)
    if "\0" in value:
        raise ValueError("a text with a NUL has no SQL literal")
    return "'" + value.replace("'", "''") + "'"


class _ObjectLost(QueryFailed):
    """A new listing may help."""


class AthenaQueries:
    """Queries of one workgroup and database."""

    def __init__(  # noqa: PLR0913 - all are wiring
        self,
        client: "AthenaClient",
        s3: "S3Client",
        *,
        workgroup: str,
        database: str,
        patience: float = PATIENCE_SECONDS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._s3 = s3
        self._workgroup = workgroup
        self._database = database
        self._patience = patience
        self._pause = pause
        self._deadline: float | None = None

    def for_request(self) -> "AthenaQueries":
        """The same, with one patience for all queries of a request that begins now."""
        queries = copy(self)
        queries._deadline = time.monotonic() + self._patience
        return queries

    def run(self, sql: str, parameters: Sequence[str | int]) -> QueryResult:
        """Run it to its end and read its result. Raises what `execute` raises."""
        execution = self.execute(sql, parameters)
        location = urlparse(execution.location)
        with unavailable("reading the query's result"):
            body = self._s3.get_object(Bucket=location.netloc, Key=location.path[1:])["Body"].read()
        return QueryResult(list(csv.DictReader(io.StringIO(body.decode(), newline=""))), execution.scanned_bytes)

    def execute(self, sql: str, parameters: Sequence[str | int]) -> Execution:
        """Run it to its end, and once more where an object went away between listing and reading.

        Raises QueryTimeout (and stops the query) when that takes too long, QueryFailed when Athena reports a
        failure, TransientError when it takes no queries now.
        """
        try:
            return self._execute(sql, parameters)
        except _ObjectLost:
            return self._execute(sql, parameters)

    def _execute(self, sql: str, parameters: Sequence[str | int]) -> Execution:
        literals: dict[str, Any] = {"ExecutionParameters": [sql_literal(value) for value in parameters]}
        with unavailable("querying the history"):
            execution_id = self._client.start_query_execution(
                QueryString=sql,
                **(literals if parameters else {}),  # an empty list is refused
                QueryExecutionContext={"Database": self._database},
                WorkGroup=self._workgroup,
            )["QueryExecutionId"]
        execution = self._wait(execution_id)
        location = execution["ResultConfiguration"]["OutputLocation"]
        return Execution(location, execution.get("Statistics", {}).get("DataScannedInBytes", 0))

    def _wait(self, execution_id: str) -> "QueryExecutionTypeDef":
        deadline = time.monotonic() + self._patience if self._deadline is None else self._deadline
        polls = iter(_POLLS)
        while True:
            with unavailable("querying the history"):
                execution = self._client.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
            status = execution["Status"]
            match status["State"]:
                case "SUCCEEDED":
                    return execution
                case "FAILED":
                    reason = status.get("StateChangeReason", "no reason given")
                    failure = _ObjectLost if reason.startswith(_LOST_OBJECT) else QueryFailed
                    raise failure(f"history query {execution_id} failed: {reason}")
                case "CANCELLED":
                    raise TransientError("the history query was cancelled; repeat the request")
            if time.monotonic() >= deadline:
                with unavailable("stopping the history query"):
                    self._client.stop_query_execution(QueryExecutionId=execution_id)
                raise QueryTimeout(
                    f"the history query took over {self._patience:g} s; ask for a shorter range", retry_after=30
                )
            self._pause(next(polls, _POLLS[-1]))
