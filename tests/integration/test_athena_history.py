"""`AthenaQueries` and `AthenaEnergyHistory` against the local Athena endpoint."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from tests.integration.athena_endpoint import BUCKET, HOSTILE, NOON, Endpoint, running_endpoint, statement
from wattline.adapters.athena import AthenaQueries, Timestamp
from wattline.adapters.energy_history import AthenaEnergyHistory
from wattline.domain.energy import CAPACITY_NANO, NANO, Basis, Piece, Statement
from wattline.domain.instants import DAY_MS, INTERVAL_MS, parse_instant
from wattline.errors import QueryFailed, QueryTimeout, TransientError
from wattline.ports import EnergyRange, EnergySlice
from wattline.tables import bucket_of

COUNT = "SELECT count(*) AS n FROM energy_intervals WHERE seq >= ?"
ANY_TIME = parse_instant("2030-01-01T00:00:00Z")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running_endpoint() as endpoint:
        yield endpoint


def wanted(
    ship: str = "ship", start_ms: int = NOON, end_ms: int = NOON + DAY_MS, as_of_ms: int = ANY_TIME
) -> EnergyRange:
    return EnergyRange(ship, start_ms, end_ms, as_of_ms)


def read(endpoint: Endpoint, range_: EnergyRange | None = None, at_least: int = 100) -> EnergySlice:
    return AthenaEnergyHistory(endpoint.queries()).read(range_ or wanted(), at_least)


def amounts(endpoint: Endpoint, range_: EnergyRange | None = None) -> list[int]:
    return [said.piece.amount for said in read(endpoint, range_).statements]


# --- AthenaQueries


def test_a_query_gives_its_rows_by_column_and_the_bytes_it_read(endpoint: Endpoint) -> None:
    endpoint.put([statement('it\'s, "quoted"\nand long', seq=3), statement("other", seq=4)])
    result = endpoint.queries().run(
        "SELECT spaceship_id, seq FROM energy_intervals WHERE seq < ? AND spaceship_id LIKE ? AND received_at > "
        "CAST(? AS timestamp(3))",
        [4, "it's%", Timestamp(NOON)],
    )
    assert result.rows == [{"spaceship_id": 'it\'s, "quoted"\nand long', "seq": "3"}]
    assert result.scanned_bytes == sum(each.end - each.start for each in endpoint.spy.reads) > 0


def test_a_failing_query_raises_query_failed_with_athenas_reason(endpoint: Endpoint) -> None:
    with pytest.raises(QueryFailed, match="no_such_table"):
        endpoint.queries().run("SELECT 1 AS one FROM no_such_table WHERE 1 = ?", [1])


def test_a_query_may_have_no_parameters(endpoint: Endpoint) -> None:
    assert endpoint.queries().run("SELECT 1 AS one", []).rows == [{"one": "1"}]


def test_a_hostile_value_reaches_the_engine_as_data(endpoint: Endpoint) -> None:
    names = [*HOSTILE, "enterprise", "two\nlines", "carriage\r\nreturn", "ünï🚀", " "]
    endpoint.put(statement(name) for name in names)
    for name in names:
        rows = endpoint.queries().run("SELECT spaceship_id FROM energy_intervals WHERE spaceship_id = ?", [name]).rows
        assert rows == [{"spaceship_id": name}]
    assert endpoint.queries().run(COUNT, [0]).rows == [{"n": str(len(names))}]


def test_a_query_whose_objects_went_away_after_it_listed_them_is_run_once_more(endpoint: Endpoint) -> None:
    gone = endpoint.put([statement(seq=1)], name="superseded")
    with ThreadPoolExecutor(1) as thread:
        with endpoint.spy.hold("GetObject") as await_held:
            answer = thread.submit(endpoint.queries().run, COUNT, [0])
            await_held()
            endpoint.put([statement(seq=1), statement(seq=2)], bucket="03", name="compacted")
            endpoint.s3.delete_object(Bucket=BUCKET, Key=gone)
        assert answer.result().rows == [{"n": "2"}]
    first, second = sorted(map(endpoint.state, endpoint.athena.list_query_executions()["QueryExecutionIds"]))
    assert (first, second) == ("FAILED", "SUCCEEDED")


@pytest.mark.parametrize(
    ("reason", "runs"),
    [("HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split", 2), ("HIVE_CURSOR_ERROR: Failed to read", 2), ("SYNTAX", 1)],
)
def test_a_query_that_fails_again_has_failed(reason: str, runs: int) -> None:
    athena = FailingAthena(reason)
    with pytest.raises(QueryFailed, match=reason):
        AthenaQueries(cast("Any", athena), cast("Any", None), workgroup="w", database="d").run("SELECT 1", [])
    assert athena.started == runs


class FailingAthena:
    """Takes every query and fails it."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self.started = 0

    def start_query_execution(self, **_: Any) -> dict[str, str]:
        self.started += 1
        return {"QueryExecutionId": str(self.started)}

    def get_query_execution(self, **_: Any) -> dict[str, Any]:
        status = {"State": "FAILED", "StateChangeReason": self._reason}
        return {"QueryExecution": {"Status": status, "ResultConfiguration": {"OutputLocation": "s3://b/k"}}}


