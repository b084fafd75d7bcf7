"""Alerts: rules about measured values, and the states that readings lead a device's alert through.

::

    resolved ── breach ──► pending ── breach held ──► firing ── cleared ──► clearing ── held clear ──► resolved
                              └── no breach any more ──► resolved  ▲             │
                                                                   └─ not clear ─┘

Without a hold time pending and clearing are passed over. Between threshold and clear level a firing alert goes on
firing and a resolved one stays resolved (hysteresis), so a value that hovers about the threshold alerts once.

All times are those of the readings, so a late delivery decides nothing: a reading that is not newer than the
newest one judged is passed over. Holding is measured between readings; silence counts as going on.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from math import isfinite

from wattline.domain.fleet import FIELDS, HeartbeatStatement, Kind, from_scaled, value_at
from wattline.domain.instants import HOUR_MS

SAME_QUANTITY = {"StateOfChargePercentage": "soc"}
"""Names that vendors of batteries give to quantities of ours; a rule about `soc` is about both."""

VEHICLE_QUANTITIES = FIELDS[Kind.VEHICLE]

HEALING_MS = HOUR_MS
"""How long at most an alert stays open after its device is well, should the reading that clears it get lost."""


class Comparison(StrEnum):
    """On which side of the threshold a value breaches a rule."""

    BELOW = "below"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class Rule:
    """Fires when `metric` lies below (above) `threshold`, clears when it has come back to `clear`.

    `metric` is a field of a vehicle's heartbeat or a series of a battery, in their units. A breach must last
    `hold_seconds` to fire, and a recovery as long to resolve. Raises ValueError for what can never work.
    """

    name: str
    metric: str
    comparison: Comparison
    threshold: float
    clear: float
    hold_seconds: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", self.name):
            raise ValueError(f"rule {self.name!r}: a name is small letters, digits and _, at most 64")
        if not (isfinite(self.threshold) and isfinite(self.clear)) or self.is_breached(self.clear):
            raise ValueError(f"rule {self.name}: clear must be a number that does not breach the threshold")
        if self.hold_seconds < 0:
            raise ValueError(f"rule {self.name}: hold_seconds must not be negative")

    def is_breached(self, value: float) -> bool:
        """Whether the value is beyond the threshold; the threshold itself is not."""
        return value < self.threshold if self.comparison is Comparison.BELOW else value > self.threshold

    def is_cleared(self, value: float) -> bool:
        """Whether the value is back at the clear level or better."""
        return value >= self.clear if self.comparison is Comparison.BELOW else value <= self.clear

    def watches(self, metric: str) -> bool:
        """Whether the rule is about this metric, under whichever of its names."""
        return quantity(metric) == quantity(self.metric)


DEFAULT_RULES = (
    Rule("low_soc", "soc", Comparison.BELOW, threshold=20, clear=23),
    Rule("battery_hot", "batteryTemp", Comparison.ABOVE, threshold=55, clear=50),
)


def quantity(metric: str) -> str:
    """Our name of what a metric measures."""
    return SAME_QUANTITY.get(metric, metric)


class DeviceKind(StrEnum):
    """Devices that rules are about."""

    VEHICLE = "vehicle"
    BATTERY = "battery"


@dataclass(frozen=True, slots=True)
class Device:
    """A vehicle or a battery."""

    kind: DeviceKind
    id: str


Moment = tuple[int, int, int]
"""Orders readings: event time, then receipt, then position in the request or file."""

BEGINNING: Moment = (-1, -1, -1)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value at a time. `received` and `seq` order several about the same time (any unit, the same for a device)."""

    metric: str
    ts_ms: int
    value: float
    received: int = 0
    seq: int = 0

    @property
    def moment(self) -> Moment:
        """Its place in time."""
        return (self.ts_ms, self.received, self.seq)


class AlertState(StrEnum):
    """See the module's drawing."""

    PENDING = "pending"
    FIRING = "firing"
    CLEARING = "clearing"
    RESOLVED = "resolved"


OPEN = (AlertState.PENDING, AlertState.FIRING, AlertState.CLEARING)


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule's state on a device.

    `since_ms` and `value` are of the reading that led into the state, `fired_ms` of the one with which the alert,
    or the last one, began to fire. `transitions` counts all there ever were, `judged` is the newest reading taken
    into account.
    """

    state: AlertState = AlertState.RESOLVED
    since_ms: int = 0
    value: float | None = None
    fired_ms: int | None = None
    transitions: int = 0
    judged: Moment = BEGINNING


@dataclass(frozen=True, slots=True)
class Transition:
    """From one state to another: the alert as it is after it, whose `transitions` is this one's number."""

    before: AlertState
    alert: Alert


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """A transition as subscribers learn of it.

    `number` counts the transitions of a rule on a device from 1, `value` is of the reading that decided it, at
    `at_ms`. `fired_ms`: when the alert began to fire; None if it never did.
    """

    device: Device
    rule: str
    metric: str
    number: int
    before: AlertState
    state: AlertState
    at_ms: int
    value: float
    fired_ms: int | None

    @property
    def id(self) -> str:
        """The same however often it is published."""
        return f"{self.device.kind}/{self.device.id}/{self.rule}/{self.number}"


