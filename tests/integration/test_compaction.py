"""The compactor over moto, killed everywhere, outrun, and compared with what queries answer."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from functions.compactor import handler as compactor
from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from tests.http_events import Context
from tests.integration.listed_before import TWO, Answers, Listing, answers, listing
from wattline.adapters import aws, partition_objects
from wattline.adapters.hot_table import HotTable
from wattline.adapters.ledger import DynamoLedger
from wattline.adapters.parquet_lake import ParquetLake
from wattline.adapters.partition_objects import S3PartitionObjects
from wattline.batches import Batch, Row
from wattline.domain.fleet import Kind
from wattline.domain.instants import DAY_MS, HOUR_MS, parse_instant
from wattline.errors import TransientError
from wattline.ports import PartitionState
from wattline.services.compaction import LOCK_MS, Policy, Run, compact, partition_end_ms
from wattline.tables import ENERGY_INTERVALS, HEARTBEATS, bucket_of

VEHICLES = HEARTBEATS[Kind.VEHICLE]
DT = "2024-06-14"
START = parse_instant(f"{DT}T00:00:00Z")
LATER = START + 3 * DAY_MS
AT_ONCE = Policy(grace_ms=0)


class Killed(Exception):
    """The process died here."""


class Mortal:
    """A client whose process dies before call number `dies_at`, counted over all clients that share `calls`.

    `before_last` is called before the last call that still happens.
    """

    def __init__(self, client: Any, calls: list[str], dies_at: int, before_last: Callable[[], None]) -> None:
        self._client, self._calls, self._dies_at, self._before_last = client, calls, dies_at, before_last

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name in ("get_paginator", "exceptions", "meta"):
            self._count(name)
            return found

        def call(**arguments: Any) -> Any:
            self._count(name)
            return found(**arguments)

        return call

    def _count(self, name: str) -> None:
        self._calls.append(name)
        if len(self._calls) >= self._dies_at:
            raise Killed(name)
        if len(self._calls) == self._dies_at - 1:
            self._before_last()


@pytest.fixture
def emulated() -> Iterator[Emulated]:
    with mock_aws():
        yield emulate()


def beat(device: str, minute: int, *, received: int = 0, soc: int = 50, seq: int = 0) -> Row:
    return (device, START + minute * 60_000, soc, minute, 20, START // 1000 + minute * 60 + received, seq)


def land(emulated: Emulated, rows: list[Row], name: str) -> None:
    ParquetLake(emulated.s3, BUCKET, HotTable(emulated.dynamodb, HOT_TABLE)).append(
        [Batch(VEHICLES, tuple(rows))], name
    )


TWELVE = tuple(f"v{v:02d}" for v in range(12))


def landed(emulated: Emulated, vehicles: Sequence[str] = TWELVE) -> list[Row]:
    """Vehicles over forty minutes in four deliveries, one of them twice, and a correction; all that was said."""
    said: list[Row] = []
    for number in range(4):
        rows = [beat(vehicle, minute) for vehicle in vehicles for minute in range(number * 10, number * 10 + 10)]
        land(emulated, rows, f"delivery-{number}")
        said += rows
    land(emulated, said[: 10 * len(vehicles)], "delivery-0-again")
    correction = beat("v07", 3, received=100, soc=99)
    land(emulated, [correction], "correction")
    return [*said, correction]


def run(
    emulated: Emulated,
    name: str = "run",
    *,
    now: int = LATER,
    policy: Policy = AT_ONCE,
    dies_at: int = 10**9,
    before_last: Callable[[], None] = lambda: None,
) -> tuple[Run, list[str]]:
    calls: list[str] = []
    dynamodb, s3 = (Mortal(client, calls, dies_at, before_last) for client in (emulated.dynamodb, emulated.s3))
    ledger = DynamoLedger(HotTable(dynamodb, HOT_TABLE))  # type: ignore[arg-type]
    objects = S3PartitionObjects(s3, BUCKET)  # type: ignore[arg-type]
    return compact(VEHICLES, DT, name, now, ledger=ledger, objects=objects, policy=policy), calls


def until_done(emulated: Emulated, now: int = LATER) -> None:
    for number in range(6):
        now += LOCK_MS
        done, _ = run(emulated, f"later-{number}", now=now)
        if done == Run():
            return
    pytest.fail("the compactor did not come to rest")


def keys(emulated: Emulated) -> list[str]:
    return [key for key in emulated.object_keys() if f"dt={DT}" in key]


def rows_of(emulated: Emulated, listed: list[str]) -> list[Row]:
    """What is in the listed objects. Raises the client's NoSuchKey when one is gone."""
    bodies = [emulated.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in listed]
    tables = [pq.read_table(io.BytesIO(body)) for body in bodies]
    return [tuple(row.values()) for table in tables for row in table.to_pylist()]


def answer(emulated: Emulated) -> dict[Any, Row]:
    """The newest row of each natural key, as the query's `latest` keeps it."""
    newest: dict[Any, Row] = {}
    for row in sorted(rows_of(emulated, keys(emulated)), key=lambda row: row[5:]):
        newest[row[:2]] = row
    return newest


