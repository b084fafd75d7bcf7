"""The protocol of the local Athena endpoint: the life of a query, its result, pages, and what is refused at once."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.athena.server import WORKERS
from tests.integration.athena_endpoint import (
    BUCKET,
    DATABASE,
    ENDLESS,
    ENDLESS_ROWS,
    WORKGROUP,
    Endpoint,
    running_endpoint,
    statement,
    values,
)

ONE = "SELECT 1 AS one"
SEQS = "SELECT seq FROM energy_intervals ORDER BY seq"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint() as endpoint:
        yield endpoint


def test_a_query_is_started_runs_and_succeeds(endpoint: Endpoint) -> None:
    with endpoint.spy.hold("PutObject") as held:
        execution_id = endpoint.start("SELECT 1 AS one WHERE 1 = ?", "1")
        held()
        running = endpoint.execution(execution_id)
    ended = endpoint.wait(execution_id)
    assert running["Status"]["State"] == "RUNNING"
    assert "CompletionDateTime" not in running["Status"]
    assert ended["Status"]["State"] == "SUCCEEDED"
    assert ended["Status"]["CompletionDateTime"] >= ended["Status"]["SubmissionDateTime"]
    assert ended["QueryExecutionId"] == execution_id
    assert ended["Query"] == "SELECT 1 AS one WHERE 1 = ?"
    assert ended["ExecutionParameters"] == ["1"]
    assert ended["WorkGroup"] == WORKGROUP
    assert ended["QueryExecutionContext"] == {"Database": DATABASE}


def test_the_result_lies_at_the_output_location_with_values_quoted_and_null_as_nothing(endpoint: Endpoint) -> None:
    execution = endpoint.succeed("""
        SELECT 'say "hi"' AS quotes, 'a,b' AS commas, 'two
lines' AS newlines, '' AS empty, CAST(NULL AS varchar) AS nothing, 7 AS number""")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location.startswith(f"s3://{BUCKET}/")
    assert location.endswith(f"/{execution['QueryExecutionId']}.csv")
    assert endpoint.csv(execution) == (
        '"quotes","commas","newlines","empty","nothing","number"\n"say ""hi""","a,b","two\nlines","",,"7"\n'
    )


def test_a_result_read_by_pages_tells_null_from_the_empty_text(endpoint: Endpoint) -> None:
    sql = "SELECT 'say \"hi\", you\n' AS x, '' AS empty, CAST(NULL AS varchar) AS nothing"
    assert endpoint.rows(sql) == [['say "hi", you\n', "", None]]


def test_the_columns_of_a_result_come_with_their_names_and_types(endpoint: Endpoint) -> None:
    execution_id = endpoint.succeed("SELECT 1 AS a, 'x' AS b")["QueryExecutionId"]
    metadata = endpoint.athena.get_query_results(QueryExecutionId=execution_id)["ResultSet"]["ResultSetMetadata"]
    assert [(column["Name"], column["Type"]) for column in metadata["ColumnInfo"]] == [
        ("a", "integer"),
        ("b", "varchar"),
    ]


