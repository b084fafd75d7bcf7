"""Batteries in the hot table.

`BATTERY#<id>` / `LIVE` is all that is known of a battery now: `described` and `latest` as compact JSON, and a
`version` that counts its changes. It never expires. `list_pk` (one of a few shards) and `list_sk` put it into the
index `fleet`, which projects keys only and so changes when a battery is first heard of.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from wattline.adapters.hot_table import HotTable
from wattline.domain.batteries import Battery, Description, Latest, merge
from wattline.errors import TransientError
from wattline.ports import BatteryPage

if TYPE_CHECKING:
    from wattline.adapters.hot_table import Item

LIVE = "LIVE"
FLEET_INDEX = "fleet"
SHARDS = 4
ATTEMPTS = 8


class DynamoHotBatteries:
    """`HotBatteries` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def merge(self, said: Battery) -> None:
        """One read, and one write unless nothing is newer: all metrics of a response cost what one would.

        The write is conditional on the version that was read; what somebody else wrote in between is merged with.
        """
        for attempt in range(ATTEMPTS):
            self._table.pause_before(attempt)
            item = self._table.get(_pk(said.device_id), LIVE)
            before = Battery(said.device_id) if item is None else _battery(item)
            after = merge(before, said)
            if item is not None and after == before:
                return
            if self._replace(after, 0 if item is None else int(item["version"]["N"])):
                return
        raise TransientError(f"battery {said.device_id} is being changed by others; repeat the request")

    def _replace(self, battery: Battery, version: int) -> bool:
        unchanged_since_read = "attribute_not_exists(version) OR version = :before"
        values: dict[str, Any] = {
            ":before": {"N": str(version)},
            ":after": {"N": str(version + 1)},
            ":described": {"S": _dumps(_described(battery.description))},
            ":latest": {"S": _dumps({name: _row(said) for name, said in battery.latest.items()})},
            ":shard": {"S": _shard(crc32(battery.device_id.encode()) % SHARDS)},
            ":id": {"S": battery.device_id},
        }
        return self._table.update_if(
            _pk(battery.device_id),
            LIVE,
            "SET version = :after, described = :described, latest = :latest, list_pk = :shard, list_sk = :id",
            values,
            condition=unchanged_since_read,
        )

    def get(self, device_id: str) -> Battery | None:
        """One item."""
        item = self._table.get(_pk(device_id), LIVE)
        return None if item is None else _battery(item)

    def page(self, *, after: str | None, limit: int) -> BatteryPage:
        """Shard by shard, by id within; `after` is the `next` of the page before."""
        shard, after_id = (int(after[:2]), after[2:]) if after else (0, "")
        found: list[str] = []
        while shard < SHARDS:
            # one more than wanted tells whether a next page exists
            ids = self._table.index_page(FLEET_INDEX, "list_pk", _shard(shard), after_id, limit + 1 - len(found))
            for device_id in ids:
                if len(found) == limit:
                    return BatteryPage(self._all(found), f"{crc32(found[-1].encode()) % SHARDS:02d}{found[-1]}")
                found.append(device_id)
            shard, after_id = shard + 1, ""
        return BatteryPage(self._all(found), None)

    def _all(self, device_ids: Sequence[str]) -> list[Battery]:
        items = self._table.get_all([(_pk(device_id), LIVE) for device_id in device_ids])
        by_id = {battery.device_id: battery for battery in map(_battery, items)}
        return [by_id[device_id] for device_id in device_ids if device_id in by_id]


def _pk(device_id: str) -> str:
    return f"BATTERY#{device_id}"


def _shard(number: int) -> str:
    return f"BATTERIES#{number}"


def _described(said: Description | None) -> list[object] | None:
    return None if said is None else [said.text, said.state, said.received_ms, said.seq]


def _row(said: Latest) -> list[int]:
    return [said.ts_ms, said.received_ms, said.seq, said.value]


def _dumps(content: object) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _battery(item: "Item") -> Battery:
    described = json.loads(item["described"]["S"])
    latest = {name: Latest(*row) for name, row in json.loads(item["latest"]["S"]).items()}
    return Battery(item["list_sk"]["S"], None if described is None else Description(*described), latest)