def event_of(device: Device, rule: Rule, transition: Transition) -> AlertEvent:
    """What to tell of a transition."""
    alert = transition.alert
    if alert.value is None:
        raise ValueError("no reading led to this transition")
    return AlertEvent(
        device,
        rule.name,
        rule.metric,
        alert.transitions,
        transition.before,
        alert.state,
        alert.since_ms,
        alert.value,
        alert.fired_ms,
    )


def advance(rule: Rule, alert: Alert, readings: Iterable[Reading]) -> tuple[Alert, list[Transition]]:
    """Judge readings of the rule's metric in time order; of several about one time the last statement holds.

    Readings at or before the alert's newest moment change nothing.
    """
    ordered = sorted(readings, key=lambda reading: reading.moment)
    transitions: list[Transition] = []
    for _, of_one_time in groupby(ordered, key=lambda reading: reading.ts_ms):
        reading = list(of_one_time)[-1]
        if reading.moment <= alert.judged:
            continue
        before, alert = alert, _after(rule, alert, reading)
        if alert.state is not before.state:
            transitions.append(Transition(before.state, alert))
    return alert, transitions


def _after(rule: Rule, alert: Alert, reading: Reading) -> Alert:
    state = _next_state(rule, alert, reading)
    if state is alert.state:
        return replace(alert, judged=reading.moment)
    begins_to_fire = state is AlertState.FIRING and alert.state is not AlertState.CLEARING
    fired_ms = None if state is AlertState.PENDING else reading.ts_ms if begins_to_fire else alert.fired_ms
    return Alert(state, reading.ts_ms, reading.value, fired_ms, alert.transitions + 1, reading.moment)


def _next_state(rule: Rule, alert: Alert, reading: Reading) -> AlertState:
    held = reading.ts_ms - alert.since_ms >= rule.hold_seconds * 1000
    breached, cleared = rule.is_breached(reading.value), rule.is_cleared(reading.value)
    match alert.state:
        case AlertState.RESOLVED:
            onset = AlertState.PENDING if rule.hold_seconds else AlertState.FIRING
            return onset if breached else AlertState.RESOLVED
        case AlertState.PENDING:
            lasting = AlertState.FIRING if held else AlertState.PENDING
            return lasting if breached else AlertState.RESOLVED
        case AlertState.FIRING:
            recovery = AlertState.CLEARING if rule.hold_seconds else AlertState.RESOLVED
            return recovery if cleared else AlertState.FIRING
        case AlertState.CLEARING:
            lasting = AlertState.RESOLVED if held else AlertState.CLEARING
            return lasting if cleared else AlertState.FIRING


def may_change(rule: Rule, before: Reading | None, readings: Sequence[Reading]) -> bool:
    """Whether the readings could change the rule's alert, told without looking at it.

    `before` is the device's newest reading before these (None for a device never heard of). If it was clear, no
    alert is open, unless a rule holds or a reading was lost; for the latter the answer is yes once an hour.
    """
    if any(rule.is_breached(reading.value) for reading in readings):
        return True
    if before is None or not readings:
        return False
    if rule.hold_seconds or not rule.is_cleared(before.value):
        return True
    return any(reading.ts_ms // HEALING_MS != before.ts_ms // HEALING_MS for reading in readings)


@dataclass(frozen=True, slots=True)
class LiveChange:
    """A vehicle's live state was replaced by a newer one.

    `alone` says that no other heartbeat of the vehicle came with it. Then there is nothing to judge between `before`
    and `after`.
    """

    before: HeartbeatStatement | None
    after: HeartbeatStatement
    alone: bool


def vehicle_readings(said: HeartbeatStatement) -> Mapping[str, Reading]:
    """What a vehicle's heartbeat says, by metric."""
    beat = said.heartbeat
    return {
        metric: Reading(
            metric,
            beat.ts_ms,
            from_scaled(beat.values[value_at(Kind.VEHICLE, measure)], measure),
            said.received_s,
            said.seq,
        )
        for metric, measure in VEHICLE_QUANTITIES.items()
    }
