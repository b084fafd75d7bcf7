"""The SQL of the local Athena endpoint: parameters are pieces of it, what it refuses, and how values are written."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.integration.athena_endpoint import HOSTILE, NOON, Endpoint, running_endpoint, statement
from wattline.adapters.athena import Timestamp, sql_literal
from wattline.domain.energy import CAPACITY_NANO

NOT_LITERALS = [
    "spaceship_id",
    '"spaceship_id"',
    "enterprise",
    "'a' || 'b'",
    "'a' OR true",
    "lower('A')",
    "1 + 1",
    "(SELECT max(spaceship_id) FROM energy_intervals)",
    "'a'; DROP TABLE energy_intervals",
    "'a'; SELECT 'b'",
    "?",
    ";",
    " ",
    "'a",
    "'a''",
]
SHIPS = "SELECT spaceship_id FROM energy_intervals"
BY_SHIP = f"{SHIPS} WHERE spaceship_id = ?"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """Read only: every test sees the same two ships."""
    with running_endpoint() as endpoint:
        endpoint.put([statement("enterprise", seq=1), statement("o'neill", seq=-2, nano=CAPACITY_NANO)])
        yield endpoint


def test_a_quoted_text_is_a_value(endpoint: Endpoint) -> None:
    assert endpoint.rows(BY_SHIP, "'enterprise'") == [["enterprise"]]


def test_an_apostrophe_in_a_text_is_doubled(endpoint: Endpoint) -> None:
    assert endpoint.rows(BY_SHIP, "'o''neill'") == endpoint.rows(BY_SHIP, sql_literal("o'neill")) == [["o'neill"]]


def test_numbers_booleans_and_null_are_values(endpoint: Endpoint) -> None:
    assert endpoint.rows(f"{SHIPS} WHERE seq = ?", "-2") == [["o'neill"]]
    assert endpoint.rows(f"{SHIPS} WHERE seq = ?", sql_literal(1)) == [["enterprise"]]
    assert endpoint.rows(f"{SHIPS} WHERE kwh = ?", "1.000000000") == [["enterprise"]]
    assert endpoint.rows(f"{SHIPS} WHERE (seq = 1) = ?", "true") == [["enterprise"]]
    assert endpoint.rows(BY_SHIP, "NULL") == []


def test_a_timestamp_is_a_text_that_the_query_casts(endpoint: Endpoint) -> None:
    sql = f"{SHIPS} WHERE interval_start = CAST(? AS timestamp(3)) AND seq = 1"
    assert endpoint.rows(sql, sql_literal(Timestamp(NOON))) == [["enterprise"]]
    assert endpoint.rows(sql, sql_literal(Timestamp(NOON + 1))) == []


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_made_a_literal_matches_nothing(endpoint: Endpoint, value: str) -> None:
    assert endpoint.rows(BY_SHIP, sql_literal(value)) == []


@pytest.mark.parametrize("value", [*(value for value in HOSTILE if value not in ("NULL", "''")), *NOT_LITERALS])
def test_a_raw_parameter_that_is_no_literal_fails_the_query(endpoint: Endpoint, value: str) -> None:
    assert "the parameter" in endpoint.fail(BY_SHIP, value)


@pytest.mark.parametrize("parameters", [(), ("'a'",), ("'a'", "1", "2")])
def test_as_many_parameters_are_needed_as_the_query_has_question_marks(
    endpoint: Endpoint, parameters: tuple[str, ...]
) -> None:
    reason = endpoint.fail(f"{SHIPS} WHERE spaceship_id = ? AND seq = ?", *parameters)
    assert f"expected 2 but found {len(parameters)}" in reason


def test_a_question_mark_in_a_text_or_comment_wants_no_parameter(endpoint: Endpoint) -> None:
    assert endpoint.rows(f"{SHIPS} WHERE spaceship_id <> '?' AND seq = ? -- ?", "1") == [["enterprise"]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ? AS x FROM energy_intervals",
        "SELECT seq + ? AS x FROM energy_intervals WHERE seq = 1",
        f"{SHIPS} LIMIT ?",
        f"{SHIPS} ORDER BY ?",
        f"{SHIPS} GROUP BY spaceship_id HAVING count(*) > ?",
        "SELECT a.seq FROM energy_intervals a JOIN energy_intervals b ON a.seq = ?",
    ],
)
def test_a_parameter_outside_where_fails_the_query(endpoint: Endpoint, sql: str) -> None:
    assert "WHERE clause only" in endpoint.fail(sql, "1")


def test_parameters_take_the_question_marks_in_the_order_of_the_text(endpoint: Endpoint) -> None:
    between = f"{SHIPS} WHERE seq BETWEEN ? AND ? AND kwh IN (?, ?) AND spaceship_id LIKE ?"
    assert endpoint.rows(between, "0", "1", "5", "1", "'%prise'") == [["enterprise"]]
    union = f"{BY_SHIP} AND seq = ? UNION ALL {BY_SHIP} AND seq = ?"
    assert endpoint.rows(union, "'enterprise'", "1", "'o''neill'", "-2") == [["enterprise"], ["o'neill"]]
    nested = f"SELECT spaceship_id FROM ({SHIPS} WHERE seq = ?) WHERE spaceship_id = ?"
    assert endpoint.rows(nested, "1", "'enterprise'") == [["enterprise"]]


def test_parameters_inside_a_cte_take_the_question_marks_in_order(endpoint: Endpoint) -> None:
    sql = f"WITH said AS ({SHIPS} WHERE seq >= ? AND spaceship_id = ?) SELECT spaceship_id FROM said"
    assert endpoint.rows(sql, "1", "'enterprise'") == [["enterprise"]]


def test_parameters_of_a_cte_come_before_those_of_the_query_that_uses_it(endpoint: Endpoint) -> None:
    sql = f"WITH said AS ({SHIPS} WHERE basis = ?) SELECT spaceship_id FROM said WHERE spaceship_id = ?"
    assert endpoint.rows(sql, "'energy'", "'enterprise'") == [["enterprise"]]


def test_a_negative_parameter_may_follow_a_minus(endpoint: Endpoint) -> None:
    assert endpoint.rows(f"{SHIPS} WHERE seq <> 0-? AND spaceship_id = 'nobody'", "-2") == []


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELEC 1", "SYNTAX_ERROR"),
        ("SELECT FROM WHERE", "SYNTAX_ERROR"),
        ("SELECT (1 AS x", "SYNTAX_ERROR"),
        ("SELECT 'x AS x", "SYNTAX_ERROR"),
        ("SELECT 1 AS x FROM no_such_table", "TABLE_NOT_FOUND.*no_such_table"),
        ("SELECT 1 AS x FROM energy_intervals WHERE seq IN (SELECT seq FROM no_such_table)", "TABLE_NOT_FOUND"),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a, no_such_table", "TABLE_NOT_FOUND"),
        ("SELECT * FROM information_schema.tables", "TABLE_NOT_FOUND"),
        ("SELECT * FROM read_parquet('/etc/passwd')", "TABLE_NOT_FOUND"),
        ("SELECT * FROM '/etc/passwd'", "."),
        ("SELECT schedule FROM report_windows", "CONSTRAINT_VIOLATION.* column run,"),
        ("SELECT schedule FROM report_windows WHERE schedule = 1", "CONSTRAINT_VIOLATION"),
        ("SELECT schedule FROM report_windows WHERE run > 'a'", "CONSTRAINT_VIOLATION"),
        ("SELECT schedule FROM report_windows WHERE run = 'a' OR schedule = 1", "CONSTRAINT_VIOLATION"),
        ("SELECT a.schedule FROM report_windows a WHERE a.run = a.run", "CONSTRAINT_VIOLATION"),
        ("SELECT a.schedule FROM report_windows a, report_stores b WHERE a.run = 'a'", "CONSTRAINT_VIOLATION"),
        ("SELECT schedule FROM (SELECT * FROM report_windows) WHERE run = 'a'", "CONSTRAINT_VIOLATION"),
        ("SELECT no_such_column FROM energy_intervals", "no_such_column"),
        ("SELECT frobnicate(seq) FROM energy_intervals", "FUNCTION_NOT_FOUND.*frobnicate"),
        ("SELECT getenv('HOME')", "FUNCTION_NOT_FOUND.*getenv"),
        ("SELECT CAST(spaceship_id AS bigint) AS x FROM energy_intervals", "Could not convert"),
        ("SELECT 1; SELECT 2", "NOT_SUPPORTED"),
        ("SELECT 1; DROP TABLE energy_intervals", "NOT_SUPPORTED"),
        ("INSERT INTO energy_intervals SELECT * FROM energy_intervals", "NOT_SUPPORTED"),
        ("UPDATE energy_intervals SET seq = 0", "NOT_SUPPORTED"),
        ("DELETE FROM energy_intervals", "NOT_SUPPORTED"),
        ("DROP TABLE energy_intervals", "NOT_SUPPORTED"),
        ("CREATE TABLE x AS SELECT 1 AS y", "NOT_SUPPORTED"),
        ("UNLOAD (SELECT 1) TO 's3://the-bucket/x'", "NOT_SUPPORTED"),
        ("SELECT ARRAY[1] AS x", "NOT_SUPPORTED.*INTEGER"),
        ("SELECT now() AS x", "NOT_SUPPORTED.*TIME ZONE"),
    ],
)
def test_what_the_engine_cannot_do_fails_with_a_reason(endpoint: Endpoint, sql: str, reason: str) -> None:
    assert re.search(reason, endpoint.fail(sql))


def test_a_semicolon_may_end_the_query(endpoint: Endpoint) -> None:
    assert endpoint.rows("SELECT 1 AS one;") == [["1"]]


def test_every_column_of_a_table_has_athenas_text_and_type(endpoint: Endpoint) -> None:
    execution = endpoint.succeed("SELECT * FROM energy_intervals WHERE seq = -2")
    assert endpoint.csv(execution) == (
        '"spaceship_id","interval_start","span_start","span_end","kwh","basis","received_at","seq","dt","bucket"\n'
        '"o\'neill","2018-08-24 12:00:00.000","2018-08-24 12:00:00.000","2018-08-24 12:15:00.000",'
        '"999999999.999999999","energy","2018-08-24 12:15:00.000","-2","2018-08-01","landing"\n'
    )
    answer = endpoint.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    types = [column["Type"] for column in answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
    times = ["timestamp"] * 3
    assert types == ["varchar", *times, "decimal", "varchar", "timestamp", "bigint", "varchar", "varchar"]


@pytest.mark.parametrize(
    ("expression", "kind", "text"),
    [
        ("TIMESTAMP '2018-08-24 00:00:00.000'", "timestamp", "2018-08-24 00:00:00.000"),
        ("TIMESTAMP '2018-08-24 23:59:59.007'", "timestamp", "2018-08-24 23:59:59.007"),
        ("DATE '2018-08-24'", "date", "2018-08-24"),
        ("CAST('999999999.999999999' AS decimal(18,9))", "decimal", "999999999.999999999"),
        ("CAST('-0.000000001' AS decimal(18,9))", "decimal", "-0.000000001"),
        ("CAST(0 AS decimal(18,9))", "decimal", "0.000000000"),
        ("seq = 1", "boolean", "true"),
        ("seq = 2", "boolean", "false"),
        ("seq", "bigint", "1"),
        ("1", "integer", "1"),
        ("CAST(1 AS double) / 4", "double", "0.25"),
        ("CAST(3 AS double)", "double", "3.0"),
        ("spaceship_id", "varchar", "enterprise"),
        ("date_diff('minute', span_start, span_end)", "bigint", "15"),
        ("date_trunc('day', span_start)", "timestamp", "2018-08-24 00:00:00.000"),
        ("CAST(NULL AS timestamp)", "timestamp", None),
        ("CAST(NULL AS decimal(18,9))", "decimal", None),
        ("CAST(NULL AS boolean)", "boolean", None),
        ("CAST(NULL AS bigint)", "bigint", None),
        ("CAST(NULL AS double)", "double", None),
        ("CAST(NULL AS varchar)", "varchar", None),
    ],
)
def test_a_value_is_written_as_athena_writes_it(
    endpoint: Endpoint, expression: str, kind: str, text: str | None
) -> None:
    execution_id = endpoint.succeed(f"SELECT {expression} AS x FROM energy_intervals WHERE seq = 1")["QueryExecutionId"]
    answer = endpoint.athena.get_query_results(QueryExecutionId=execution_id)["ResultSet"]
    assert [column["Type"] for column in answer["ResultSetMetadata"]["ColumnInfo"]] == [kind]
    assert answer["Rows"][1]["Data"] == [{} if text is None else {"VarCharValue": text}]


def test_sums_are_exact_and_keep_their_type(endpoint: Endpoint) -> None:
    execution = endpoint.succeed("SELECT sum(seq) AS seqs, sum(kwh) AS kwh, count(*) AS n FROM energy_intervals")
    assert endpoint.csv(execution) == f'"seqs","kwh","n"\n"-1","{Decimal(CAPACITY_NANO).scaleb(-9) + 1}","2"\n'
    answer = endpoint.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]
    types = [column["Type"] for column in answer["ResultSetMetadata"]["ColumnInfo"]]
    assert types == ["bigint", "decimal", "bigint"]


def test_the_sum_of_nothing_is_null(endpoint: Endpoint) -> None:
    assert endpoint.rows("SELECT sum(kwh) AS kwh, count(*) AS n FROM energy_intervals WHERE seq = 7") == [[None, "0"]]


@pytest.mark.parametrize("expression", ["7 / 2", "seq / 2", "kwh / 2", "approx_percentile(kwh, 0.5)"])
def test_what_the_engines_compute_differently_is_refused(endpoint: Endpoint, expression: str) -> None:
    assert "NOT_SUPPORTED" in endpoint.fail(f"SELECT {expression} AS x FROM energy_intervals WHERE dt = ?", "'x'")
