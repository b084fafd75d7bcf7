"""Alerts in the hot table.

* `VEHICLE#<id>` / `ALERT#<rule>`: the state of a rule on a device and its version. It never expires. Only while the
  alert is open its attributes `alerts_pk` and `alerts_sk` put it into the index `alerts`.
* `VEHICLE#<id>` / `TRANSITION#<rule>#<number>`: a transition, kept for 30 days. Until it is marked as published it
  is in the same index, under a key of its own, by the time it was written.

`BATTERY#<id>` likewise. The index projects what a listing shows, all of which changes with the state only. Its one
key takes 1,000 transitions a second, so that it needs no shards.
"""

import json
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from wattline.adapters.hot_table import HotTable
from wattline.domain.alerts import (
    OPEN,
    Alert,
    AlertEvent,
    AlertState,
    Device,
    DeviceKind,
    Rule,
    Transition,
    event_of,
)
from wattline.domain.instants import DAY_MS
from wattline.ports import AlertPage, OpenAlert, StoredAlert

if TYPE_CHECKING:
    from wattline.adapters.hot_table import Item

ALERTS_INDEX = "alerts"
LISTED = ("metric", "state", "since_ms", "value", "fired_ms")
"""What the index holds beside keys."""
TRANSITION = "TRANSITION#"
KEPT_MS = 30 * DAY_MS
EXAMINED = 1_000
"""Index items that one query looks at when only some states are wanted; some 200 kB."""

_OPEN = "OPEN"
_OUTBOX = "OUTBOX"


class DynamoAlerts:
    """`Alerts` and `AlertOutbox` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def of_device(self, device: Device) -> dict[str, StoredAlert]:
        """One query of the device's key."""
        items = self._table.query(_pk(device), "ALERT#", "ALERT#~")
        return {item["sk"]["S"].split("#")[1]: _stored(item) for item in items}

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
        """One transaction."""
        put = self._table.conditional_put(
            _alert_item(device, rule, alert, version + 1),
            # of two that read the same version, one finds it gone
            condition="attribute_not_exists(pk)" if version == 0 else "version = :version",
            values={":version": {"N": str(version)}} if version else {},
        )
        events = [event_of(device, rule, transition) for transition in transitions]
        return self._table.transact([put, *(self._table.plain_put(_event_item(event, now_ms)) for event in events)])

    def page(self, *, rule: str | None, state: AlertState | None, after: str | None, limit: int) -> AlertPage:
        """One query of the index, by rule, kind and id; `after` is the `next` of the page before."""
        prefix = f"{rule}#" if rule else ""
        found: list[OpenAlert] = []
        items = self._table.query_index(
            ALERTS_INDEX,
            _OPEN,
            # a blank sorts before whatever an id may go on with
            f"{after} " if after else prefix or " ",
            f"{prefix}~",
            # one more tells whether a next page exists; of those in other states many are passed over at once
            limit=limit + 1 if state is None else max(limit + 1, EXAMINED),
            only={"state": {"S": state.value}} if state else None,
        )
        last = None
        for item in items:
            if len(found) == limit:
                return AlertPage(found, last)
            found.append(_open_alert(item))
            last = item["alerts_sk"]["S"]
        return AlertPage(found, None)

    def waiting(self, event_id: str) -> AlertEvent | None:
        """One item."""
        item = self._table.get(*_event_key(event_id))
        return None if item is None or "published_ms" in item else _event(event_id, item)

    def mark(self, event_id: str, now_ms: int) -> None:
        """A conditional update: what has expired stays away."""
        self._table.update_if(
            *_event_key(event_id),
            "SET published_ms = :now REMOVE alerts_pk, alerts_sk",
            {":now": {"N": str(now_ms)}},
            condition="attribute_exists(pk)",
        )

    def overdue(self, written_before_ms: int, limit: int) -> list[str]:
        """One query of the index."""
        items = self._table.query_index(ALERTS_INDEX, _OUTBOX, " ", f"{written_before_ms:015d}", limit=limit)
        return [item["alerts_sk"]["S"].split("#")[1] for item in islice(items, limit)]


