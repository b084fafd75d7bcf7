"""The states of an alert, reading by reading."""

from itertools import pairwise
from typing import Any

import pytest

from wattline.domain.alerts import (
    DEFAULT_RULES,
    Alert,
    AlertState,
    Comparison,
    Reading,
    Rule,
    advance,
    may_change,
    vehicle_readings,
)
from wattline.domain.fleet import Heartbeat, HeartbeatStatement

LOW_SOC, BATTERY_HOT = DEFAULT_RULES
PATIENT = Rule("low_soc", "soc", Comparison.BELOW, threshold=20, clear=23, hold_seconds=120)
MINUTE = 60_000


def minutely(*values: float, first: int = 0) -> list[Reading]:
    return [Reading("soc", (first + n) * MINUTE, value) for n, value in enumerate(values)]


def states(rule: Rule, *values: float) -> list[str]:
    """The state after each of the readings, a minute apart."""
    alert, found = Alert(), []
    for reading in minutely(*values):
        alert, _ = advance(rule, alert, [reading])
        found.append(alert.state.value)
    return found


def test_low_soc_fires_below_20_and_clears_at_23() -> None:
    assert states(LOW_SOC, 20, 19.99, 20, 22.99, 23, 22, 19) == [
        "resolved",
        "firing",
        "firing",
        "firing",
        "resolved",
        "resolved",
        "firing",
    ]


def test_battery_hot_fires_above_55_and_clears_at_50() -> None:
    assert states(BATTERY_HOT, 55, 55.01, 51, 50) == ["resolved", "firing", "firing", "resolved"]


def test_a_breach_must_last_the_hold_time_to_fire() -> None:
    assert states(PATIENT, 10, 10, 10) == ["pending", "pending", "firing"]
    assert states(PATIENT, 10, 21, 10, 10) == ["pending", "resolved", "pending", "pending"]


def test_a_recovery_must_last_the_hold_time_to_resolve() -> None:
    assert states(PATIENT, 10, 10, 10, 23, 24, 25)[3:] == ["clearing", "clearing", "resolved"]
    assert states(PATIENT, 10, 10, 10, 23, 22.9, 30, 30)[3:] == ["clearing", "firing", "clearing", "clearing"]


def test_silence_counts_as_going_on() -> None:
    readings = [Reading("soc", 0, 10), Reading("soc", 60 * MINUTE, 10)]
    assert advance(PATIENT, Alert(), readings)[0].state is AlertState.FIRING


def test_a_dip_inside_a_batch_fires_and_resolves() -> None:
    alert, transitions = advance(LOW_SOC, Alert(), minutely(50, 10, 50))
    assert [each.alert.state for each in transitions] == [AlertState.FIRING, AlertState.RESOLVED]
    assert [each.alert.transitions for each in transitions] == [1, 2]
    assert alert == transitions[-1].alert


def test_an_alert_tells_since_when_and_with_which_value() -> None:
    firing, _ = advance(LOW_SOC, Alert(), minutely(50, 19, 18, 17))
    assert (firing.since_ms, firing.value, firing.fired_ms) == (MINUTE, 19, MINUTE)
    assert firing.judged == (3 * MINUTE, 0, 0)
    resolved, _ = advance(LOW_SOC, firing, minutely(30, first=4))
    assert (resolved.since_ms, resolved.value, resolved.fired_ms) == (4 * MINUTE, 30, MINUTE)


def test_an_alert_that_fires_again_while_clearing_is_still_the_same() -> None:
    alert, _ = advance(PATIENT, Alert(), minutely(10, 10, 10, 30, 10))
    assert (alert.state, alert.fired_ms, alert.since_ms) == (AlertState.FIRING, 2 * MINUTE, 4 * MINUTE)
    fresh, _ = advance(PATIENT, alert, minutely(30, 30, 30, 10, first=5))
    assert (fresh.state, fresh.fired_ms) == (AlertState.PENDING, None)


def test_a_late_reading_changes_nothing() -> None:
    firing, _ = advance(LOW_SOC, Alert(), minutely(10, first=5))
    assert advance(LOW_SOC, firing, minutely(99, 99, first=3)) == (firing, [])


def test_a_correction_of_the_newest_reading_counts_and_its_repetition_does_not() -> None:
    firing, _ = advance(LOW_SOC, Alert(), [Reading("soc", 5, 10, received=1)])
    corrected, transitions = advance(LOW_SOC, firing, [Reading("soc", 5, 80, received=2)])
    assert [each.alert.state for each in transitions] == [AlertState.RESOLVED]
    assert advance(LOW_SOC, corrected, [Reading("soc", 5, 10, received=1)]) == (corrected, [])


def test_of_two_statements_about_one_time_in_a_batch_the_later_holds() -> None:
    said = [Reading("soc", 5, 10, received=1, seq=1), Reading("soc", 5, 80, received=1, seq=2)]
    assert advance(LOW_SOC, Alert(), said)[1] == []
    assert advance(LOW_SOC, Alert(), reversed(said))[1] == []


def test_a_rule_is_about_the_vendors_name_of_the_quantity_too() -> None:
    assert LOW_SOC.watches("soc")
    assert LOW_SOC.watches("StateOfChargePercentage")
    assert not LOW_SOC.watches("batteryTemp")


@pytest.mark.parametrize(
    "wrong",
    [
        {"clear": 19},
        {"comparison": Comparison.ABOVE},
        {"threshold": float("nan")},
        {"clear": float("inf")},
        {"hold_seconds": -1},
        {"name": "Low SoC"},
        {"name": "low#soc"},
    ],
)
def test_a_rule_that_can_never_work_is_refused(wrong: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "name": "low_soc",
        "metric": "soc",
        "comparison": Comparison.BELOW,
        "threshold": 20,
        "clear": 23,
    }
    Rule(**good)
    with pytest.raises(ValueError, match="rule"):
        Rule(**good | wrong)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (50, [50], False),
        (23, [20], False),
        (22.9, [50], True),
        (50, [50, 19, 50], True),
        (None, [50], False),
        (None, [19], True),
        (19, [], False),
    ],
)
def test_an_alert_is_looked_at_only_if_the_readings_could_change_it(
    before: float | None, now: list[float], expected: bool
) -> None:
    previous = None if before is None else Reading("soc", 0, before)
    assert may_change(LOW_SOC, previous, minutely(*now, first=1)) is expected


def test_an_alert_is_looked_at_once_an_hour_whatever_the_readings_say() -> None:
    fine = minutely(*[50] * 180)
    looks = [may_change(LOW_SOC, before, [after]) for before, after in pairwise(fine)]
    assert sum(looks) == 2


def test_with_a_hold_time_an_alert_is_always_looked_at() -> None:
    assert may_change(PATIENT, Reading("soc", 0, 50), minutely(50, first=1))


def test_a_vehicles_heartbeat_is_read_in_the_units_of_the_wire() -> None:
    said = vehicle_readings(HeartbeatStatement(Heartbeat("v", 7, (1_999, 90_000_000, -550)), 3, 4))
    assert {metric: reading.value for metric, reading in said.items()} == {
        "soc": 19.99,
        "kwhDeliveredDc": 0.09,
        "batteryTemp": -5.5,
    }
    assert said["soc"].moment == (7, 3, 4)
