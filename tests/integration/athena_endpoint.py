"""The local Athena endpoint on a free port, over an S3 in this process (moto), for the tests beside this file."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from moto import mock_aws

from infra.local.athena.server import Athena, serve
from wattline.adapters.athena import AthenaQueries
from wattline.adapters.parquet_files import arrow_rows, landing_object
from wattline.batches import Row
from wattline.domain.energy import NANO, Basis
from wattline.domain.instants import INTERVAL_MS, parse_instant
from wattline.tables import ENERGY_INTERVALS, Table

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import QueryExecutionTypeDef, RowTypeDef
    from mypy_boto3_s3 import S3Client

BUCKET, WORKGROUP, DATABASE = "the-bucket", "the-workgroup", "the-database"
GIVE_UP_SECONDS = 20
"""A guard against a hang, not a measure of speed."""

NOON = parse_instant("2018-08-24T12:00:00Z")

ENDLESS = """SELECT count(*) AS n FROM energy_intervals a, energy_intervals b, energy_intervals c
WHERE a.kwh + b.kwh + c.kwh < 0"""
"""Over `ENDLESS_ROWS` rows this takes about half a minute; nobody waits for it."""
ENDLESS_ROWS = 2_000

HOSTILE = [
    "x' OR '1'='1",
    "x' OR 1=1 --",
    "'; DROP TABLE energy_intervals; --",
    "1 OR 1=1",
    "' UNION ALL SELECT spaceship_id FROM energy_intervals --",
    "\\' OR 1=1 --",
    "\\",
    "'",
    "''",
    "?",
    "/* */",
    "spaceship_id",
    "NULL",
    "%",
]
"""Names of ships that their senders may have thought about."""


@dataclass(frozen=True)
class Read:
    """A range that the endpoint got from S3: [start, end)."""

    key: str
    start: int
    end: int


@dataclass
class S3Spy:
    """Notes what a client reads, and holds its calls back on demand."""

    reads: list[Read] = field(default_factory=list)
    _operation: str | None = None
    _held: threading.Event = field(default_factory=threading.Event)
    _open: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watch(self, s3: "S3Client") -> Iterator[None]:
        handlers: dict[str, Callable[..., None]] = {
            "before-parameter-build.s3.GetObject": self._note_request,
            "after-call.s3.GetObject": self._note_answer,
            "before-call.s3": self._wait,
        }
        for event, handler in handlers.items():
            s3.meta.events.register(event, handler)
        try:
            yield
        finally:
            for event, handler in handlers.items():
                s3.meta.events.unregister(event, handler)

    @contextmanager
    def hold(self, operation: str) -> Iterator[Callable[[], None]]:
        """Inside, this operation of S3 does not begin; the yielded function waits until one call is held."""
        self._held.clear()
        self._open.clear()
        self._operation = operation
        try:
            yield self._await_held
        finally:
            self._operation = None
            self._open.set()

    def _await_held(self) -> None:
        assert self._held.wait(GIVE_UP_SECONDS), f"{self._operation} was never called"

    def _wait(self, model: Any, **_: Any) -> None:
        if model.name == self._operation:
            self._held.set()
            self._open.wait()

    def _note_request(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["read"] = (params["Key"], int(params["Range"].removeprefix("bytes=").split("-")[0]))

    def _note_answer(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        key, start = context["read"]
        self.reads.append(Read(key, start, start + parsed.get("ContentLength", 0)))


@dataclass
class Endpoint:
    """The endpoint as its clients see it; `s3` is the tests' own client, `spy` watches the server's."""

    athena: "AthenaClient"
    s3: "S3Client"
    spy: S3Spy

    def put(
        self,
        rows: Iterable[Row],
        *,
        dt: str = "2018-08-01",
        bucket: str = "landing",
        name: str = "one",
        table: Table = ENERGY_INTERVALS,
    ) -> str:
        """Write rows as an object of the history; the key."""
        key = f"history/{table.name}/dt={dt}/bucket={bucket}/{name}.parquet"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=landing_object(table, arrow_rows(table, tuple(rows))))
        return key

    @contextmanager
    def unchecked(self) -> Iterator["Endpoint"]:
        """The same endpoint by a client that sends whatever it is told, so that the endpoint has to refuse it."""
        url = self.athena.meta.endpoint_url
        with closing(_athena(url, parameter_validation=False)) as athena:
            yield replace(self, athena=athena)

    def start(self, sql: str, *parameters: str, **others: Any) -> str:
        """Start a query; its execution id."""
        request: dict[str, Any] = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": DATABASE},
            "WorkGroup": WORKGROUP,
        } | ({"ExecutionParameters": list(parameters)} if parameters else {})
        return self.athena.start_query_execution(**request | others)["QueryExecutionId"]

    def execution(self, execution_id: str) -> "QueryExecutionTypeDef":
        return self.athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]

    def state(self, execution_id: str) -> str:
        return self.execution(execution_id)["Status"]["State"]

    def wait(self, execution_id: str) -> "QueryExecutionTypeDef":
        """Poll until the query has ended."""
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while (execution := self.execution(execution_id))["Status"]["State"] in ("QUEUED", "RUNNING"):
            assert time.monotonic() < give_up, f"still {execution['Status']['State']}"
            time.sleep(0.005)
        return execution

    def succeed(self, sql: str, *parameters: str) -> "QueryExecutionTypeDef":
        """Run a query that is right."""
        execution = self.wait(self.start(sql, *parameters))
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        return execution

    def fail(self, sql: str, *parameters: str) -> str:
        """Run a query that is wrong; why it failed."""
        status = self.wait(self.start(sql, *parameters))["Status"]
        assert status["State"] == "FAILED", status
        return status["StateChangeReason"]

    def rows(self, sql: str, *parameters: str) -> list[list[str | None]]:
        """The rows of a result of one page, without the header."""
        execution_id = self.succeed(sql, *parameters)["QueryExecutionId"]
        page = self.athena.get_query_results(QueryExecutionId=execution_id)
        assert "NextToken" not in page
        return values(page["ResultSet"]["Rows"])[1:]

    def csv(self, execution: "QueryExecutionTypeDef") -> str:
        """The result's file."""
        key = execution["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
        return self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()

    def queries(
        self, *, patience: float = GIVE_UP_SECONDS, pause: Callable[[float], None] | None = None
    ) -> AthenaQueries:
        """The product's own client."""
        return AthenaQueries(
            self.athena, self.s3, workgroup=WORKGROUP, database=DATABASE, patience=patience, pause=pause or _briefly
        )

    def stop_all(self) -> None:
        for page in self.athena.get_paginator("list_query_executions").paginate(WorkGroup=WORKGROUP):
            for execution_id in page["QueryExecutionIds"]:
                if self.state(execution_id) in ("QUEUED", "RUNNING"):
                    self.athena.stop_query_execution(QueryExecutionId=execution_id)


def _briefly(_: float) -> None:
    time.sleep(0.005)


def values(rows: "Iterable[RowTypeDef]") -> list[list[str | None]]:
    """Rows of a result as lists; NULL is None."""
    return [[value.get("VarCharValue") for value in row["Data"]] for row in rows]


def statement(
    ship: str = "ship",
    interval_ms: int = NOON,
    *,
    nano: int = NANO,
    offset_ms: int = 0,
    length_ms: int = INTERVAL_MS,
    basis: Basis = Basis.ENERGY,
    received_ms: int = NOON + INTERVAL_MS,
    seq: int = 0,
) -> Row:
    """A row of the table `energy_intervals`."""
    start = interval_ms + offset_ms
    return (ship, interval_ms, start, start + length_ms, nano, basis.value, received_ms, seq)


@contextmanager
def running_endpoint() -> Iterator[Endpoint]:
    """An endpoint over an empty bucket. moto lets calls to 127.0.0.1 pass, so Athena's go over a real socket."""
    s3, servers_s3, spy = _s3("the tests"), _s3("the server"), S3Spy()
    with mock_aws(), spy.watch(servers_s3):
        s3.create_bucket(Bucket=BUCKET)
        athena = Athena(servers_s3, bucket=BUCKET, workgroup=WORKGROUP, database=DATABASE)
        with serve(athena, 0) as server, _serving(server), closing(_athena(_url(server))) as client:
            endpoint = Endpoint(client, s3, spy)
            try:
                yield endpoint
            finally:
                endpoint.stop_all()


@cache
def _session() -> boto3.Session:
    """One for all tests, because a new one would read the services' models again."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")


@cache
def _s3(of: str) -> "S3Client":
    """The client of the tests, or the one of the server."""
    return _session().client("s3")


def _athena(url: str, *, parameter_validation: bool = True) -> "AthenaClient":
    # no retries, so that an answer that is lost is noticed
    config = Config(parameter_validation=parameter_validation, retries={"total_max_attempts": 1})
    return _session().client("athena", endpoint_url=url, config=config)


def _url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@contextmanager
def _serving(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
