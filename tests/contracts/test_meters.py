"""What every `ObisHistory`, `SmartMeters`, `TariffSets` and `PollLedger` promises: on the fakes and on the adapters."""

from collections.abc import Callable, Iterable, Iterator

import pytest
from moto import mock_aws

from tests.emulated import HOT_TABLE, emulate
from tests.integration.athena_endpoint import BUCKET, running_endpoint
from tests.meter_fakes import FakeObisHistory, FakePollLedger, FakeSmartMeters, FakeTariffSets
from wattline.adapters.hot_obis import DynamoPollLedger, DynamoSmartMeters, DynamoTariffSets
from wattline.adapters.hot_table import HotTable
from wattline.adapters.obis_history import AthenaObisHistory
from wattline.adapters.parquet_files import arrow_rows, landing_object
from wattline.batches import Row
from wattline.domain.circuit import Circuit
from wattline.domain.instants import DAY_MS, INTERVAL_MS, parse_instant
from wattline.domain.local_calendar import Days, Grain, LocalRange, buckets, time_zone
from wattline.domain.meter_series import BucketEnergy, MeterReading
from wattline.domain.obis import parse_obis
from wattline.ports import ObisHistory, PollLedger, PollMark, RegisterRange, SmartMeters, TariffSets
from wattline.tables import OBIS_READINGS

IMPORT, EXPORT = parse_obis("1-0:1.29.0"), parse_obis("1-0:2.29.0")
SUNDAY = parse_instant("2023-03-26T00:00:00Z")
ZURICH = time_zone("Europe/Zurich")
FOREVER = parse_instant("2100-01-01T00:00:00Z")

Hold = Callable[[Iterable[Row]], ObisHistory]


@pytest.fixture(params=["fake", "athena"])
def hold(request: pytest.FixtureRequest) -> Iterator[Hold]:
    """A history that holds some rows."""
    if request.param == "fake":
        yield lambda rows: FakeObisHistory(list(rows))
        return
    with running_endpoint() as endpoint:

        def put(rows: Iterable[Row]) -> ObisHistory:
            by_month: dict[str, list[Row]] = {}
            for row in rows:
                by_month.setdefault(OBIS_READINGS.dt_of(int(row[2])), []).append(row)
            for dt, of_dt in by_month.items():
                body = landing_object(OBIS_READINGS, arrow_rows(OBIS_READINGS, of_dt))
                endpoint.s3.put_object(Bucket=BUCKET, Key=OBIS_READINGS.landing_key(dt, "one"), Body=body)
            return AthenaObisHistory(endpoint.queries())

        yield put


def row(ts_ms: int, amount: int = 1, *, quality: str = "measured", received: int = 0, **others: str) -> Row:
    return (others.get("muid", "m"), others.get("code", IMPORT.hex), ts_ms, amount, quality, received, 0)


def wanted(start_ms: int = SUNDAY, days: float = 1, as_of_ms: int = FOREVER) -> RegisterRange:
    return RegisterRange("m", IMPORT, start_ms, start_ms + int(days * DAY_MS), as_of_ms)


def test_readings_are_those_of_the_register_in_the_range_by_time(hold: Hold) -> None:
    history = hold(
        [
            row(SUNDAY + INTERVAL_MS, 2),
            row(SUNDAY, 1, quality="estimated"),
            row(SUNDAY - INTERVAL_MS, 7),
            row(SUNDAY + DAY_MS, 8),
            row(SUNDAY, 9, code=EXPORT.hex),
            row(SUNDAY, 9, muid="n"),
        ]
    )
    found = history.readings(wanted(), 10)
    assert found == [MeterReading(SUNDAY, 1, "estimated"), MeterReading(SUNDAY + INTERVAL_MS, 2, "measured")]
    assert history.readings(wanted(), 1) == found[:1]


def test_the_newest_statement_holds_as_of_any_instant(hold: Hold) -> None:
    history = hold([row(SUNDAY, amount, received=amount) for amount in (100, 300, 200)])
    known = {as_of: [each.amount for each in history.readings(wanted(as_of_ms=as_of), 9)] for as_of in (99, 250, 300)}
    assert known == {99: [], 250: [200], 300: [300]}