def test_a_query_that_outlasts_its_callers_patience_is_stopped(endpoint: Endpoint) -> None:
    endpoint.put([statement()])
    with endpoint.spy.hold("GetObject"), pytest.raises(QueryTimeout) as timeout:
        endpoint.queries(patience=0).run(COUNT, [0])
    assert timeout.value.retry_after > 0
    (execution_id,) = endpoint.athena.list_query_executions()["QueryExecutionIds"]
    assert endpoint.state(execution_id) == "CANCELLED"


def test_a_query_that_somebody_else_cancels_may_be_repeated(endpoint: Endpoint) -> None:
    endpoint.put([statement()])
    queries = endpoint.queries(pause=lambda _: endpoint.stop_all())
    with endpoint.spy.hold("GetObject"), pytest.raises(TransientError, match="cancelled"):
        queries.run(COUNT, [0])


def test_a_query_that_athena_will_not_take_may_be_repeated(endpoint: Endpoint) -> None:
    queries = AthenaQueries(endpoint.athena, endpoint.s3, workgroup="another", database="another")
    with pytest.raises(TransientError, match="querying the history"):
        queries.run(COUNT, [0])


# --- AthenaEnergyHistory: which statements hold


def test_a_history_without_objects_is_empty_and_complete(endpoint: Endpoint) -> None:
    assert read(endpoint) == EnergySlice([], NOON + DAY_MS)


def test_every_field_of_a_statement_survives(endpoint: Endpoint) -> None:
    received = parse_instant("2018-08-24T12:30:00.123Z")
    piece = Piece(NOON, 60_000, 1, CAPACITY_NANO, Basis.POWER)
    row = statement(
        "o'neill",
        NOON,
        offset_ms=60_000,
        length_ms=1,
        nano=CAPACITY_NANO,
        basis=Basis.POWER,
        received_ms=received,
        seq=7,
    )
    endpoint.put([row])
    assert read(endpoint, wanted("o'neill")).statements == [Statement(piece, received, 7)]


def test_the_newest_received_at_of_a_natural_key_wins(endpoint: Endpoint) -> None:
    endpoint.put([statement(nano=2, received_ms=NOON + 2, seq=0), statement(nano=1, received_ms=NOON + 1, seq=9)])
    endpoint.put([statement(nano=3, received_ms=NOON, seq=5)], name="two")
    assert amounts(endpoint) == [2]


def test_of_one_received_at_the_highest_seq_wins(endpoint: Endpoint) -> None:
    endpoint.put(statement(nano=seq, seq=seq) for seq in (2, 10, 9))
    assert amounts(endpoint) == [10]