def event_id_of(pk: str, sk: str) -> str:
    """The id of the event that the transition with this key is."""
    kind, device_id = pk.split("#")
    _, rule, number = sk.split("#")
    return f"{DeviceKind[kind]}/{device_id}/{rule}/{int(number)}"


def _event_key(event_id: str) -> tuple[str, str]:
    kind, device_id, rule, number = event_id.split("/")
    return _pk(Device(DeviceKind(kind), device_id)), f"{TRANSITION}{rule}#{int(number):010d}"


def _pk(device: Device) -> str:
    return f"{device.kind.name}#{device.id}"


def _alert_item(device: Device, rule: Rule, alert: Alert, version: int) -> "Item":
    index: Any = {
        "alerts_pk": {"S": _OPEN},
        "alerts_sk": {"S": f"{rule.name}#{device.kind.name}#{device.id}"},
    }
    return {
        "pk": {"S": _pk(device)},
        "sk": {"S": f"ALERT#{rule.name}"},
        "version": {"N": str(version)},
        "transitions": {"N": str(alert.transitions)},
        "judged": {"S": json.dumps(alert.judged)},
        **_shown(rule.metric, alert.state, alert.since_ms, alert.value, alert.fired_ms),
        **(index if alert.state in OPEN else {}),
    }


def _event_item(event: AlertEvent, now_ms: int) -> "Item":
    pk, sk = _event_key(event.id)
    return {
        "pk": {"S": pk},
        "sk": {"S": sk},
        "before": {"S": event.before.value},
        **_shown(event.metric, event.state, event.at_ms, event.value, event.fired_ms),
        "alerts_pk": {"S": _OUTBOX},
        "alerts_sk": {"S": f"{now_ms:015d}#{event.id}"},
        "expires_at": {"N": str((now_ms + KEPT_MS) // 1000)},
    }


def _shown(metric: str, state: AlertState, since_ms: int, value: float | None, fired_ms: int | None) -> dict[str, Any]:
    optional = {"value": value, "fired_ms": fired_ms}
    return {
        "metric": {"S": metric},
        "state": {"S": state.value},
        "since_ms": {"N": str(since_ms)},
        **{name: {"N": repr(number)} for name, number in optional.items() if number is not None},
    }


def _stored(item: "Item") -> StoredAlert:
    ts_ms, received, seq = json.loads(item["judged"]["S"])
    alert = Alert(
        AlertState(item["state"]["S"]),
        int(item["since_ms"]["N"]),
        float(item["value"]["N"]) if "value" in item else None,
        _fired_ms(item),
        int(item["transitions"]["N"]),
        (ts_ms, received, seq),
    )
    return StoredAlert(alert, int(item["version"]["N"]))


def _open_alert(item: "Item") -> OpenAlert:
    rule, kind, device_id = item["alerts_sk"]["S"].split("#")
    return OpenAlert(
        Device(DeviceKind[kind], device_id),
        rule,
        item["metric"]["S"],
        AlertState(item["state"]["S"]),
        int(item["since_ms"]["N"]),
        float(item["value"]["N"]),
        _fired_ms(item),
    )


def _event(event_id: str, item: "Item") -> AlertEvent:
    kind, device_id, rule, number = event_id.split("/")
    return AlertEvent(
        Device(DeviceKind(kind), device_id),
        rule,
        item["metric"]["S"],
        int(number),
        AlertState(item["before"]["S"]),
        AlertState(item["state"]["S"]),
        int(item["since_ms"]["N"]),
        float(item["value"]["N"]),
        _fired_ms(item),
    )


def _fired_ms(item: "Item") -> int | None:
    return int(item["fired_ms"]["N"]) if "fired_ms" in item else None
