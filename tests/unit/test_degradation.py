"""How a battery ages: against batteries whose truth is known."""

from collections.abc import Callable

import pytest

from infra.local.battery_model import Sample, Truth, simulate
from wattline.domain.batteries import MICRO
from wattline.domain.capacity import Quarter, capacity, student_t, swings
from wattline.domain.degradation import Degradation, degradation, quarters
from wattline.domain.instants import DAY_MS, INTERVAL_MS, parse_instant
from wattline.domain.registers import RegisterBucket, Run, differences

START = parse_instant("2024-01-01T00:00:00Z")
SEEDS = range(12)


def timeline(samples: list[Sample]) -> list[Quarter]:
    def register(shown: Callable[[Sample], float]) -> list[RegisterBucket]:
        amounts = [(sample.ts_ms, round(shown(sample) * MICRO)) for sample in samples]
        return list(differences((Run(ts_ms, 1, amount, amount) for ts_ms, amount in amounts), None))

    charge = {sample.ts_ms: sample.charge * MICRO for sample in samples}
    return quarters(register(lambda s: s.energy_in), register(lambda s: s.energy_out), charge)


def aged(truth: Truth, seed: int, days: int = 365) -> Degradation:
    return degradation(timeline(list(simulate(truth, start_ms=START, days=days, seed=seed))))


@pytest.fixture(scope="module")
def years() -> list[Degradation]:
    return [aged(Truth(), seed) for seed in SEEDS]


def test_the_intervals_of_a_year_cover_the_truth(years: list[Degradation]) -> None:
    """Of 12 intervals of 95 %, at least 10 do in 98 of 100 cases; the seeds are fixed, and with them the count."""
    truth = Truth()
    loss = -truth.capacity_kwh * truth.fade_percent / 100
    covered = {"capacity": 0, "change": 0, "health": 0}
    for year in years:
        found, health = year.capacity, year.health
        assert found is not None
        assert found.change is not None
        assert health is not None
        covered["capacity"] += found.mean.low <= truth.capacity_after(found.mean_ms - START) <= found.mean.high
        covered["change"] += found.change.low <= loss <= found.change.high
        first = truth.capacity_after(found.first_ms - START)
        covered["health"] += health.change.low <= 100 * loss / first <= health.change.high
    assert all(count >= 10 for count in covered.values()), covered


def test_the_intervals_are_narrow_enough_to_say_something(years: list[Degradation]) -> None:
    for year in years:
        assert year.capacity is not None
        assert year.health is not None
        assert year.capacity.mean.high - year.capacity.mean.low < 0.005 * Truth().capacity_kwh
        assert -8 < year.health.change.low < year.health.change.high < -4
        assert year.health.at_end == pytest.approx(94, abs=0.6)
        assert year.missing == []


def test_efficiency_energy_and_cycles_are_those_of_the_model(years: list[Degradation]) -> None:
    for seed, year in enumerate(years[:2]):
        samples = list(simulate(Truth(), start_ms=START, days=365, seed=seed))
        assert year.efficiency is not None
        assert year.efficiency.ratio == pytest.approx(Truth().efficiency, abs=0.003)
        assert year.energy_out == pytest.approx(samples[-1].energy_out - samples[0].energy_out)
        assert year.energy_in == pytest.approx(samples[-1].energy_in - samples[0].energy_in)
        assert year.full_cycles == pytest.approx(
            (year.energy_out or 0) / Truth().capacity_after(DAY_MS * 182), rel=0.01
        )
        assert len(year.days) == 365
        assert sum(day.energy_out or 0 for day in year.days) == pytest.approx(year.energy_out)
        assert sum(day.full_cycles or 0 for day in year.days) == pytest.approx(year.full_cycles)


@pytest.mark.parametrize(
    "truth",
    [
        Truth(fade_percent=0),
        Truth(charge_noise=0),
        Truth(charge_noise=1.5),
        Truth(efficiency=0.75, fade_percent=20),
        Truth(capacity_kwh=5, efficiency=0.95),
    ],
    ids=str,
)
def test_other_batteries_are_covered_too(truth: Truth) -> None:
    covered = 0
    for seed in range(4):
        found = aged(truth, seed, 120).capacity
        assert found is not None
        covered += found.mean.low <= truth.capacity_after(found.mean_ms - START) <= found.mean.high
    assert covered >= 3


def test_a_battery_that_does_not_age_is_not_said_to(years: list[Degradation]) -> None:
    health = aged(Truth(fade_percent=0), 3).health
    assert health is not None
    assert health.change.low < 0 < health.change.high


def test_no_readings_tell_nothing() -> None:
    found = degradation([])
    assert (found.days, found.energy_in, found.capacity, found.efficiency, found.health) == ([], None, None, None, None)
    assert len(found.missing) == 5


@pytest.mark.parametrize("missing", ["in", "out", "charge"])
def test_without_one_of_the_series_the_evidence_is_insufficient(missing: str) -> None:
    whole = timeline(list(simulate(Truth(), start_ms=START, days=60, seed=1)))
    found = degradation(
        [
            Quarter(
                quarter.at_ms,
                None if missing == "in" else quarter.energy_in,
                None if missing == "out" else quarter.energy_out,
                None if missing == "charge" else quarter.charge,
            )
            for quarter in whole
        ]
    )
    assert (found.capacity, found.efficiency, found.health) == (None, None, None)
    assert any({"in": "Import", "out": "Export", "charge": "StateOfCharge"}[missing] in each for each in found.missing)
    assert (found.energy_in is None, found.energy_out is None) == (missing == "in", missing == "out")


