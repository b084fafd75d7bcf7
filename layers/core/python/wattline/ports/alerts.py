"""Alerts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wattline.domain.alerts import Alert, AlertEvent, AlertState, Device, LiveChange, Rule, Transition


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """A rule's state on a device, and the version to change it by."""

    alert: Alert = field(default_factory=Alert)
    version: int = 0


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """A pending, firing or clearing alert, as it is listed."""

    device: Device
    rule: str
    metric: str
    state: AlertState
    since_ms: int
    value: float
    fired_ms: int | None


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Open alerts, and where the next page goes on (None at the end)."""

    alerts: list[OpenAlert]
    next: str | None


class Alerts(Protocol):
    """The states of alerts."""

    def of_device(self, device: Device) -> dict[str, StoredAlert]:
        """By rule; none for a rule that never left its first state. Raises TransientError."""

    def save(  # noqa: PLR0913 - the parts of a versioned write
        self,
        device: Device,
        rule: Rule,
        alert: Alert,
        transitions: Sequence[Transition],
        *,
        version: int,
        now_ms: int,
    ) -> bool:
        """Put the state in place of that version, and the transitions (at most 99) into the outbox, all or nothing.

        False when that version is no longer the newest. Raises TransientError.
        """

    def page(self, *, rule: str | None, state: AlertState | None, after: str | None, limit: int) -> AlertPage:
        """Open alerts by rule and device. Raises TransientError."""


class AlertOutbox(Protocol):
    """Transitions that were decided, until they are published."""

    def waiting(self, event_id: str) -> AlertEvent | None:
        """The event, or None once it is marked (or forgotten, a month later). Raises TransientError."""

    def mark(self, event_id: str, now_ms: int) -> None:
        """Say that it was published. Raises TransientError."""

    def overdue(self, written_before_ms: int, limit: int) -> list[str]:
        """Ids of events that wait since before that time, oldest first. Raises TransientError."""


class AlertTopic(Protocol):
    """Those who want to hear of alerts."""

    def publish(self, event: AlertEvent) -> None:
        """Durable when it returns. Raises TransientError."""


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """What the hot table's stream tells the alerter: a vehicle's live `change`, or the id of an event to publish.

    Records of one `key` come in order; `number` names the record to the stream.
    """

    number: str
    key: str
    change: LiveChange | None = None
    event_id: str | None = None