def marks(emulated: Emulated) -> list[str]:
    return DynamoLedger(HotTable(emulated.dynamodb, HOT_TABLE)).marked(VEHICLES)


@pytest.mark.parametrize("most_open", [1, 2, 500])
def test_row_groups_are_small_and_inputs_may_be_more_than_may_be_open(
    most_open: int, emulated: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_objects, "ROW_GROUP_ROWS", 7)
    monkeypatch.setattr(partition_objects, "MAX_OPEN", most_open)
    said = landed(emulated)
    run(emulated)
    until_done(emulated)
    left = keys(emulated)
    assert len(rows_of(emulated, left)) == len(said)
    for key in left:
        metadata = pq.read_metadata(io.BytesIO(emulated.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()))
        groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        assert set(groups[:-1]) <= {7}
        assert 0 < groups[-1] <= 7


def test_a_partition_becomes_one_sorted_object_a_bucket_and_every_version_stays(emulated: Emulated) -> None:
    said = landed(emulated)
    before = answer(emulated)
    done, _ = run(emulated)
    assert (done.inputs, done.rows) == (6, len(said))
    until_done(emulated)
    left = keys(emulated)
    assert {key.split("bucket=")[1][:2] for key in left} == {bucket_of(f"v{v:02d}") for v in range(12)}
    assert len(left) == len({key.split("/")[3] for key in left})
    rows = rows_of(emulated, left)
    assert len(rows) == len(said), "the delivery that came twice is there once, the corrected version too"
    assert answer(emulated) == before
    for key in left:
        of_bucket = rows_of(emulated, [key])
        assert of_bucket == sorted(of_bucket, key=lambda row: (row[0], row[1], row[5], row[6]))
    assert marks(emulated) == []


def test_killed_before_any_call_it_changes_no_answer_and_the_next_run_finishes() -> None:
    """Every query is made with a listing from before the run, from before its last step, or from after its death."""
    asked: dict[Any, Answers] = {}

    def ask(made: Emulated, listed: Listing) -> Answers:
        """Where objects of the same keys lie, the answer is the same: each case is asked once."""
        case = (tuple(listed), tuple(listing(made)))
        if case not in asked:
            asked[case] = answers(made, listed, TWO)
        return asked[case]

    with mock_aws():
        made = emulate()
        landed(made, TWO)
        told = ask(made, listing(made))
        assert [len(statements) for statements in told.values()] == [40, 40]
        _, first = run(made)
        _, second = run(made, "second", now=LATER + LOCK_MS)
    for stage, calls in ((1, first), (2, second)):
        for dies_at in range(1, len(calls) + 1):
            with mock_aws():
                made = emulate()
                said = landed(made, TWO)
                if stage == 2:
                    run(made)
                listings = [listing(made)]
                note = lambda: listings.append(listing(made))  # noqa: E731, B023 - called in this turn of the loop
                with pytest.raises(Killed):
                    run(made, "mortal", now=LATER + (stage - 1) * LOCK_MS, dies_at=dies_at, before_last=note)
                listings.append(listing(made))
                for listed in listings:
                    assert ask(made, listed) == told, (stage, dies_at, calls[dies_at - 1])
                until_done(made, LATER + 2 * LOCK_MS)
                for listed in [*listings, listing(made)]:
                    assert ask(made, listed) == told, (stage, dies_at, calls[dies_at - 1])
                assert len(rows_of(made, keys(made))) == len(said)


def test_a_query_that_listed_before_can_read_for_an_hour(emulated: Emulated) -> None:
    landed(emulated)
    listed = keys(emulated)
    policy = Policy(grace_ms=HOUR_MS)
    run(emulated, policy=policy)
    run(emulated, "second", now=LATER + HOUR_MS - 1, policy=policy)
    assert rows_of(emulated, listed)
    done, _ = run(emulated, "third", now=LATER + HOUR_MS, policy=policy)
    assert done.deleted == len(listed)
    assert not set(keys(emulated)) & set(listed)


