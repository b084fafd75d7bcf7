"""Heartbeats from the history."""

from decimal import Decimal
from importlib.resources import files
from string import Template

from wattline.adapters.athena import AthenaQueries, Timestamp
from wattline.domain.fleet import MEASURES, Heartbeat, HeartbeatStatement, Kind
from wattline.domain.instants import parse_instant
from wattline.ports import HeartbeatRange, Scan
from wattline.tables import HEARTBEATS, bucket_of

_SQL = Template((files("wattline.adapters") / "sql" / "heartbeats_of_device.sql").read_text())


class AthenaFleetHistory:
    """`FleetHistory` over Athena."""

    def __init__(self, queries: AthenaQueries) -> None:
        self._queries = queries

    def read(self, kind: Kind, wanted: HeartbeatRange) -> Scan:
        """One query: one device's row groups of the days asked for."""
        table = HEARTBEATS[kind]
        result = self._queries.run(
            _SQL.substitute(latest=table.latest_of_device(), columns=", ".join(table.column_names)),
            [
                table.dt_of(wanted.start_ms),
                table.dt_of(wanted.end_ms - 1),
                bucket_of(wanted.device_id),
                wanted.device_id,
                Timestamp(wanted.start_ms),
                Timestamp(wanted.end_ms),
                wanted.as_of_s,
            ],
        )
        return Scan([_statement(kind, wanted.device_id, row) for row in result.rows], result.scanned_bytes)


def _statement(kind: Kind, device_id: str, row: dict[str, str]) -> HeartbeatStatement:
    values = tuple(int(Decimal(row[measure.column]) * measure.factor) for measure in MEASURES[kind])
    heartbeat = Heartbeat(device_id, parse_instant(f"{row['ts']}Z"), values)
    return HeartbeatStatement(heartbeat, int(row["received_s"]), int(row["seq"]))
