"""Recent energy statements in the hot table.

`SHIP#<id>` / `E#<UTC day>#<received ms>#<seq>#<part>` holds what one post said about one UTC day: one item
where there would be up to 96 if each quarter hour had its own (docs/adr/0003). `SHIP#<id>` / `DEVICE` says that
the ship is known, and never expires.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from wattline.adapters.hot_table import HotTable
from wattline.domain.energy import Basis, Piece, Statement
from wattline.domain.instants import DAY_MS, HOUR_MS, INTERVAL_MS, day_of, parse_instant
from wattline.ports import EnergyRange, EnergySlice, Received

if TYPE_CHECKING:
    from wattline.adapters.hot_table import Item

PIECES_PER_ITEM = 2_000
"""Keeps an item under about 90 kB; DynamoDB's limit is 400 kB."""

DEVICE = "DEVICE"


class DynamoHotEnergy:
    """`HotEnergy` over the hot table; `window_ms` is how long a statement stays after its event time."""

    def __init__(self, table: HotTable, window_ms: int) -> None:
        self._table = table
        self._window_ms = window_ms

    def put(self, spaceship_id: str, pieces: Sequence[Piece], received: Received, now_ms: int) -> None:
        """One item a UTC day, and the ship's own."""
        items = [_device_item(spaceship_id)]
        for day, of_day in groupby(pieces, lambda piece: day_of(piece.interval_ms)):
            whole_day = list(of_day)
            for part, first in enumerate(range(0, len(whole_day), PIECES_PER_ITEM)):
                sk = f"E#{day}#{received.at_ms:013d}#{received.seq:010d}#{part:03d}"
                items.append(self._item(spaceship_id, sk, whole_day[first : first + PIECES_PER_ITEM], now_ms))
        self._table.put_all(items)

    def _item(self, spaceship_id: str, sk: str, pieces: Sequence[Piece], now_ms: int) -> "Item":
        kept_until = max(now_ms, pieces[-1].interval_ms + INTERVAL_MS) + self._window_ms + HOUR_MS
        return {
            "pk": {"S": _pk(spaceship_id)},
            "sk": {"S": sk},
            "basis": {"S": pieces[0].basis.value},
            "pieces": {"S": _encode(pieces)},
            "expires_at": {"N": str(-(-kept_until // 1000))},
        }

    def read(self, wanted: EnergyRange, now_ms: int, at_least: int) -> EnergySlice:
        """Whole days in time order, until enough quarter hours are complete."""
        first, last = f"E#{day_of(wanted.start_ms)}#", f"E#{day_of(wanted.end_ms - 1)}#~"
        statements: list[Statement] = []
        intervals: set[int] = set()
        items = self._table.query(_pk(wanted.spaceship_id), first, last)
        for day, of_day in groupby(items, lambda item: item["sk"]["S"].split("#")[1]):
            if len(intervals) >= at_least:
                return EnergySlice(statements, _midnight(day))
            for said in (said for item in of_day if not _expired(item, now_ms) for said in _statements(item)):
                start = said.piece.interval_ms
                if wanted.start_ms <= start < wanted.end_ms and said.received_ms <= wanted.as_of_ms:
                    statements.append(said)
                    intervals.add(start)
        return EnergySlice(statements, wanted.end_ms)

    def knows(self, spaceship_id: str) -> bool:
        """By the ship's own item."""
        return self._table.has(_pk(spaceship_id), DEVICE)


def _pk(spaceship_id: str) -> str:
    return f"SHIP#{spaceship_id}"


def _device_item(spaceship_id: str) -> "Item":
    return {"pk": {"S": _pk(spaceship_id)}, "sk": {"S": DEVICE}}


def _midnight(day: str) -> int:
    return parse_instant(f"{day}T00:00:00Z")


def _expired(item: "Item", now_ms: int) -> bool:
    """DynamoDB deletes up to days late; what is past its time must not differ from what is gone."""
    return int(item["expires_at"]["N"]) * 1000 <= now_ms


def _encode(pieces: Sequence[Piece]) -> str:
    """[[quarter of the day, offset ms, length ms, amount], ...]"""
    rows = [
        (piece.interval_ms % DAY_MS // INTERVAL_MS, piece.offset_ms, piece.length_ms, piece.amount) for piece in pieces
    ]
    return json.dumps(rows, separators=(",", ":"))


def _statements(item: "Item") -> Iterator[Statement]:
    _, day, received_ms, seq, _ = item["sk"]["S"].split("#")
    midnight, basis = _midnight(day), Basis(item["basis"]["S"])
    for quarter, offset_ms, length_ms, amount in json.loads(item["pieces"]["S"]):
        piece = Piece(midnight + quarter * INTERVAL_MS, offset_ms, length_ms, amount, basis)
        yield Statement(piece, int(received_ms), int(seq))