def test_sums_follow_the_local_calendar_and_tell_qualities(hold: Hold) -> None:
    start = SUNDAY - 3 * DAY_MS
    times = [at for at in range(start, start + 9 * DAY_MS, INTERVAL_MS) if at != SUNDAY]
    rows = [row(at, 10, quality="estimated" if at % 7 else "measured") for at in times]
    history = hold(rows)
    days = list(buckets(LocalRange(start, start + 9 * DAY_MS, ZURICH), Grain.DAY))
    found = history.sums(wanted(start, 9), days)
    sunday = next(each for each in found if each.start_ms == SUNDAY - 4 * INTERVAL_MS)
    assert (sunday.amount, sunday.count, sunday.expected) == (910, 91, 92)
    assert sum(each.count for each in found) == len(rows)
    reference = FakeObisHistory(rows).sums(wanted(start, 9), days)
    assert found == reference


@pytest.mark.parametrize("days", Days)
@pytest.mark.parametrize("grain", [Grain.HOUR, Grain.WEEK, Grain.MONTH])
def test_units_with_several_parts_and_without_readings_are_summed(hold: Hold, grain: Grain, days: Days) -> None:
    rows = [row(SUNDAY + number * INTERVAL_MS, number + 1) for number in range(0, 96 * 8, 3)]
    units = list(buckets(LocalRange(SUNDAY - DAY_MS, SUNDAY + 12 * DAY_MS, ZURICH, days), grain))
    range_ = RegisterRange("m", IMPORT, SUNDAY - DAY_MS, SUNDAY + 12 * DAY_MS, FOREVER)
    found = hold(rows).sums(range_, units)
    assert found == FakeObisHistory(rows).sums(range_, units)
    assert len(found) == len(units)


def test_sums_of_nothing_are_empty_buckets(hold: Hold) -> None:
    units = list(buckets(LocalRange(SUNDAY, SUNDAY + DAY_MS, time_zone("UTC")), Grain.DAY))
    assert hold([]).sums(wanted(), units) == [BucketEnergy(SUNDAY, None, 96, {})]


@pytest.fixture
def table() -> Iterator[HotTable]:
    with mock_aws():
        yield HotTable(emulate().dynamodb, HOT_TABLE)


@pytest.fixture(params=["fake", "dynamodb"])
def meters(request: pytest.FixtureRequest, table: HotTable) -> SmartMeters:
    return FakeSmartMeters() if request.param == "fake" else DynamoSmartMeters(table)


@pytest.fixture(params=["fake", "dynamodb"])
def sets(request: pytest.FixtureRequest, table: HotTable) -> TariffSets:
    return FakeTariffSets() if request.param == "fake" else DynamoTariffSets(table)


@pytest.fixture(params=["fake", "dynamodb"])
def ledger(request: pytest.FixtureRequest, table: HotTable) -> PollLedger:
    return FakePollLedger() if request.param == "fake" else DynamoPollLedger(table)


def test_a_meter_is_known_by_the_registers_it_has_sent(meters: SmartMeters) -> None:
    assert meters.registers("m") == set()
    meters.remember("m", [IMPORT])
    meters.remember("m", [EXPORT, IMPORT])
    meters.remember("n", [EXPORT])
    assert meters.registers("m") == {IMPORT, EXPORT}


def test_the_set_of_tariffs_received_last_holds_whatever_the_order_they_came_in(sets: TariffSets) -> None:
    assert sets.newest(FOREVER) is None
    for at, document in ((2_000, "second"), (9_000, "third"), (1_000, "first")):
        sets.put(f"{document}'s", document, at)
    sets.put_again("first's", 9_500)
    found = {as_of: sets.newest(as_of) for as_of in (999, 1_000, 8_999, 9_499, FOREVER)}
    assert {as_of: each and each.document for as_of, each in found.items()} == {
        999: None,
        1_000: "first",
        8_999: "second",
        9_499: "third",
        FOREVER: "first",
    }
    last = found[FOREVER]
    assert last is not None and last.received_ms == 9_500


def test_a_mark_comes_back_as_it_was_moved_and_only_the_fastest_run_moves_it(ledger: PollLedger) -> None:
    assert ledger.mark("m") == PollMark()
    said = {(IMPORT, SUNDAY): (12, "measured"), (EXPORT, SUNDAY): (0, "estimated")}
    assert ledger.move("m", PollMark(0, SUNDAY, said))
    assert ledger.mark("m") == PollMark(1, SUNDAY, said)
    assert not ledger.move("m", PollMark(0, SUNDAY + 1, {}))
    assert ledger.move("m", PollMark(1, SUNDAY + 2, {}))
    assert ledger.mark("m") == PollMark(2, SUNDAY + 2, {})
    assert ledger.mark("n") == PollMark()


def test_the_circuit_is_remembered(ledger: PollLedger) -> None:
    assert ledger.circuit() == Circuit()
    ledger.set_circuit(Circuit(3, SUNDAY))
    assert ledger.circuit() == Circuit(3, SUNDAY)
