"""Reports and the newest poll of all stores in the hot table.

`REPORT#<id>` / `REPORT`, with a TTL; `STORES` / `NEWEST_POLL`, which never expires.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from wattline.adapters.hot_table import HotTable
from wattline.domain.reports import Report, State

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from wattline.adapters.hot_table import Item

_SK = "REPORT"


class DynamoReports:
    """`Reports` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def create(self, report: Report) -> None:
        """One put."""
        item: Item = {
            "pk": {"S": _pk(report.report_id)},
            "sk": {"S": _SK},
            "now_ms": {"N": str(report.now_ms)},
            "triggered_ms": {"N": str(report.triggered_ms)},
            "report_state": {"S": report.state.value},
            "expires_at": {"N": str(-(-report.expires_ms // 1000))},
        }
        self._table.put_all([item])

    def get(self, report_id: str) -> Report | None:
        """One consistent read."""
        item = self._table.get(_pk(report_id), _SK)
        return None if item is None else _report(report_id, item)

    def settle(self, report: Report) -> bool:
        """An update on the condition that the report still runs: what is settled stays."""
        values: dict[str, AttributeValueTypeDef] = {
            ":running": {"S": State.RUNNING.value},
            ":state": {"S": report.state.value},
            ":file": {"S": report.key},
            ":stores": {"N": str(report.rows)},
            ":reason": {"S": report.reason},
        }
        update = "SET report_state = :state, file_key = :file, stores = :stores, reason = :reason"
        still_runs = "report_state = :running"
        return self._table.update_if(_pk(report.report_id), _SK, update, values, condition=still_runs)


class DynamoNewestPoll:
    """`NewestPoll` over the hot table."""

    def __init__(self, table: HotTable) -> None:
        self._table = table

    def advance(self, ts_ms: int) -> None:
        """An update that never goes back."""
        is_newer = "attribute_not_exists(ts_ms) OR ts_ms < :ts"
        self._table.update_if(*_NEWEST, "SET ts_ms = :ts", {":ts": {"N": str(ts_ms)}}, condition=is_newer)

    def read(self) -> int | None:
        """One consistent read."""
        item = self._table.get(*_NEWEST)
        return None if item is None else int(item["ts_ms"]["N"])


_NEWEST = ("STORES", "NEWEST_POLL")


def _pk(report_id: str) -> str:
    return f"REPORT#{report_id}"


def _report(report_id: str, item: "Item") -> Report:
    report = Report(
        report_id, int(item["now_ms"]["N"]), int(item["triggered_ms"]["N"]), State(item["report_state"]["S"])
    )
    if report.state is State.RUNNING:
        return report
    return replace(report, key=item["file_key"]["S"], rows=int(item["stores"]["N"]), reason=item["reason"]["S"])
