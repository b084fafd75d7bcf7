"""Marks, locks and states of partitions in the hot table.

`DIRTY#<table>`, `LOCK#<table>` and `COMPACTED#<table>`, each with the partition's dt as its `sk`.
"""

import json
from typing import TYPE_CHECKING, Any

from wattline.adapters.hot_table import HotTable
from wattline.ports import PartitionState
from wattline.tables import Table

if TYPE_CHECKING:
    from wattline.adapters.hot_table import Item


class DynamoLedger:
    """`Ledger` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def marked(self, table: Table) -> list[str]:
        """By one key."""
        return [item["sk"]["S"] for item in self._table.query(f"DIRTY#{table.name}", "0", "~")]

    def mark(self, table: Table, dt: str) -> str | None:
        """The name of the object that was written last."""
        item = self._table.get(f"DIRTY#{table.name}", dt)
        return None if item is None else item["object"]["S"]

    def clear(self, table: Table, dt: str, mark: str) -> None:
        """A conditional deletion."""
        self._table.transact([_delete_if(self._table, f"DIRTY#{table.name}", dt, "#is = :mine", "object", mark)])

    def lock(self, table: Table, dt: str, run: str, now_ms: int, until_ms: int) -> bool:
        """The expiry is tested here, on the clock of the one who wants the lock; a TTL would come days late."""
        lock: Item = {
            "pk": {"S": f"LOCK#{table.name}"},
            "sk": {"S": dt},
            "run": {"S": run},
            "until_ms": {"N": str(until_ms)},
        }
        is_free = "attribute_not_exists(pk) OR until_ms <= :now"
        return self._table.transact(
            [self._table.conditional_put(lock, condition=is_free, values={":now": {"N": str(now_ms)}})]
        )

    def unlock(self, table: Table, dt: str, run: str) -> None:
        """A conditional deletion: a lock that was taken over stays."""
        self._table.transact([_delete_if(self._table, f"LOCK#{table.name}", dt, "#is = :mine", "run", run)])

    def state(self, table: Table, dt: str) -> PartitionState:
        """One item."""
        item = self._table.get(f"COMPACTED#{table.name}", dt)
        if item is None:
            return PartitionState()
        keys = json.loads(item["superseded"]["S"])
        return PartitionState(int(item["generation"]["N"]), tuple(keys), int(item["superseded_ms"]["N"]))

    def commit(self, table: Table, dt: str, run: str, state: PartitionState) -> bool:
        """In one transaction with a look at the lock, so that a run that lost it cannot."""
        is_mine: dict[str, Any] = {
            "ConditionCheck": {
                "TableName": self._table.name,
                "Key": {"pk": {"S": f"LOCK#{table.name}"}, "sk": {"S": dt}},
                "ConditionExpression": "#run = :run",
                "ExpressionAttributeNames": {"#run": "run"},
                "ExpressionAttributeValues": {":run": {"S": run}},
            }
        }
        item: Item = {
            "pk": {"S": f"COMPACTED#{table.name}"},
            "sk": {"S": dt},
            "generation": {"N": str(state.generation)},
            "superseded": {"S": json.dumps(state.superseded)},
            "superseded_ms": {"N": str(state.superseded_ms)},
        }
        return self._table.transact([is_mine, self._table.plain_put(item)])


def _delete_if(  # noqa: PLR0913, PLR0917 - the parts of a conditional deletion
    table: HotTable, pk: str, sk: str, condition: str, attribute: str, value: str
) -> dict[str, Any]:
    deletion = table.plain_delete(pk, sk)
    deletion["Delete"] |= {
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {"#is": attribute},
        "ExpressionAttributeValues": {":mine": {"S": value}},
    }
    return deletion
