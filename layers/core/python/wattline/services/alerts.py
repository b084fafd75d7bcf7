"""Judge readings by the rules, and publish what comes of it.

A decision and its transitions are written together; the transitions are an outbox, from which each is published
and then marked. A crash in between publishes it again, under the same id; a marked one is never published again.
"""

from collections.abc import Iterable, Sequence

from wattline.domain.alerts import (
    VEHICLE_QUANTITIES,
    Alert,
    Device,
    DeviceKind,
    LiveChange,
    Moment,
    Reading,
    Rule,
    Transition,
    advance,
    may_change,
    quantity,
    vehicle_readings,
)
from wattline.domain.fleet import HeartbeatStatement, Kind, newest
from wattline.domain.instants import MINUTE_MS
from wattline.errors import TransientError
from wattline.ports import AlertOutbox, Alerts, AlertTopic, HeartbeatRange, HotFleet, StoredAlert

JUDGE_ATTEMPTS = 8

TRANSITIONS_AT_ONCE = 99
"""What a transaction of 100 items holds beside the alert."""

OVERDUE_MS = 5 * MINUTE_MS
"""An event that waits longer was lost by the stream and is published from the outbox."""

OVERDUE_AT_ONCE = 1_000


def judge(  # noqa: PLR0913 - keyword-only wiring
    device: Device,
    readings: Iterable[Reading],
    *,
    rules: Sequence[Rule],
    alerts: Alerts,
    now_ms: int,
    in_order: bool = False,
) -> None:
    """Judge a device's readings by every rule about their metrics, and record what changes.

    The readings may be of any metrics, also under the vendor's names (`StateOfChargePercentage`), in any order,
    and repeated; those not newer than the newest ever judged of a rule change nothing. For a battery's file::

        judge(
            Device(DeviceKind.BATTERY, device_id),
            [Reading(name, ts_ms, value, received_ms, seq) for name, ts_ms, value, seq in points],
            rules=settings.rules, alerts=DynamoAlerts(hot_table), now_ms=now,
        )

    `settings` being an `AlertSettings` of the runtime, as the file loader's are. That is one query, and one
    transaction a rule; the caller's role needs `dynamodb:Query` and `dynamodb:PutItem` on the hot table. `in_order`
    says that the caller itself passes over late readings, so that nothing need be written while no state changes.
    Raises TransientError; the same call may be repeated.
    """
    said = list(readings)
    watched = {rule: [each for each in said if rule.watches(each.metric)] for rule in rules}
    if not any(watched.values()):
        return
    stored = alerts.of_device(device)
    for rule, of_rule in watched.items():
        if of_rule:
            _judge_by(rule, device, of_rule, stored, alerts=alerts, now_ms=now_ms, in_order=in_order)


def _judge_by(  # noqa: PLR0913 - keyword-only wiring
    rule: Rule,
    device: Device,
    readings: Sequence[Reading],
    stored: dict[str, StoredAlert],
    *,
    alerts: Alerts,
    now_ms: int,
    in_order: bool,
) -> None:
    """Decide and save if nobody else did in between; else decide again on what they left."""
    for _ in range(JUDGE_ATTEMPTS):
        there = stored.get(rule.name, StoredAlert())
        alert, transitions = advance(rule, there.alert, readings)
        if not transitions and (in_order or alert == there.alert):
            return
        if _save(rule, device, alert, transitions, there.version, alerts=alerts, now_ms=now_ms):
            return
        stored = alerts.of_device(device)
    raise TransientError(f"the alerts of {device.kind} {device.id} are being changed by others; repeat the request")


def _save(  # noqa: PLR0913 - keyword-only wiring
    rule: Rule,
    device: Device,
    alert: Alert,
    transitions: Sequence[Transition],
    version: int,
    *,
    alerts: Alerts,
    now_ms: int,
) -> bool:
    """In as many steps as transactions need; each leaves the alert as it was after its last transition."""
    while len(transitions) > TRANSITIONS_AT_ONCE:
        first, transitions = transitions[:TRANSITIONS_AT_ONCE], transitions[TRANSITIONS_AT_ONCE:]
        if not alerts.save(device, rule, first[-1].alert, first, version=version, now_ms=now_ms):
            return False
        version += 1
    return alerts.save(device, rule, alert, transitions, version=version, now_ms=now_ms)


def judge_live(change: LiveChange, *, rules: Sequence[Rule], hot: HotFleet, alerts: Alerts, now_ms: int) -> None:
    """Judge what a vehicle said between two live states, the later one included. Raises TransientError.

    Live states only move forward in time, so late readings never come here. Nothing is read for a vehicle that
    was well and is.
    """
    readings = [vehicle_readings(said) for said in _said_since(change, hot, now_ms)]
    before = vehicle_readings(change.before) if change.before else {}
    to_judge = [
        rule
        for rule in rules
        if (metric := quantity(rule.metric)) in VEHICLE_QUANTITIES
        and may_change(rule, before.get(metric), [each[metric] for each in readings])
    ]
    if to_judge:
        device = Device(DeviceKind.VEHICLE, change.after.heartbeat.device_id)
        said = [reading for each in readings for reading in each.values()]
        judge(device, said, rules=to_judge, alerts=alerts, now_ms=now_ms, in_order=True)


def _said_since(change: LiveChange, hot: HotFleet, now_ms: int) -> list[HeartbeatStatement]:
    after = change.after
    if change.alone:
        return [after]
    start_ms = change.before.heartbeat.ts_ms if change.before else 0
    wanted = HeartbeatRange(after.heartbeat.device_id, start_ms, after.heartbeat.ts_ms + 1, after.received_s)
    found = newest([*hot.read(Kind.VEHICLE, wanted, now_ms), after])
    return [said for said in found if change.before is None or _moment(said) > _moment(change.before)]


def _moment(said: HeartbeatStatement) -> Moment:
    return (said.heartbeat.ts_ms, said.received_s, said.seq)


def publish(event_id: str, *, outbox: AlertOutbox, topic: AlertTopic, now_ms: int) -> bool:
    """Publish an event unless it is marked, and mark it; says whether it was published. Raises TransientError."""
    event = outbox.waiting(event_id)
    if event is None:
        return False
    topic.publish(event)
    outbox.mark(event_id, now_ms)
    return True


def publish_overdue(*, outbox: AlertOutbox, topic: AlertTopic, now_ms: int) -> int:
    """Publish what has waited for too long; says how many. Raises TransientError."""
    overdue = outbox.overdue(now_ms - OVERDUE_MS, OVERDUE_AT_ONCE)
    return sum(publish(event_id, outbox=outbox, topic=topic, now_ms=now_ms) for event_id in overdue)
