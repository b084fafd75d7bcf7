"""Tariffs: documents, and what energy costs under them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.meter_fakes import FakeTariffSets
from wattline.domain.energy import NANO
from wattline.domain.instants import DAY_MS, FOREVER_MS, HOUR_MS, INTERVAL_MS, parse_instant
from wattline.domain.meter_series import MeterReading
from wattline.domain.obis import Direction
from wattline.domain.tariffs import SWISS_DUAL, Period, Tariff, cost_of, shown
from wattline.errors import InvalidRequest
from wattline.services.tariffs import parse_tariffs, replace_tariffs, tariffs_in_force

MONDAY = parse_instant("2023-02-05T23:00:00Z")
"""Midnight in Zurich."""


def tariff(**overrides: Any) -> dict[str, Any]:
    return {
        "name": "dual",
        "currency": "CHF",
        "tz": "Europe/Zurich",
        "effective_from": "2020-01-01",
        "high": "0.32",
        "low": "0.22",
        "high_windows": [{"weekdays": ["mon", "Tuesday", "wed", "thu", "fri"], "from": "07:00", "to": "20:00"}],
    } | overrides


def parse(*tariffs: dict[str, Any]) -> list[Tariff]:
    return parse_tariffs(json.dumps({"tariffs": tariffs}))


def readings(start_ms: int, end_ms: int, kwh: str = "1") -> list[MeterReading]:
    amount = int(Decimal(kwh) * NANO)
    return [MeterReading(at, amount, "measured") for at in range(start_ms, end_ms, INTERVAL_MS)]


def test_the_committed_swiss_tariff_is_the_default() -> None:
    from infra.local.cloud import ROOT

    assert parse_tariffs((ROOT / "events" / "tariffs" / "swiss-dual.json").read_text()) == [SWISS_DUAL]
    assert tariffs_in_force(FOREVER_MS, sets=FakeTariffSets()).tariffs == (SWISS_DUAL,)


def test_a_weekday_is_high_from_seven_to_twenty_and_a_weekend_is_low() -> None:
    (dual,) = parse(tariff())
    day = cost_of(readings(MONDAY, MONDAY + DAY_MS), MONDAY, MONDAY + DAY_MS, Direction.IMPORT, [dual])
    assert {line.period: line.amount for line in day.lines} == {Period.HIGH: 52 * NANO, Period.LOW: 44 * NANO}
    assert shown(day.total) == "26.3200"
    assert (shown(day.effective_rate or Decimal(0)), shown(day.saving or Decimal(0))) == ("0.2742", "5.2000")
    saturday = MONDAY + 5 * DAY_MS
    weekend = cost_of(
        readings(saturday, saturday + 2 * DAY_MS), saturday, saturday + 2 * DAY_MS, Direction.IMPORT, [dual]
    )
    assert [line.period for line in weekend.lines] == [Period.LOW]


def test_prices_follow_their_effective_dates_in_local_time() -> None:
    tariffs = parse(tariff(effective_from="2023-02-08", low="1", high="1", name="new"), tariff())
    start, end = MONDAY + 2 * DAY_MS - HOUR_MS, MONDAY + 2 * DAY_MS + HOUR_MS
    cost = cost_of(readings(start, end), start, end, Direction.IMPORT, tariffs)
    assert [(line.tariff, line.amount // NANO, line.cost) for line in cost.lines] == [
        ("dual", 4, Decimal("0.88")),
        ("new", 4, Decimal(4)),
    ]


def test_energy_before_the_first_tariff_has_no_price() -> None:
    tariffs = parse(tariff(effective_from="2023-02-07"))
    cost = cost_of(readings(MONDAY, MONDAY + DAY_MS), MONDAY, MONDAY + DAY_MS, Direction.IMPORT, tariffs)
    assert not cost.lines
    assert (cost.unpriced, cost.total, cost.effective_rate) == (96 * NANO, Decimal(0), None)


def test_the_standing_charge_is_paid_for_each_local_day_that_begins_and_never_twice() -> None:
    tariffs = parse(
        tariff(standing_charge_per_day="0.25"), tariff(effective_from="2023-02-08", standing_charge_per_day=1)
    )
    whole = cost_of([], MONDAY, MONDAY + 7 * DAY_MS, Direction.IMPORT, tariffs)
    assert whole.total == Decimal("5.50")
    middle = MONDAY + 3 * DAY_MS + HOUR_MS
    halves = [
        cost_of([], a, b, Direction.IMPORT, tariffs) for a, b in ((MONDAY, middle), (middle, MONDAY + 7 * DAY_MS))
    ]
    assert sum(half.total for half in halves) == whole.total
    assert cost_of([], MONDAY, MONDAY + DAY_MS, Direction.EXPORT, tariffs).total == 0


def test_export_earns_and_has_no_high_or_low() -> None:
    tariffs = parse(tariff(export="0.08"))
    cost = cost_of(readings(MONDAY, MONDAY + HOUR_MS), MONDAY, MONDAY + HOUR_MS, Direction.EXPORT, tariffs)
    assert (shown(cost.total), cost.if_all_high, cost.saving) == ("-0.3200", None, None)
    free = cost_of(readings(MONDAY, MONDAY + HOUR_MS), MONDAY, MONDAY + HOUR_MS, Direction.EXPORT, [SWISS_DUAL])
    assert shown(free.total) == "0.0000"


def test_a_window_may_end_at_midnight_and_begin_there() -> None:
    (night,) = parse(
        tariff(
            high_windows=[
                {"weekdays": ["mon"], "from": "22:00", "to": "24:00"},
                {"weekdays": ["tue"], "from": "00:00", "to": "06:00"},
            ]
        )
    )
    cost = cost_of(readings(MONDAY, MONDAY + 2 * DAY_MS), MONDAY, MONDAY + 2 * DAY_MS, Direction.IMPORT, [night])
    assert cost.lines[0].amount == 32 * NANO


def test_money_is_never_a_float() -> None:
    (dual,) = parse_tariffs(json.dumps([tariff(high=0.1, low=0.7)]))
    assert (dual.high, dual.low) == (Decimal("0.1"), Decimal("0.7"))


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"high": "NaN"}, "high", "must be at least 0"),
        ({"high": "-1"}, "high", "must be at least 0"),
        ({"high": True}, "high", "is not a decimal number"),
        ({"high": "0,32"}, "high", "is not a decimal number"),
        ({"high": None}, "high", "is not a decimal number"),
        ({"low": "0.1234567"}, "low", "must be at least 0"),
        ({"currency": "francs"}, "currency", "pattern"),
        ({"tz": "Mars/Olympus"}, "tz", "IANA"),
        ({"effective_from": "soon"}, "effective_from", "is not a date"),
        ({"export_price": "1"}, "export_price", "Extra inputs"),
        ({"high_windows": [{"weekdays": ["noday"], "from": "07:00", "to": "20:00"}]}, "weekdays", "is none of mon"),
        ({"high_windows": [{"weekdays": [], "from": "07:00", "to": "20:00"}]}, "weekdays", "at least 1"),
        ({"high_windows": [{"weekdays": ["mon"], "from": "20:00", "to": "07:00"}]}, "high_windows", "must lie after"),
        ({"high_windows": [{"weekdays": ["mon"], "from": "7", "to": "20:00"}]}, "from", "is not a time of day"),
        ({"high_windows": [{"weekdays": ["mon"], "from": "07:00Z", "to": "20:00"}]}, "from", "takes no offset"),
    ],
)
def test_a_document_with_a_fault_is_refused_whole_and_says_where(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason) as refusal:
        parse(tariff(), tariff(effective_from="2021-01-01") | changes)
    assert all(error.field.startswith("tariffs.1.") for error in refusal.value.errors)
    assert field in refusal.value.errors[0].field


@pytest.mark.parametrize("document", ["", "{", "[]", '{"tariffs": []}', "7", '{"tariffs": 1}', "[" * 100_000])
def test_what_is_no_set_is_refused(document: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_tariffs(document)


def test_a_set_needs_one_currency_and_different_dates() -> None:
    with pytest.raises(InvalidRequest, match="one currency"):
        parse(tariff(), tariff(effective_from="2021-01-01", currency="EUR"))
    with pytest.raises(InvalidRequest, match="different times"):
        parse(tariff(), tariff())
    with pytest.raises(InvalidRequest, match="at most"):
        parse_tariffs(" " * 300_001)


def test_a_set_that_was_replaced_still_holds_as_of_then() -> None:
    sets = FakeTariffSets()
    assert replace_tariffs("1", json.dumps([tariff(name="a")]), 1_000, sets=sets) == 1
    replace_tariffs("2", json.dumps([tariff(name="b")]), 2_000, sets=sets)
    assert [tariffs_in_force(as_of, sets=sets).tariffs[0].name for as_of in (500, 1_500, 2_000)] == [
        "Swiss dual tariff",
        "a",
        "b",
    ]
    with pytest.raises(InvalidRequest):
        replace_tariffs("3", "{}", 3_000, sets=sets)
    assert tariffs_in_force(FOREVER_MS, sets=sets).received_ms == 2_000