def test_statements_about_other_stretches_of_an_interval_hold_beside_each_other(endpoint: Endpoint) -> None:
    endpoint.put([
        statement(nano=1),
        statement(nano=2, length_ms=60_000),
        statement(nano=3, offset_ms=60_000, length_ms=60_000),
        statement(nano=4, offset_ms=60_000, length_ms=120_000),
    ])  # fmt: skip
    assert sorted(amounts(endpoint)) == [1, 2, 3, 4]


def test_a_repeated_statement_counts_once(endpoint: Endpoint) -> None:
    for name in ("one", "two"):
        endpoint.put([statement(nano=1), statement(nano=1)], name=name)
    assert amounts(endpoint) == [1]


def test_as_of_shows_what_was_known_at_an_instant(endpoint: Endpoint) -> None:
    endpoint.put(statement(nano=nano, received_ms=NOON + nano) for nano in (100, 200, 300))
    known = {as_of: amounts(endpoint, wanted(as_of_ms=NOON + as_of)) for as_of in (99, 100, 199, 200, 299, 300)}
    assert known == {99: [], 100: [100], 199: [100], 200: [200], 299: [200], 300: [300]}


def test_a_range_holds_its_start_and_not_its_end(endpoint: Endpoint) -> None:
    endpoint.put(statement(interval_ms=NOON + number * INTERVAL_MS, nano=number) for number in range(5))
    assert amounts(endpoint, wanted(start_ms=NOON + INTERVAL_MS, end_ms=NOON + 3 * INTERVAL_MS)) == [1, 2]


@pytest.mark.parametrize(
    "ship", ["ship-1", "o'neill", "x' OR '1'='1", "'; DROP TABLE energy_intervals; --", "\\", "ünï"]
)
def test_a_ship_sees_its_own_statements_only(endpoint: Endpoint, ship: str) -> None:
    endpoint.put([statement(ship, nano=1), statement("another", nano=2)])
    assert amounts(endpoint, wanted(ship)) == [1]
    assert amounts(endpoint, wanted(f"{ship}'")) == []


def test_statements_come_in_the_order_of_their_intervals_and_of_their_receipt(endpoint: Endpoint) -> None:
    rows = [
        statement(interval_ms=NOON + number * INTERVAL_MS, offset_ms=offset, length_ms=1_000, received_ms=NOON - offset)
        for number in range(3)
        for offset in (0, 1_000, 2_000)
    ]
    random.Random(1).shuffle(rows)
    endpoint.put(rows)
    order = [(said.piece.interval_ms, said.received_ms) for said in read(endpoint).statements]
    assert len(order) == 9
    assert order == sorted(order)


# --- AthenaEnergyHistory: partitions


def test_compacted_objects_and_landing_objects_are_read_as_one(endpoint: Endpoint) -> None:
    later = NOON + INTERVAL_MS
    endpoint.put(
        [
            statement(nano=1, received_ms=NOON + 1),
            statement(interval_ms=later, nano=5, received_ms=NOON + 5),
            statement(interval_ms=later + INTERVAL_MS, nano=7),
        ],
        bucket=bucket_of("ship"),
    )
    endpoint.put([
        statement(nano=2, received_ms=NOON + 2),
        statement(interval_ms=later, nano=4, received_ms=NOON + 4),
        statement(interval_ms=later + INTERVAL_MS, nano=7),
        statement(interval_ms=later + 2 * INTERVAL_MS, nano=8),
    ])  # fmt: skip
    assert amounts(endpoint) == [2, 5, 7, 8]
    assert amounts(endpoint, wanted(as_of_ms=NOON + 4)) == [2, 4]


