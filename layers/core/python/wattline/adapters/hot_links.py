"""Links in the hot table.

`METER#<id>` / `LINKS` holds all links of a meter and their version; `VEHICLE#<id>` / `LINK#<from>#<meter>` is the
vehicle's side of one. Both sides change in one transaction, on the condition that the version is still the one
that was read, so that no overlap slips in between.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wattline.adapters.hot_table import HotTable
from wattline.domain.links import Link

if TYPE_CHECKING:
    from wattline.adapters.hot_table import Item

LINKS = "LINKS"


class DynamoLinks:
    """`Links` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def of_meter(self, meter_id: str) -> tuple[list[Link], int]:
        """One item."""
        item = self._table.get(f"METER#{meter_id}", LINKS)
        if item is None:
            return [], 0
        rows = json.loads(item["links"]["S"])
        return [Link(meter_id, vehicle, start, end) for vehicle, start, end in rows], int(item["version"]["N"])

    def replace(self, meter_id: str, links: Sequence[Link], version: int) -> bool:
        """The meter's item and the changed sides of vehicles, all or none."""
        before, found_version = self.of_meter(meter_id)
        if found_version != version:
            return False
        there, wanted = set(before), set(links)
        gone = [link for link in before if link not in wanted]
        new = [link for link in links if link not in there]
        kept_keys = {_vehicle_key(link) for link in new}
        meter = self._table.conditional_put(
            {
                "pk": {"S": f"METER#{meter_id}"},
                "sk": {"S": LINKS},
                "version": {"N": str(version + 1)},
                "links": {"S": json.dumps([(link.vehicle_id, link.from_ms, link.to_ms) for link in links])},
            },
            # of two that read the same version, one finds it gone
            condition="attribute_not_exists(pk)" if version == 0 else "version = :version",
            values={":version": {"N": str(version)}} if version else {},
        )
        changes: list[Any] = [meter]
        changes += [
            self._table.plain_delete(*_vehicle_key(link)) for link in gone if _vehicle_key(link) not in kept_keys
        ]
        changes += [self._table.plain_put(_vehicle_item(link)) for link in new]
        return self._table.transact(changes)

    def of_vehicle(self, vehicle_id: str) -> list[Link]:
        """By time."""
        items = self._table.query(f"VEHICLE#{vehicle_id}", "LINK#", "LINK#~")
        return [_vehicle_link(vehicle_id, item) for item in items]


def _vehicle_key(link: Link) -> tuple[str, str]:
    return f"VEHICLE#{link.vehicle_id}", f"LINK#{link.from_ms:015d}#{link.meter_id}"


def _vehicle_item(link: Link) -> "Item":
    pk, sk = _vehicle_key(link)
    end: Any = {} if link.to_ms is None else {"to_ms": {"N": str(link.to_ms)}}
    return {"pk": {"S": pk}, "sk": {"S": sk}, **end}


def _vehicle_link(vehicle_id: str, item: "Item") -> Link:
    _, start, meter_id = item["sk"]["S"].split("#")
    end = item.get("to_ms")
    return Link(meter_id, vehicle_id, int(start), int(end["N"]) if end else None)
