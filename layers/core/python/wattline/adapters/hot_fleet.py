"""Heartbeats and live states in the hot table.

* `VEHICLE#<id>` / `R#<UTC hour>#<received s>#<request>#<part>`: what one request said about a device's hour.
* `VEHICLE#<id>` / `LIVE`: the latest heartbeat, and whether it came alone; it never expires. Its attributes `list_pk`
  (one of a few shards) and `list_sk` put it into the index `fleet`, and `charging_pk`, there only while the vehicle
  charges, into the index `charging`. Both project keys only and change only when the state they index changes.
  Alerts are judged from the stream of these items' changes.

`METER#<id>` likewise.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zlib import crc32

from wattline.adapters.hot_table import HotTable
from wattline.domain.fleet import (
    HEARTBEAT_MS,
    HOT_WINDOW_MS,
    Heartbeat,
    HeartbeatStatement,
    Kind,
    Run,
    is_charging,
    live,
)
from wattline.domain.instants import HOUR_MS, to_datetime
from wattline.ports import DevicePage, HeartbeatRange

if TYPE_CHECKING:
    from wattline.adapters.hot_table import Item

LIVE = "LIVE"
ROWS_PER_ITEM = 2_000
"""Keeps an item under about 200 kB; DynamoDB's limit is 400 kB. Only files say so much about an hour at once."""

FLEET_INDEX = "fleet"
CHARGING_INDEX = "charging"
SHARDS = 8
"""A listing's index key takes 1,000 writes a second; a fleet that starts to charge at once needs more than one."""
_THREADS = 16


class DynamoHotFleet:
    """`HotFleet` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def put(self, kind: Kind, statements: Sequence[HeartbeatStatement], request: int, now_ms: int) -> None:
        """One item a device and hour; `request` tells apart requests of one second."""
        ordered = sorted(statements, key=lambda said: (said.heartbeat.device_id, said.heartbeat.ts_ms))
        runs = [
            Run(device, of_device[0].received_s, [(s.heartbeat.ts_ms, s.seq, *s.heartbeat.values) for s in of_device])
            for device, of_device in (
                (device, list(group)) for device, group in groupby(ordered, lambda said: said.heartbeat.device_id)
            )
        ]
        self.put_runs(kind, runs, request, now_ms)

    def put_runs(self, kind: Kind, runs: Sequence[Run], request: int, now_ms: int) -> None:
        """The same items."""
        self._table.put_all([item for run in runs for item in _items(kind, run, request, now_ms)])

    def read(self, kind: Kind, wanted: HeartbeatRange, now_ms: int) -> list[HeartbeatStatement]:
        """Every statement of the range that has not expired."""
        first, last = f"R#{_hour(wanted.start_ms)}#", f"R#{_hour(wanted.end_ms - 1)}#~"
        return [
            said
            for item in self._table.query(_pk(kind, wanted.device_id), first, last)
            if int(item["expires_at"]["N"]) * 1000 > now_ms
            for said in _run(wanted.device_id, item).statements
            if wanted.start_ms <= said.heartbeat.ts_ms < wanted.end_ms and said.received_s <= wanted.as_of_s
        ]

    def update_live(self, kind: Kind, statements: Iterable[HeartbeatStatement], *, complete: bool = True) -> None:
        """One conditional update a device: a newer moment wins, of the same moment the newer statement."""
        said = list(statements)
        counts = Counter(each.heartbeat.device_id for each in said)

        def update(newest: HeartbeatStatement) -> None:
            self._update(kind, newest, alone=complete and counts[newest.heartbeat.device_id] == 1)

        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(update, live(said)))

    def _update(self, kind: Kind, said: HeartbeatStatement, *, alone: bool) -> None:
        charging = kind is Kind.VEHICLE and is_charging(said.heartbeat)
        # Strictly newer: a repeat finds its own traces, fails the condition and changes nothing.
        is_newer = (
            "attribute_not_exists(ts) OR ts < :ts OR (ts = :ts AND "
            "(received_s < :received OR (received_s = :received AND seq < :seq)))"
        )
        shard = _shard(kind, crc32(said.heartbeat.device_id.encode()) % SHARDS)
        assignments = (
            "SET ts = :ts, received_s = :received, seq = :seq, measured = :measured, alone = :alone, "
            "list_pk = :shard, list_sk = :id"
        )
        values: dict[str, Any] = {
            ":ts": {"N": str(said.heartbeat.ts_ms)},
            ":received": {"N": str(said.received_s)},
            ":seq": {"N": str(said.seq)},
            ":measured": {"S": json.dumps(said.heartbeat.values)},
            ":alone": {"BOOL": alone},
            ":shard": {"S": shard},
            ":id": {"S": said.heartbeat.device_id},
        }
        self._table.update_if(
            _pk(kind, said.heartbeat.device_id),
            LIVE,
            f"{assignments}, charging_pk = :shard" if charging else f"{assignments} REMOVE charging_pk",
            values,
            condition=is_newer,
        )

    def live(self, kind: Kind, device_id: str) -> HeartbeatStatement | None:
        """The device's latest heartbeat."""
        item = self._table.get(_pk(kind, device_id), LIVE)
        return None if item is None else live_statement(item)

    def page(self, kind: Kind, *, charging: bool, after: str | None, limit: int) -> DevicePage:
        """Shard by shard, by id within; `after` is the `next` of the page before."""
        shard, after_id = (int(after[:2]), after[2:]) if after else (0, "")
        index, key = (CHARGING_INDEX, "charging_pk") if charging else (FLEET_INDEX, "list_pk")
        found: list[str] = []
        while shard < SHARDS:
            # one more than wanted tells whether a next page exists
            ids = self._table.index_page(index, key, _shard(kind, shard), after_id, limit + 1 - len(found))
            for device_id in ids:
                if len(found) == limit:
                    return DevicePage(self._live_of(kind, found), _place(kind, found[-1]))
                found.append(device_id)
            shard, after_id = shard + 1, ""
        return DevicePage(self._live_of(kind, found), None)

    def _live_of(self, kind: Kind, device_ids: Sequence[str]) -> list[HeartbeatStatement]:
        items = self._table.get_all([(_pk(kind, device_id), LIVE) for device_id in device_ids])
        by_id = {said.heartbeat.device_id: said for said in map(live_statement, items)}
        return [by_id[device_id] for device_id in device_ids if device_id in by_id]