def test_only_the_months_of_the_range_and_the_buckets_of_the_ship_are_read(endpoint: Endpoint) -> None:
    buckets = ("landing", bucket_of("ship"), bucket_of("ship-2"))
    assert len(set(buckets)) == 3
    keys = {
        (month, bucket): endpoint.put([statement()], dt=f"2018-{month:02}-01", bucket=bucket)
        for month in (7, 8, 9, 10)
        for bucket in buckets
    }
    end = parse_instant("2018-09-01T00:00:00Z")
    read(endpoint, wanted(start_ms=NOON, end_ms=end))
    assert {each.key for each in endpoint.spy.reads} == {keys[8, bucket] for bucket in buckets[:2]}
    endpoint.spy.reads.clear()
    read(endpoint, wanted(start_ms=NOON, end_ms=end + 1))
    assert {each.key for each in endpoint.spy.reads} == {keys[m, bucket] for m in (8, 9) for bucket in buckets[:2]}


def test_a_range_over_the_turn_of_a_month_finds_both_sides(endpoint: Endpoint) -> None:
    turn = parse_instant("2018-09-01T00:00:00Z")
    endpoint.put([statement(interval_ms=turn - INTERVAL_MS, nano=1)], dt="2018-08-01")
    endpoint.put([statement(interval_ms=turn, nano=2)], dt="2018-09-01")
    assert amounts(endpoint, wanted(start_ms=NOON, end_ms=turn + DAY_MS)) == [1, 2]


# --- AthenaEnergyHistory: pages


@pytest.mark.parametrize("at_least", [1, 2, 3, 7, 100])
def test_pages_cut_no_interval_in_half_and_together_give_all(endpoint: Endpoint, at_least: int) -> None:
    pieces = {NOON + number * INTERVAL_MS: count for number, count in enumerate((1, 5, 2, 2, 40, 1, 1, 3))}
    endpoint.put(
        statement(interval_ms=interval, offset_ms=1_000 * number, length_ms=1_000, seq=number)
        for interval, count in pieces.items()
        for number in range(count)
    )
    start, end, found = NOON, NOON + DAY_MS, dict.fromkeys(pieces, 0)
    while start < end:
        page = read(endpoint, wanted(start_ms=start), at_least)
        intervals = {said.piece.interval_ms for said in page.statements}
        assert all(start <= interval < page.complete_until_ms for interval in intervals)
        assert len(intervals) >= at_least or page.complete_until_ms == end
        for said in page.statements:
            found[said.piece.interval_ms] += 1
        assert page.complete_until_ms > start
        start = page.complete_until_ms
    assert found == pieces


def test_an_interval_of_hundreds_of_pieces_is_read_whole(endpoint: Endpoint) -> None:
    endpoint.put(
        statement(offset_ms=1_000 * number, length_ms=1_000, nano=number * NANO, seq=number) for number in range(900)
    )
    endpoint.put([statement(interval_ms=NOON + number * INTERVAL_MS) for number in range(1, 4)], name="two")
    page = read(endpoint, at_least=1)
    first = [said.piece.amount for said in page.statements if said.piece.interval_ms == NOON]
    assert sorted(first) == [number * NANO for number in range(900)]
    assert page == EnergySlice(page.statements, NOON + DAY_MS)


def test_a_page_that_may_have_been_cut_ends_before_the_doubtful_interval(endpoint: Endpoint) -> None:
    endpoint.put(statement(interval_ms=NOON + number * INTERVAL_MS) for number in range(4))
    page = read(endpoint, at_least=2)  # its limit is four rows, and there are four
    assert [said.piece.interval_ms for said in page.statements] == [NOON + number * INTERVAL_MS for number in range(3)]
    assert page.complete_until_ms == NOON + 3 * INTERVAL_MS


def test_a_page_with_room_left_is_complete_after_one_query(endpoint: Endpoint) -> None:
    endpoint.put(statement(interval_ms=NOON + number * INTERVAL_MS) for number in range(3))
    assert read(endpoint, at_least=2).complete_until_ms == NOON + DAY_MS
    assert len(endpoint.athena.list_query_executions()["QueryExecutionIds"]) == 1
