"""Judging readings, following the stream, publishing: what is read, written and announced, over fakes."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from tests.fake_alerts import FakeAlerts, FakeAlertTopic
from tests.fakes import FakeHotFleet
from wattline.domain.alerts import (
    DEFAULT_RULES,
    Alert,
    AlertState,
    Comparison,
    Device,
    DeviceKind,
    LiveChange,
    Reading,
    Rule,
    Transition,
)
from wattline.domain.fleet import Heartbeat, HeartbeatStatement, Kind, state
from wattline.errors import TransientError
from wattline.ports import FeedRecord
from wattline.services.alert_feed import follow
from wattline.services.alerts import OVERDUE_MS, judge, judge_live, publish, publish_overdue

NOW = 1_700_000_000_000
MINUTE = 60_000
BATTERY = Device(DeviceKind.BATTERY, "b1")
VEHICLE = Device(DeviceKind.VEHICLE, "v1")


def charge(*values: float, first: int = 0) -> list[Reading]:
    return [Reading("StateOfChargePercentage", NOW + (first + n) * MINUTE, value) for n, value in enumerate(values)]


def judge_battery(alerts: FakeAlerts, readings: list[Reading], rules: tuple[Rule, ...] = DEFAULT_RULES) -> None:
    judge(BATTERY, readings, rules=rules, alerts=alerts, now_ms=NOW)


def open_alerts(alerts: FakeAlerts) -> list[str]:
    return [each.device.id for each in alerts.page(rule=None, state=None, after=None, limit=100).alerts]


def beat(minute: int, soc: float, *, temperature: float = 30, received: int = 0) -> HeartbeatStatement:
    values = (round(soc * 100), 0, round(temperature * 100))
    return HeartbeatStatement(Heartbeat("v1", NOW + minute * MINUTE, values), NOW // 1000 + received, 0)


def moved(before: HeartbeatStatement | None, after: HeartbeatStatement, *, alone: bool = True) -> LiveChange:
    return LiveChange(before, after, alone)


class TestOfABattery:
    def test_a_file_with_a_low_charge_fires(self) -> None:
        alerts = FakeAlerts()
        judge_battery(alerts, [*charge(95, 50, 19), Reading("BatteryPowerW", NOW, 1)])
        assert open_alerts(alerts) == ["b1"]
        assert list(alerts.events) == ["battery/b1/low_soc/1"]

    def test_files_in_any_order_and_twice_tell_of_no_more_than_the_newest_did(self) -> None:
        alerts = FakeAlerts()
        newer, older = charge(60, 61, first=10), charge(10, 11)
        for readings in (newer, older, newer, older):
            judge_battery(alerts, readings)
        assert alerts.events == {}
        judge_battery(alerts, charge(12, first=20))
        judge_battery(alerts, charge(99, first=19))
        assert open_alerts(alerts) == ["b1"]

    def test_a_file_without_the_metric_of_a_rule_reads_nothing(self) -> None:
        alerts = FakeAlerts()
        judge_battery(alerts, [Reading("BatteryPowerW", NOW, 1)])
        assert (alerts.reads, alerts.saves) == (0, 0)

    def test_a_file_is_one_read_and_one_write_a_rule(self) -> None:
        alerts = FakeAlerts()
        judge_battery(alerts, charge(*[50, 10] * 40))
        assert (alerts.reads, alerts.saves) == (1, 1)
        judge_battery(alerts, charge(*[50, 10] * 40))
        assert (alerts.reads, alerts.saves) == (2, 1)

    def test_more_transitions_than_a_transaction_holds_are_all_recorded(self) -> None:
        alerts = FakeAlerts()
        judge_battery(alerts, charge(*[50, 10] * 150))
        assert (len(alerts.events), alerts.saves) == (299, 4)
        assert [event.number for event, _ in alerts.events.values()] == list(range(1, 300))
        assert open_alerts(alerts) == ["b1"]

    def test_what_another_recorded_in_between_is_taken_into_account(self) -> None:
        @dataclass
        class Raced(FakeAlerts):
            races: list[list[Reading]] = field(default_factory=list)

            def save(
                self,
                device: Device,
                rule: Rule,
                alert: Alert,
                transitions: list[Transition],  # type: ignore[override]
                *,
                version: int,
                now_ms: int,
            ) -> bool:
                if self.races:
                    judge_battery(self, self.races.pop())
                return super().save(device, rule, alert, transitions, version=version, now_ms=now_ms)

        alerts = Raced(races=[charge(10, first=5)])
        judge_battery(alerts, charge(15))
        assert list(alerts.events) == ["battery/b1/low_soc/1"]
        assert alerts.events["battery/b1/low_soc/1"][0].at_ms == NOW + 5 * MINUTE

    def test_who_never_gets_his_turn_is_told_to_repeat(self) -> None:
        class Lost(FakeAlerts):
            def save(self, *_: object, **__: object) -> bool:
                return False

        with pytest.raises(TransientError, match="battery b1"):
            judge_battery(Lost(), charge(10))


class TestOfAVehicle:
    def judged(self, alerts: FakeAlerts, *changes: LiveChange, hot: FakeHotFleet | None = None) -> None:
        for change in changes:
            judge_live(change, rules=DEFAULT_RULES, hot=hot or FakeHotFleet(), alerts=alerts, now_ms=NOW)

    def test_one_that_is_well_costs_nothing(self) -> None:
        alerts = FakeAlerts()
        beats = [beat(minute, 50) for minute in range(30)]
        self.judged(alerts, *(moved(before, after) for before, after in pairwise(beats)))
        assert (alerts.reads, alerts.saves) == (0, 0)

    def test_one_that_is_low_is_read_but_written_only_when_its_state_changes(self) -> None:
        alerts = FakeAlerts()
        beats = [beat(minute, soc) for minute, soc in enumerate([50, 19, 18, 17, 22, 22, 23, 24, 25])]
        self.judged(alerts, *(moved(before, after) for before, after in pairwise(beats)))
        assert (alerts.reads, alerts.saves) == (6, 2)
        assert [event.state for event, _ in alerts.events.values()] == ["firing", "resolved"]

    def test_its_first_heartbeat_may_fire(self) -> None:
        alerts = FakeAlerts()
        self.judged(alerts, moved(None, beat(0, 10, temperature=70)))
        assert sorted(alerts.events) == ["vehicle/v1/battery_hot/1", "vehicle/v1/low_soc/1"]

    def test_all_heartbeats_since_the_last_live_state_are_judged_in_time_order(self) -> None:
        alerts, hot = FakeAlerts(), FakeHotFleet()
        said = [beat(0, 5), beat(3, 50), beat(2, 10), beat(1, 50), beat(9, 5)]
        hot.put(Kind.VEHICLE, said, 1, NOW)
        self.judged(alerts, moved(beat(0, 50), beat(3, 50), alone=False), hot=hot)
        assert [event.at_ms for event, _ in alerts.events.values()] == [NOW + 2 * MINUTE, NOW + 3 * MINUTE]

    def test_what_was_received_after_the_live_state_is_not_judged_with_it(self) -> None:
        alerts, hot = FakeAlerts(), FakeHotFleet()
        hot.put(Kind.VEHICLE, [beat(1, 10, received=60), beat(2, 50)], 1, NOW)
        self.judged(alerts, moved(beat(0, 50), beat(2, 50), alone=False), hot=hot)
        assert alerts.events == {}

    def test_the_first_batch_of_a_vehicle_is_judged_whole(self) -> None:
        alerts, hot = FakeAlerts(), FakeHotFleet()
        hot.put(Kind.VEHICLE, [beat(-600, 10), beat(2, 50)], 1, NOW)
        self.judged(alerts, moved(None, beat(2, 50), alone=False), hot=hot)
        assert len(alerts.events) == 2

    def test_a_correction_of_the_live_moment_clears_what_it_had_fired(self) -> None:
        alerts = FakeAlerts()
        self.judged(alerts, moved(beat(0, 50), beat(1, 5)), moved(beat(1, 5), beat(1, 50, received=9)))
        assert open_alerts(alerts) == []
        assert len(alerts.events) == 2

    def test_a_stream_that_repeats_itself_changes_nothing(self) -> None:
        alerts = FakeAlerts()
        beats = [beat(minute, soc) for minute, soc in enumerate([50, 19, 18, 30, 40, 10, 11])]
        changes = [moved(before, after) for before, after in pairwise(beats)]
        self.judged(alerts, *changes)
        expected = dict(alerts.events)
        for first in range(len(changes)):
            self.judged(alerts, *changes[first:])
        assert alerts.events == expected

    def test_rules_about_what_vehicles_do_not_measure_are_passed_over(self) -> None:
        alerts = FakeAlerts()
        power = Rule("power", "BatteryPowerW", Comparison.ABOVE, threshold=1, clear=0)
        change = moved(beat(0, 1), beat(1, 1))
        judge_live(change, rules=[power], hot=FakeHotFleet(), alerts=alerts, now_ms=NOW)
        assert (alerts.reads, alerts.saves) == (0, 0)


class TestPublishing:
    EVENT = "battery/b1/low_soc/1"

    def decided(self) -> FakeAlerts:
        alerts = FakeAlerts()
        judge_battery(alerts, charge(10))
        return alerts

    def test_an_event_is_published_and_never_again(self) -> None:
        alerts, topic = self.decided(), FakeAlertTopic()
        assert publish(self.EVENT, outbox=alerts, topic=topic, now_ms=NOW)
        assert not publish(self.EVENT, outbox=alerts, topic=topic, now_ms=NOW)
        assert [event.id for event in topic.heard] == [self.EVENT]

    def test_a_crash_between_publishing_and_marking_publishes_the_same_event_again_and_then_never(self) -> None:
        class Killed(BaseException):
            pass

        @dataclass
        class Dying(FakeAlerts):
            deaths: int = 1

            def mark(self, event_id: str, now_ms: int) -> None:
                if self.deaths:
                    self.deaths -= 1
                    raise Killed
                super().mark(event_id, now_ms)

        alerts, topic = Dying(), FakeAlertTopic()
        judge_battery(alerts, charge(10))
        with pytest.raises(Killed):
            publish(self.EVENT, outbox=alerts, topic=topic, now_ms=NOW)
        for _ in range(3):
            publish(self.EVENT, outbox=alerts, topic=topic, now_ms=NOW)
        assert [event.id for event in topic.heard] == [self.EVENT, self.EVENT]
        assert topic.heard[0] == topic.heard[1]

    def test_what_could_not_be_published_is_not_marked(self) -> None:
        alerts, topic = self.decided(), FakeAlertTopic(broken=True)
        with pytest.raises(TransientError):
            publish(self.EVENT, outbox=alerts, topic=topic, now_ms=NOW)
        assert alerts.waiting(self.EVENT)

    def test_what_the_stream_lost_is_published_when_it_is_overdue(self) -> None:
        alerts, topic = self.decided(), FakeAlertTopic()
        assert publish_overdue(outbox=alerts, topic=topic, now_ms=NOW + OVERDUE_MS) == 0
        assert publish_overdue(outbox=alerts, topic=topic, now_ms=NOW + OVERDUE_MS + 1) == 1
        assert publish_overdue(outbox=alerts, topic=topic, now_ms=NOW + 2 * OVERDUE_MS) == 0
        assert len(topic.heard) == 1


class TestTheFeed:
    def test_a_failed_record_holds_back_its_device_and_no_other(self) -> None:
        records = [FeedRecord(str(n), "abc"[n % 3]) for n in range(9)]
        handled: list[str] = []

        def handle(record: FeedRecord) -> None:
            if record.number == "4":
                raise TransientError("busy")
            handled.append(record.number)

        again = follow(records, handle)
        assert again is not None
        assert (again.number, again.reason) == ("4", "busy")
        assert sorted(handled) == ["0", "1", "2", "3", "5", "6", "8"]

    def test_of_several_failures_the_first_in_the_stream_is_told(self) -> None:
        def fail(record: FeedRecord) -> None:
            raise TransientError(record.number)

        again = follow([FeedRecord(str(n), str(n)) for n in range(5, 9)], fail)
        assert again is not None
        assert again.number == "5"

    def test_nothing_is_delivered_again_when_all_went_well(self) -> None:
        assert follow([FeedRecord("1", "a")], lambda _: None) is None
        assert follow([], lambda _: None) is None

    def test_an_unexpected_error_is_not_swallowed(self) -> None:
        def broken(_: FeedRecord) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            follow([FeedRecord("1", "a")], broken)


def test_statements_of_one_request_are_told_apart() -> None:
    """What the live state's change relies on: moments of statements of one request differ."""
    said = state([Heartbeat("v1", NOW, (1_000, 0, 0)), Heartbeat("v1", NOW, (5_000, 0, 0))], NOW)
    assert said[0].seq < said[1].seq
    alerts, hot = FakeAlerts(), FakeHotFleet()
    hot.put(Kind.VEHICLE, said, 1, NOW)
    judge_live(moved(beat(-1, 50), said[1], alone=False), rules=DEFAULT_RULES, hot=hot, alerts=alerts, now_ms=NOW)
    assert alerts.page(rule=None, state=AlertState.FIRING, after=None, limit=1).alerts == []
