"""Athena's JSON API: start, look at, list, stop a query, and page through its result."""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from infra.local.athena.engine import Query, QueryCancelled, QueryRefused, Result

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TARGET = "AmazonAthena."
PAGE = 1_000
WORKERS = 4
TOKEN_LENGTHS = range(32, 129)
PARAMETER_LENGTH = 1_024
QUERY_BYTES = 262_144


class BadRequest(Exception):
    """Answered as Athena's InvalidRequestException."""


@dataclass
class Execution:
    """A query and what became of it."""

    execution_id: str
    sql: str
    parameters: list[str]
    query: Query
    output_location: str
    state: str = "QUEUED"
    reason: str | None = None
    result: Result | None = None
    submitted: float = field(default_factory=lambda: datetime.now(UTC).timestamp())
    completed: float | None = None


class Athena:
    """The executions of one workgroup and database, over one bucket."""

    def __init__(self, s3: "S3Client", *, bucket: str, workgroup: str, database: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._workgroup = workgroup
        self._database = database
        self._executions: dict[str, Execution] = {}
        self._by_token: dict[str, str] = {}
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="query")

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one operation. Raises BadRequest."""
        operations = {
            "StartQueryExecution": self._start,
            "GetQueryExecution": self._get,
            "ListQueryExecutions": self._list,
            "StopQueryExecution": self._stop,
            "GetQueryResults": self._results,
        }
        if operation not in operations:
            raise BadRequest(f"this endpoint has no operation {operation}")
        return operations[operation](request)

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("WorkGroup", "primary") != self._workgroup:
            raise BadRequest(f"WorkGroup {request.get('WorkGroup')} is not found.")
        if request.get("QueryExecutionContext", {}).get("Database") != self._database:
            raise BadRequest(f"Database {request.get('QueryExecutionContext')} is not found.")
        sql, parameters = request["QueryString"], request.get("ExecutionParameters", [])
        if not sql.strip() or len(sql.encode()) > QUERY_BYTES:
            raise BadRequest(f"a query has 1 to {QUERY_BYTES} bytes")
        if any(not 1 <= len(parameter) <= PARAMETER_LENGTH for parameter in parameters):
            raise BadRequest(f"an execution parameter has 1 to {PARAMETER_LENGTH} characters")
        token = request.get("ClientRequestToken", uuid.uuid4().hex)
        if len(token) not in TOKEN_LENGTHS:
            raise BadRequest("a ClientRequestToken has 32 to 128 characters")
        with self._lock:
            if token in self._by_token:
                return {"QueryExecutionId": self._by_token[token]}
            execution_id = str(uuid.uuid4())
            location = f"s3://{self._bucket}/athena-results/{execution_id}.csv"
            execution = Execution(execution_id, sql, parameters, Query(sql, parameters), location)
            self._executions[execution_id] = execution
            self._by_token[token] = execution_id
        self._workers.submit(self._run, execution)
        return {"QueryExecutionId": execution_id}

    def _run(self, execution: Execution) -> None:
        with self._lock:
            if execution.state == "CANCELLED":
                return
            execution.state = "RUNNING"
        try:
            result = execution.query.run(self._s3, self._bucket)
            key = execution.output_location.removeprefix(f"s3://{self._bucket}/")
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=result_csv(result))
            self._finish(execution, "SUCCEEDED", result=result)
        except QueryCancelled:
            self._finish(execution, "CANCELLED")
        except QueryRefused as refusal:
            self._finish(execution, "FAILED", reason=str(refusal))
        except Exception as error:
            self._finish(execution, "FAILED", reason=f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}")

    def _finish(
        self, execution: Execution, state: str, *, reason: str | None = None, result: Result | None = None
    ) -> None:
        with self._lock:
            if execution.state != "CANCELLED":
                execution.state, execution.reason, execution.result = state, reason, result
                execution.completed = datetime.now(UTC).timestamp()

    def _find(self, request: dict[str, Any]) -> Execution:
        execution = self._executions.get(request["QueryExecutionId"])
        if execution is None:
            raise BadRequest(f"QueryExecution {request['QueryExecutionId']} was not found")
        return execution

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._find(request)
        with self._lock:
            return self._describe(execution)

    def _describe(self, execution: Execution) -> dict[str, Any]:
        status: dict[str, Any] = {"State": execution.state, "SubmissionDateTime": execution.submitted}
        if execution.reason is not None:
            status["StateChangeReason"] = execution.reason
        if execution.completed is not None:
            status["CompletionDateTime"] = execution.completed
        scanned = execution.result.scanned_bytes if execution.result else 0
        return {
            "QueryExecution": {
                "QueryExecutionId": execution.execution_id,
                "Query": execution.sql,
                "StatementType": "DML",
                "ExecutionParameters": execution.parameters,
                "ResultConfiguration": {"OutputLocation": execution.output_location},
                "QueryExecutionContext": {"Database": self._database},
                "WorkGroup": self._workgroup,
                "Status": status,
                "Statistics": {"DataScannedInBytes": scanned},
            }
        }

    def _list(self, request: dict[str, Any]) -> dict[str, Any]:
        newest_first = [*self._executions][::-1]
        return _page(newest_first, request, "QueryExecutionIds", maximum=50)

    def _stop(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._find(request)
        with self._lock:
            if execution.state in ("QUEUED", "RUNNING"):
                execution.state = "CANCELLED"
                execution.completed = datetime.now(UTC).timestamp()
                execution.query.cancel()
        return {}

    def _results(self, request: dict[str, Any]) -> dict[str, Any]:
        execution = self._find(request)
        with self._lock:
            result = execution.result
        if execution.state != "SUCCEEDED" or result is None:
            raise BadRequest(f"Query has not yet finished. Current state: {execution.state}")
        header = tuple(column.name for column in result.columns)
        page = _page([header, *result.rows], request, "Rows", maximum=PAGE)
        rows = [
            {"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in page.pop("Rows")
        ]
        columns = [
            {
                "CatalogName": "hive",
                "Name": column.name,
                "Label": column.name,
                "Type": column.type,
                "Nullable": "UNKNOWN",
            }
            for column in result.columns
        ]
        return {"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": columns}}, "UpdateCount": 0, **page}


def _page(items: list[Any], request: dict[str, Any], name: str, *, maximum: int) -> dict[str, Any]:
    size = request.get("MaxResults", maximum)
    if not 1 <= size <= maximum:
        raise BadRequest(f"MaxResults is between 1 and {maximum}")
    token = request.get("NextToken", "0")
    if not (token.isascii() and token.isdigit() and int(token) <= len(items)):
        raise BadRequest("NextToken is none that was given")
    first = int(token)
    page: dict[str, Any] = {name: items[first : first + size]}
    if first + size < len(items):
        page["NextToken"] = str(first + size)
    return page


def result_csv(result: Result) -> bytes:
    """As Athena writes it: every value in quotes, NULL as nothing at all."""
    header = tuple(column.name for column in result.columns)
    return "".join(",".join(map(_csv_field, row)) + "\n" for row in (header, *result.rows)).encode()


def _csv_field(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    athena: Athena

    def do_GET(self) -> None:
        self._answer(200, {"status": "ok"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        operation = self.headers.get("X-Amz-Target", "").removeprefix(TARGET)
        try:
            self._answer(200, self.athena.call(operation, json.loads(body)))
        except (BadRequest, KeyError, ValueError) as error:
            message = str(error) if isinstance(error, BadRequest) else f"malformed request: {error!r}"
            self._answer(400, {"__type": "InvalidRequestException", "Message": message})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet: the caller sees the answers."""


def serve(athena: Athena, port: int, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """A server; call its `serve_forever`. Port 0 takes a free one. Another host is for containers only."""
    handler = type("AthenaHandler", (_Handler,), {"athena": athena})
    return ThreadingHTTPServer((host, port), handler)