def test_a_few_days_give_no_capacity_and_a_few_weeks_no_trend() -> None:
    days, weeks = aged(Truth(), 1, days=8), aged(Truth(), 1, days=25)
    assert (days.capacity, days.efficiency is None) == (None, False)
    assert any("10 discharges" in each for each in days.missing)
    assert (weeks.capacity is None, weeks.health) == (False, None)
    assert any("30 days" in each for each in weeks.missing)


def quarter(
    number: int, energy_in: float = 0, energy_out: float = 0, charge: float | None = 0, **more: bool
) -> Quarter:
    return Quarter(START + number * INTERVAL_MS, energy_in, energy_out, charge, **more)


def discharge(first: int, count: int, charge: float, by: float = 10, energy: float = 5) -> list[Quarter]:
    return [quarter(first + n, energy_out=energy, charge=charge - by * (n + 1)) for n in range(count)]


def found_swings(of: list[Quarter]) -> list[tuple[float, float]]:
    return [(swing.energy, swing.fall) for swing in swings(of)]


def test_a_swing_runs_from_the_charge_before_to_the_charge_after() -> None:
    assert found_swings([quarter(0, charge=90), *discharge(1, 4, 90)]) == [(20, 40)]
    assert found_swings([quarter(0, 8, charge=90), *discharge(1, 4, 90), quarter(5, 8, charge=60)]) == [(20, 40)]


def test_a_swing_of_less_than_20_percent_is_none() -> None:
    assert found_swings([quarter(0, charge=90), *discharge(1, 2, 90, by=9.9)]) == []
    assert found_swings([quarter(0, charge=90), *discharge(1, 2, 90, by=10)]) == [(10, 20)]


def test_a_short_pause_belongs_to_a_swing_and_a_long_one_ends_it() -> None:
    pause = [quarter(3 + n, charge=70) for n in range(4)]
    start = [quarter(0, charge=90), *discharge(1, 2, 90)]
    assert found_swings([*start, *pause, *discharge(7, 2, 70)]) == [(20, 40)]
    assert found_swings([*start, *pause, quarter(7, charge=70), *discharge(8, 2, 70)]) == [(10, 20), (10, 20)]
    assert found_swings([*start, quarter(3, charge=65)]) == [(10, 20)], "what it loses at rest is not delivered"


def test_charging_a_gap_a_fallen_register_and_an_unknown_charge_end_a_swing() -> None:
    start = [quarter(0, charge=90), *discharge(1, 3, 90)]
    assert found_swings([*start, quarter(4, 1, 5, charge=50), *discharge(5, 2, 50)]) == [(15, 30), (10, 20)]
    assert found_swings([*start, *discharge(9, 3, 60)]) == [(15, 30), (10, 20)], "the first after a gap is not known"
    fell = quarter(4, energy_out=500, charge=50, fell=True)
    assert found_swings([*start, fell, *discharge(5, 2, 50)]) == [(15, 30), (10, 20)]
    assert found_swings([*start, quarter(4, energy_out=5, charge=None), *discharge(5, 2, 50)]) == [(15, 30)]


def test_a_little_counterflow_is_taken_off() -> None:
    assert found_swings([quarter(0, charge=90), quarter(1, 0.1, 5, charge=60)]) == [(4.9, 30)]
    assert found_swings([quarter(0, charge=90), quarter(1, 0.2, 5, charge=60)]) == []


def test_exact_swings_give_the_exact_capacity() -> None:
    days = [
        each
        for day in range(40)
        for each in (
            quarter(day * 96, charge=90),
            *discharge(day * 96 + 1, 2 + day % 4, 90, energy=20),
            quarter(day * 96 + 50, 100, charge=90),
        )
    ]
    found = capacity(list(swings(days)))
    assert found is not None
    assert found.mean.value == pytest.approx(200)
    assert found.swings == 40
    assert found.mean.high - found.mean.low < 1e-6
    assert found.change is not None
    assert found.change.value == pytest.approx(0, abs=1e-6)


def test_efficiency_is_taken_between_equal_charges_only() -> None:
    cycle = [
        quarter(0, charge=50),
        quarter(1, energy_in=10, charge=70),
        quarter(2, energy_in=10, charge=90),
        quarter(3, energy_out=9, charge=70.3),
        quarter(4, energy_out=9, charge=50.4),
        quarter(5, energy_in=500, charge=60),
    ]
    found = degradation(cycle).efficiency
    assert found is not None
    assert found.stretches == 1
    assert found.ratio == pytest.approx(9 / 10), "from 70 % to 70 %, which ends first"
    fallen = [*cycle[:2], quarter(2, energy_in=10, charge=90, fell=True), *cycle[3:]]
    assert degradation(fallen).efficiency is None


@pytest.mark.parametrize(("freedom", "expected"), [(8, 2.3060), (10, 2.2281), (30, 2.0423), (1_000, 1.9623)])
def test_the_quantile_of_students_t_agrees_with_tables(freedom: int, expected: float) -> None:
    assert student_t(0.975, freedom) == pytest.approx(expected, abs=0.001)