def test_what_two_runs_within_the_grace_superseded_is_deleted_together_and_merged_once(emulated: Emulated) -> None:
    landed(emulated)
    policy = Policy(grace_ms=HOUR_MS)
    first, _ = run(emulated, policy=policy)
    land(emulated, [beat("v07", 3, received=500, soc=11)], "late")
    before = answer(emulated)
    second, _ = run(emulated, "second", now=LATER + HOUR_MS // 2, policy=policy)
    assert second.inputs == len({bucket_of(f"v{v:02d}") for v in range(12)}) + 1, (
        "the first run's outputs, and the late"
    )
    third, _ = run(emulated, "third", now=LATER + 2 * HOUR_MS, policy=policy)
    assert (third.deleted, third.inputs) == (first.inputs + second.inputs, 0)
    assert answer(emulated) == before


def test_late_data_compacts_its_day_again(emulated: Emulated) -> None:
    landed(emulated)
    until_done(emulated)
    land(emulated, [beat("v07", 3, received=500, soc=11)], "late")
    assert marks(emulated) == [DT]
    before = answer(emulated)
    until_done(emulated, LATER + DAY_MS)
    assert answer(emulated) == before
    (corrected,) = [row for key, row in before.items() if key[0] == "v07" and row[2] == Decimal("0.11")]
    assert corrected in rows_of(emulated, keys(emulated))


def test_one_run_at_a_time_and_an_expired_lock_can_be_taken_over(emulated: Emulated) -> None:
    landed(emulated)
    ledger = DynamoLedger(HotTable(emulated.dynamodb, HOT_TABLE))
    assert ledger.lock(VEHICLES, DT, "other", LATER, LATER + LOCK_MS)
    assert run(emulated)[0].busy
    assert run(emulated, now=LATER + LOCK_MS)[0].rows > 0


def test_a_run_that_outlived_its_lock_cannot_commit_and_harms_nothing(emulated: Emulated) -> None:
    said = landed(emulated)
    before = answer(emulated)
    ledger = DynamoLedger(HotTable(emulated.dynamodb, HOT_TABLE))
    objects = S3PartitionObjects(emulated.s3, BUCKET)
    assert ledger.lock(VEHICLES, DT, "slow", LATER, LATER + LOCK_MS)
    inputs = objects.keys(VEHICLES, DT)
    run(emulated, "quick", now=LATER + LOCK_MS)
    objects.merge(VEHICLES, DT, inputs, "slow")
    assert not ledger.commit(VEHICLES, DT, "slow", PartitionState(1, tuple(inputs), LATER))
    assert answer(emulated) == before
    until_done(emulated, LATER + 2 * LOCK_MS)
    assert answer(emulated) == before
    assert len(rows_of(emulated, keys(emulated))) == len(said)


def test_a_writer_that_comes_in_between_keeps_its_mark(emulated: Emulated) -> None:
    ledger = DynamoLedger(HotTable(emulated.dynamodb, HOT_TABLE))
    land(emulated, [beat("v", 1)], "one")
    mark = ledger.mark(VEHICLES, DT)
    land(emulated, [beat("v", 2)], "two")
    assert mark is not None
    ledger.clear(VEHICLES, DT, mark)
    assert marks(emulated) == [DT]


def test_a_day_that_is_not_over_waits_for_many_objects(emulated: Emulated) -> None:
    landed(emulated)
    today = START + HOUR_MS
    assert run(emulated, now=today)[0] == Run()
    assert marks(emulated) == [DT], "it is looked at again"
    assert run(emulated, now=today, policy=replace(AT_ONCE, open_objects=6))[0].inputs == 6


@pytest.mark.parametrize(("dt", "end"), [("2024-02-01", "2024-03-01"), ("2023-12-01", "2024-01-01")])
def test_a_month_ends_with_its_last_day(dt: str, end: str) -> None:
    assert partition_end_ms(ENERGY_INTERVALS, dt) == parse_instant(f"{end}T00:00:00Z")
    assert partition_end_ms(VEHICLES, dt) == parse_instant(f"{dt}T00:00:00Z") + DAY_MS


def test_a_storage_failure_is_worth_a_retry_and_gives_the_lock_back(emulated: Emulated) -> None:
    landed(emulated)
    emulated.s3.put_object(Bucket=BUCKET, Key=f"history/vehicle_heartbeats/dt={DT}/bucket=landing/gone", Body=b"")
    objects = S3PartitionObjects(emulated.s3, "no-such-bucket")
    ledger = DynamoLedger(HotTable(emulated.dynamodb, HOT_TABLE))
    with pytest.raises(TransientError):
        compact(VEHICLES, DT, "run", LATER, ledger=ledger, objects=objects, policy=AT_ONCE)
    assert ledger.lock(VEHICLES, DT, "next", LATER, LATER + 1)


def test_a_moment_of_one_statement_needs_no_order_and_one_of_several_keeps_it(emulated: Emulated) -> None:
    said = [beat("v", 1, seq=7), beat("v", 2, seq=8), beat("v", 2, seq=9, soc=60), beat("w", 2, seq=4)]
    land(emulated, said, "one")
    land(emulated, [beat("v", 3, seq=5)], "two")
    until_done(emulated)
    kept = sorted((row[0], row[6]) for row in rows_of(emulated, keys(emulated)))
    assert kept == [("v", 0), ("v", 0), ("v", 8), ("v", 9), ("w", 0)]
    land(emulated, said, "again")
    until_done(emulated, LATER + DAY_MS)
    assert sorted((row[0], row[6]) for row in rows_of(emulated, keys(emulated))) == kept


def test_the_function_compacts_what_is_marked(emulated: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    landed(emulated)
    monkeypatch.setenv("HOT_TABLE", HOT_TABLE)
    monkeypatch.setenv("BUCKET", BUCKET)
    for cached in (compactor.stores, aws.dynamodb, aws.s3):
        cached.cache_clear()
    first = compactor.handler({}, Context())
    assert (first["partitions"], first["inputs"]) == (1, 6)
    second = compactor.handler({"grace_ms": 0}, Context())
    assert second["deleted"] == 6
    assert marks(emulated) == []
    for cached in (compactor.stores, aws.dynamodb, aws.s3):
        cached.cache_clear()
