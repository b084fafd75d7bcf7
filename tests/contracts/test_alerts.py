"""What every `Alerts` and `AlertOutbox` promises: the same suite on the fake and on DynamoDB."""

from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from moto import mock_aws

from tests.emulated import HOT_TABLE, emulate
from tests.fake_alerts import FakeAlerts
from wattline.adapters.hot_alerts import DynamoAlerts
from wattline.adapters.hot_table import HotTable
from wattline.domain.alerts import (
    DEFAULT_RULES,
    Alert,
    AlertState,
    Comparison,
    Device,
    DeviceKind,
    Reading,
    Rule,
    Transition,
    advance,
)
from wattline.ports import StoredAlert

LOW_SOC, BATTERY_HOT = DEFAULT_RULES
PATIENT = Rule("slow", "soc", Comparison.BELOW, threshold=20, clear=23, hold_seconds=60)
VEHICLE = Device(DeviceKind.VEHICLE, "v.1:a_b-c")
NOW = 1_700_000_000_000

Store = FakeAlerts | DynamoAlerts


@pytest.fixture(params=["fake", "dynamodb"])
def alerts(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "fake":
        yield FakeAlerts()
        return
    with mock_aws():
        yield DynamoAlerts(HotTable(emulate().dynamodb, HOT_TABLE))


def led(rule: Rule, *values: float) -> tuple[Alert, list[Transition]]:
    return advance(rule, Alert(), [Reading(rule.metric, 1_000 * n, value, 5, 6) for n, value in enumerate(values)])


def save(alerts: Store, rule: Rule, *values: float, device: Device = VEHICLE, version: int = 0) -> bool:
    alert, transitions = led(rule, *values)
    return alerts.save(device, rule, alert, transitions, version=version, now_ms=NOW)


def listed(alerts: Store, rule: str | None = None, state: AlertState | None = None, limit: int = 10) -> list[str]:
    """All pages."""
    found: list[str] = []
    after: str | None = None
    for _ in repeat(None):
        page = alerts.page(rule=rule, state=state, after=after, limit=limit)
        assert len(page.alerts) <= limit
        found += [f"{each.rule}/{each.device.kind}/{each.device.id}" for each in page.alerts]
        after = page.next
        if after is None:
            break
    return found


def test_a_device_never_judged_has_no_alerts(alerts: Store) -> None:
    assert alerts.of_device(VEHICLE) == {}


@pytest.mark.parametrize("values", [(10,), (10, 50), (19.99, 19.98)])
def test_a_state_is_read_back_as_it_was_saved(alerts: Store, values: tuple[float, ...]) -> None:
    assert save(alerts, LOW_SOC, *values)
    assert save(alerts, BATTERY_HOT, 60.25)
    assert alerts.of_device(VEHICLE) == {
        "low_soc": StoredAlert(led(LOW_SOC, *values)[0], 1),
        "battery_hot": StoredAlert(led(BATTERY_HOT, 60.25)[0], 1),
    }


def test_a_state_that_nothing_led_away_from_is_kept_with_what_was_judged(alerts: Store) -> None:
    assert save(alerts, LOW_SOC, 50)
    assert alerts.of_device(VEHICLE)["low_soc"].alert.judged == (0, 5, 6)
    assert listed(alerts) == []


def test_of_two_that_change_the_same_version_one_is_told_so_and_leaves_nothing(alerts: Store) -> None:
    assert save(alerts, LOW_SOC, 10)
    assert not save(alerts, LOW_SOC, 50, 10, 50)
    assert alerts.of_device(VEHICLE)["low_soc"].version == 1
    assert alerts.waiting(f"vehicle/{VEHICLE.id}/low_soc/2") is None
    assert save(alerts, LOW_SOC, 10, 50, version=1)
    assert alerts.of_device(VEHICLE)["low_soc"].version == 2


def test_only_open_alerts_are_listed(alerts: Store) -> None:
    save(alerts, LOW_SOC, 10)
    assert listed(alerts) == [f"low_soc/vehicle/{VEHICLE.id}"]
    (alert,) = alerts.page(rule=None, state=None, after=None, limit=1).alerts
    assert (alert.metric, alert.state, alert.since_ms, alert.value, alert.fired_ms) == ("soc", "firing", 0, 10, 0)
    save(alerts, LOW_SOC, 10, 50, version=1)
    assert listed(alerts) == []


def test_alerts_are_listed_by_rule_and_state_in_pages(alerts: Store) -> None:
    names = [f"d{n}" for n in range(5)] + ["d", "d-", "D", "d0.1"]
    devices = [Device(kind, name) for kind in DeviceKind for name in names]
    for device in devices:
        save(alerts, LOW_SOC, 10, device=device)
        save(alerts, PATIENT, 10, device=device)
    firing, pending = ([f"{rule}/{d.kind}/{d.id}" for d in devices] for rule in ("low_soc", "slow"))
    for limit in (1, 4, 18, 19, 100):
        assert sorted(listed(alerts, limit=limit)) == sorted(chain(firing, pending))
        assert sorted(listed(alerts, rule="slow", limit=limit)) == sorted(pending)
        assert sorted(listed(alerts, state=AlertState.FIRING, limit=limit)) == sorted(firing)
        assert sorted(listed(alerts, rule="slow", state=AlertState.PENDING, limit=limit)) == sorted(pending)
        assert listed(alerts, rule="slow", state=AlertState.FIRING, limit=limit) == []
    assert listed(alerts, rule="low") == []


def test_each_transition_waits_in_the_outbox_until_it_is_marked(alerts: Store) -> None:
    save(alerts, LOW_SOC, 10, 50, 15)
    ids = [f"vehicle/{VEHICLE.id}/low_soc/{number}" for number in (1, 2, 3)]
    events = [alerts.waiting(event_id) for event_id in ids]
    assert [(e.id, e.before, e.state, e.at_ms, e.value, e.fired_ms) for e in events if e] == [
        (ids[0], "resolved", "firing", 0, 10, 0),
        (ids[1], "firing", "resolved", 1_000, 50, 0),
        (ids[2], "resolved", "firing", 2_000, 15, 2_000),
    ]
    alerts.mark(ids[1], NOW)
    assert [alerts.waiting(event_id) is None for event_id in ids] == [False, True, False]
    alerts.mark(ids[1], NOW + 1)


def test_marking_what_is_not_there_makes_nothing(alerts: Store) -> None:
    alerts.mark("vehicle/x/low_soc/1", NOW)
    assert alerts.waiting("vehicle/x/low_soc/1") is None


def test_what_waits_for_long_is_overdue_oldest_first(alerts: Store) -> None:
    for number, device in enumerate(("b", "a", "c")):
        alert, transitions = led(LOW_SOC, 10)
        alerts.save(Device(DeviceKind.BATTERY, device), LOW_SOC, alert, transitions, version=0, now_ms=NOW + number)
    assert alerts.overdue(NOW, 9) == []
    assert alerts.overdue(NOW + 2, 9) == ["battery/b/low_soc/1", "battery/a/low_soc/1"]
    alerts.mark("battery/b/low_soc/1", NOW)
    assert alerts.overdue(NOW + 3, 1) == ["battery/a/low_soc/1"]
    assert alerts.page(rule=None, state=None, after=None, limit=9).next is None
