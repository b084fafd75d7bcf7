"""In-memory doubles of the ports of alerts, held to what the adapters do by tests/contracts/test_alerts.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from wattline.domain.alerts import (
    OPEN,
    Alert,
    AlertEvent,
    AlertState,
    Device,
    Rule,
    Transition,
    event_of,
)
from wattline.errors import TransientError
from wattline.ports import AlertPage, OpenAlert, StoredAlert


@dataclass
class FakeAlerts:
    """`Alerts` and `AlertOutbox`; counts what is read and written."""

    stored: dict[tuple[Device, str], tuple[StoredAlert, Rule]] = field(default_factory=dict)
    events: dict[str, tuple[AlertEvent, int]] = field(default_factory=dict)
    published: set[str] = field(default_factory=set)
    reads: int = 0
    saves: int = 0
    _lock: Lock = field(default_factory=Lock)

    def of_device(self, device: Device) -> dict[str, StoredAlert]:
        self.reads += 1
        return {rule: stored for (of_device, rule), (stored, _) in self.stored.items() if of_device == device}

    def save(
        self,
        device: Device,
        rule: Rule,
        alert: Alert,
        transitions: Sequence[Transition],
        *,
        version: int,
        now_ms: int,
    ) -> bool:
        assert len(transitions) < 100
        with self._lock:
            self.saves += 1
            there, _ = self.stored.get((device, rule.name), (StoredAlert(), rule))
            if there.version != version:
                return False
            self.stored[device, rule.name] = (StoredAlert(alert, version + 1), rule)
            for event in (event_of(device, rule, transition) for transition in transitions):
                self.events[event.id] = (event, now_ms)
            return True

    def page(self, *, rule: str | None, state: AlertState | None, after: str | None, limit: int) -> AlertPage:
        found = {
            f"{name}#{device.kind.name}#{device.id}": OpenAlert(
                device, name, of_rule.metric, there.state, there.since_ms, there.value or 0, there.fired_ms
            )
            for (device, name), (stored, of_rule) in self.stored.items()
            if (there := stored.alert).state in OPEN and rule in (None, name) and state in (None, there.state)
        }
        names = sorted(name for name in found if name > (after or ""))
        return AlertPage([found[name] for name in names[:limit]], names[limit - 1] if len(names) > limit else None)

    def waiting(self, event_id: str) -> AlertEvent | None:
        return None if event_id in self.published or event_id not in self.events else self.events[event_id][0]

    def mark(self, event_id: str, now_ms: int) -> None:
        self.published.add(event_id)

    def overdue(self, written_before_ms: int, limit: int) -> list[str]:
        waiting = [
            (written_ms, event_id)
            for event_id, (_, written_ms) in self.events.items()
            if event_id not in self.published and written_ms < written_before_ms
        ]
        return [event_id for _, event_id in sorted(waiting)[:limit]]


@dataclass
class FakeAlertTopic:
    """`AlertTopic`; `broken` makes every publication fail."""

    broken: bool = False
    heard: list[AlertEvent] = field(default_factory=list)

    def publish(self, event: AlertEvent) -> None:
        if self.broken:
            raise TransientError("the fake topic is broken")
        self.heard.append(event)