def _pk(kind: Kind, device_id: str) -> str:
    return f"{kind.name}#{device_id}"


def _shard(kind: Kind, number: int) -> str:
    return f"{kind.name}S#{number}"


def _place(kind: Kind, device_id: str) -> str:
    return f"{crc32(device_id.encode()) % SHARDS:02d}{device_id}"


def _hour(ts_ms: int) -> str:
    return to_datetime(ts_ms).strftime("%Y-%m-%dT%H")


def _items(kind: Kind, run: Run, request: int, now_ms: int) -> Iterator["Item"]:
    """The readings' items, cut where an hour begins."""
    first = 0
    while first < len(run.rows):
        hour = run.rows[first][0] // HOUR_MS
        end = bisect_left(run.rows, ((hour + 1) * HOUR_MS,), first)
        for part, at in enumerate(range(first, end, ROWS_PER_ITEM)):
            rows = run.rows[at : min(end, at + ROWS_PER_ITEM)]
            kept_until = max(now_ms, rows[-1][0] + HEARTBEAT_MS) + HOT_WINDOW_MS + HOUR_MS
            yield {
                "pk": {"S": _pk(kind, run.device_id)},
                "sk": {"S": f"R#{_hour(hour * HOUR_MS)}#{run.received_s}#{request:010d}#{part}"},
                "rows": {"S": json.dumps(rows, separators=(",", ":"))},
                "expires_at": {"N": str(-(-kept_until // 1000))},
            }
        first = end


def _run(device_id: str, item: "Item") -> Run:
    return Run(device_id, int(item["sk"]["S"].split("#")[2]), json.loads(item["rows"]["S"]))


def live_statement(item: "Item") -> HeartbeatStatement:
    """What a live item says."""
    heartbeat = Heartbeat(item["list_sk"]["S"], int(item["ts"]["N"]), tuple(json.loads(item["measured"]["S"])))
    return HeartbeatStatement(heartbeat, int(item["received_s"]["N"]), int(item["seq"]["N"]))