def test_a_result_comes_in_pages_of_1000_rows_and_only_the_first_has_the_header(endpoint: Endpoint) -> None:
    endpoint.put(statement(seq=seq) for seq in range(2_500))
    execution_id = endpoint.succeed(SEQS)["QueryExecutionId"]
    pages = list(endpoint.athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution_id))
    rows = [values(page["ResultSet"]["Rows"]) for page in pages]
    assert [len(page) for page in rows] == [1_000, 1_000, 501]
    assert [row for page in rows for row in page] == [["seq"], *([str(seq)] for seq in range(2_500))]
    assert all(page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"] for page in pages)


def test_a_result_that_fills_its_page_has_no_next_one(endpoint: Endpoint) -> None:
    endpoint.put(statement(seq=seq) for seq in range(999))
    assert len(endpoint.rows(SEQS)) == 999


def test_a_page_holds_as_many_rows_as_were_asked_for(endpoint: Endpoint) -> None:
    endpoint.put(statement(seq=seq) for seq in range(3))
    execution_id = endpoint.succeed(SEQS)["QueryExecutionId"]
    paginator = endpoint.athena.get_paginator("get_query_results")
    pages = paginator.paginate(QueryExecutionId=execution_id, PaginationConfig={"PageSize": 1})
    assert [values(page["ResultSet"]["Rows"]) for page in pages] == [[["seq"]], [["0"]], [["1"]], [["2"]]]


def test_a_page_of_a_result_has_1_to_1000_rows(endpoint: Endpoint) -> None:
    execution_id = endpoint.succeed(ONE)["QueryExecutionId"]
    with endpoint.unchecked() as unchecked:
        for size in (0, -1, 1_001):
            with pytest.raises(unchecked.athena.exceptions.InvalidRequestException, match="MaxResults"):
                unchecked.athena.get_query_results(QueryExecutionId=execution_id, MaxResults=size)
    assert endpoint.athena.get_query_results(QueryExecutionId=execution_id, MaxResults=1_000)


def test_a_token_that_was_never_given_is_refused(endpoint: Endpoint) -> None:
    execution_id = endpoint.succeed(ONE)["QueryExecutionId"]
    for token in ("banana", "-1", "3", "1.0", "²"):
        with pytest.raises(endpoint.athena.exceptions.InvalidRequestException, match="NextToken"):
            endpoint.athena.get_query_results(QueryExecutionId=execution_id, NextToken=token)
        with pytest.raises(endpoint.athena.exceptions.InvalidRequestException, match="NextToken"):
            endpoint.athena.list_query_executions(WorkGroup=WORKGROUP, NextToken=token)


def test_executions_are_listed_newest_first_in_pages_of_50(endpoint: Endpoint) -> None:
    started = [endpoint.succeed(ONE)["QueryExecutionId"] for _ in range(53)]
    first = endpoint.athena.list_query_executions(WorkGroup=WORKGROUP)
    second = endpoint.athena.list_query_executions(WorkGroup=WORKGROUP, NextToken=first["NextToken"])
    assert len(first["QueryExecutionIds"]) == 50
    assert first["QueryExecutionIds"] + second["QueryExecutionIds"] == started[::-1]
    assert "NextToken" not in second


def test_a_page_of_executions_holds_as_many_as_were_asked_for_and_at_most_50(endpoint: Endpoint) -> None:
    started = [endpoint.succeed(ONE)["QueryExecutionId"] for _ in range(5)]
    paginator = endpoint.athena.get_paginator("list_query_executions")
    pages = [page["QueryExecutionIds"] for page in paginator.paginate(PaginationConfig={"PageSize": 2})]
    assert pages == [started[:2:-1], started[2:0:-1], started[:1]]
    with endpoint.unchecked() as unchecked:
        for size in (0, 51):
            with pytest.raises(unchecked.athena.exceptions.InvalidRequestException, match="MaxResults"):
                unchecked.athena.list_query_executions(WorkGroup=WORKGROUP, MaxResults=size)


def test_results_are_refused_before_the_end(endpoint: Endpoint) -> None:
    with endpoint.spy.hold("PutObject") as held:
        execution_id = endpoint.start(ONE)
        held()
        with pytest.raises(endpoint.athena.exceptions.InvalidRequestException, match="RUNNING"):
            endpoint.athena.get_query_results(QueryExecutionId=execution_id)
    endpoint.wait(execution_id)


def test_a_failed_query_has_no_results(endpoint: Endpoint) -> None:
    execution = endpoint.wait(endpoint.start("SELECT no_such_column FROM energy_intervals"))
    with pytest.raises(endpoint.athena.exceptions.InvalidRequestException, match="FAILED"):
        endpoint.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    with pytest.raises(endpoint.s3.exceptions.NoSuchKey):
        endpoint.csv(execution)


def test_a_query_is_cancelled_while_it_computes_and_its_workers_are_free_again(endpoint: Endpoint) -> None:
    endpoint.put(statement(seq=seq) for seq in range(ENDLESS_ROWS))
    slow = [_computing(endpoint, ENDLESS) for _ in range(WORKERS)]
    for execution_id in slow:
        endpoint.athena.stop_query_execution(QueryExecutionId=execution_id)
        assert endpoint.state(execution_id) == "CANCELLED"
    for execution_id in slow:
        assert "CompletionDateTime" in endpoint.execution(execution_id)["Status"]
        with pytest.raises(endpoint.athena.exceptions.InvalidRequestException, match="CANCELLED"):
            endpoint.athena.get_query_results(QueryExecutionId=execution_id)
    assert endpoint.rows(ONE) == [["1"]]


def test_a_query_cancelled_before_it_computes_never_does(endpoint: Endpoint) -> None:
    endpoint.put(statement(seq=seq) for seq in range(ENDLESS_ROWS))
    with endpoint.spy.hold("ListObjectsV2") as held:
        slow = [endpoint.start(ENDLESS) for _ in range(WORKERS)]
        held()
        for execution_id in slow:
            endpoint.athena.stop_query_execution(QueryExecutionId=execution_id)
    assert endpoint.rows(ONE) == [["1"]]
    assert {endpoint.state(execution_id) for execution_id in slow} == {"CANCELLED"}


def test_a_query_cancelled_while_it_reads_stays_cancelled(endpoint: Endpoint) -> None:
    endpoint.put([statement()])
    with endpoint.spy.hold("GetObject") as held:
        execution_id = endpoint.start(SEQS)
        held()
        endpoint.athena.stop_query_execution(QueryExecutionId=execution_id)
    assert endpoint.rows(SEQS) == [["0"]]
    assert endpoint.state(execution_id) == "CANCELLED"


def test_a_query_cancelled_in_the_queue_never_reads(endpoint: Endpoint) -> None:
    key = endpoint.put([statement()])
    with endpoint.spy.hold("PutObject") as held:
        busy = [endpoint.start(ONE) for _ in range(WORKERS)]
        held()
        queued = endpoint.start(SEQS)
        assert endpoint.state(queued) == "QUEUED"
        endpoint.athena.stop_query_execution(QueryExecutionId=queued)
    assert [endpoint.wait(each)["Status"]["State"] for each in busy] == ["SUCCEEDED"] * WORKERS
    assert endpoint.rows(ONE) == [["1"]]
    assert endpoint.state(queued) == "CANCELLED"
    assert key not in {read.key for read in endpoint.spy.reads}


def test_a_query_can_be_cancelled_while_its_result_is_written(endpoint: Endpoint) -> None:
    with endpoint.spy.hold("PutObject") as held:
        execution_id = endpoint.start(ONE)
        held()
        endpoint.athena.stop_query_execution(QueryExecutionId=execution_id)
    assert endpoint.rows(ONE) == [["1"]]
    assert endpoint.state(execution_id) == "CANCELLED"


def test_cancelling_a_query_that_has_ended_changes_nothing(endpoint: Endpoint) -> None:
    execution = endpoint.succeed(ONE)
    endpoint.athena.stop_query_execution(QueryExecutionId=execution["QueryExecutionId"])
    assert endpoint.state(execution["QueryExecutionId"]) == "SUCCEEDED"


def test_the_same_client_request_token_gives_the_same_execution(endpoint: Endpoint) -> None:
    first, again, other = (endpoint.start(ONE, ClientRequestToken=letter * 32) for letter in "ttu")
    for execution_id in (first, other):
        assert endpoint.wait(execution_id)["Status"]["State"] == "SUCCEEDED"
    assert first == again != other
    assert endpoint.athena.list_query_executions()["QueryExecutionIds"] == [other, first]


def test_a_request_outside_athenas_limits_is_refused_at_once(endpoint: Endpoint) -> None:
    changes: list[tuple[dict[str, Any], str]] = [
        ({"WorkGroup": "another"}, "WorkGroup another is not found"),
        ({"QueryExecutionContext": {"Database": "another"}}, "Database .* is not found"),
        ({"QueryExecutionContext": {}}, "Database .* is not found"),
        ({"ExecutionParameters": ["'" + "x" * 1_023 + "'"]}, "execution parameter"),
        ({"ExecutionParameters": ["1", ""]}, "execution parameter"),
        ({"ClientRequestToken": "t" * 31}, "ClientRequestToken"),
        ({"ClientRequestToken": "t" * 129}, "ClientRequestToken"),
        ({"QueryString": " \n"}, "262144 bytes"),
        ({"QueryString": "SELECT '" + "é" * 131_072 + "' AS x"}, "262144 bytes"),
    ]
    with endpoint.unchecked() as unchecked:
        for change, reason in changes:
            with pytest.raises(unchecked.athena.exceptions.InvalidRequestException, match=reason):
                unchecked.start(ONE, **change)
    assert endpoint.athena.list_query_executions()["QueryExecutionIds"] == []


def test_a_request_without_a_workgroup_means_the_primary_one_which_is_not_ours(endpoint: Endpoint) -> None:
    with pytest.raises(endpoint.athena.exceptions.InvalidRequestException, match="WorkGroup"):
        endpoint.athena.start_query_execution(QueryString=ONE, QueryExecutionContext={"Database": DATABASE})


def test_requests_at_athenas_limits_are_taken(endpoint: Endpoint) -> None:
    for length in (32, 128):
        assert endpoint.wait(endpoint.start(ONE, ClientRequestToken="t" * length))["Status"]["State"] == "SUCCEEDED"
    longest_parameter = "'" + "x" * 1_022 + "'"
    assert endpoint.rows("SELECT 1 AS one WHERE 'x' = ?", longest_parameter) == []
    longest_query = f"{ONE} --".ljust(262_144, "x")
    assert endpoint.rows(longest_query) == [["1"]]


def test_an_unknown_execution_is_refused_by_every_operation(endpoint: Endpoint) -> None:
    unknown = "11111111-2222-3333-4444-555555555555"
    athena = endpoint.athena
    for operation in (athena.get_query_execution, athena.get_query_results, athena.stop_query_execution):
        with pytest.raises(athena.exceptions.InvalidRequestException, match=f"{unknown} was not found"):
            operation(QueryExecutionId=unknown)


def test_an_operation_the_endpoint_lacks_is_refused_by_name(endpoint: Endpoint) -> None:
    with pytest.raises(endpoint.athena.exceptions.InvalidRequestException, match="no operation ListWorkGroups"):
        endpoint.athena.list_work_groups()


def test_a_body_that_is_no_request_is_refused(endpoint: Endpoint) -> None:
    headers = {"X-Amz-Target": "AmazonAthena.GetQueryExecution"}
    for body in (b"", b"{", b"{}", b"\xff"):
        request = urllib.request.Request(endpoint.athena.meta.endpoint_url, body, headers, method="POST")
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request)
        with refusal.value as answer:
            assert answer.code == 400
            assert json.load(answer)["__type"] == "InvalidRequestException"


def test_the_endpoint_says_that_it_is_up(endpoint: Endpoint) -> None:
    with urllib.request.urlopen(endpoint.athena.meta.endpoint_url) as answer:
        assert json.load(answer) == {"status": "ok"}


def _computing(endpoint: Endpoint, sql: str) -> str:
    """Start a query and wait until its engine asks for data."""
    with endpoint.spy.hold("GetObject") as held:
        execution_id = endpoint.start(sql)
        held()
    return execution_id
