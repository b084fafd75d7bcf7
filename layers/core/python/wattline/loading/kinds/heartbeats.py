"""`drops/vehicles` and `drops/meters`: heartbeats in bulk, a row each."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from wattline.adapters.arrow import pc
from wattline.domain import fleet
from wattline.domain.fleet import HOT_WINDOW_MS, Heartbeat, HeartbeatStatement, Measure
from wattline.loading.columns import LINE, Column
from wattline.loading.judging import Instant, Number, identifier
from wattline.loading.kind import Drop, Progress, Stores, good_rows
from wattline.tables import HEARTBEATS


@dataclass(frozen=True)
class HeartbeatsKind:
    """The columns have the names that `POST /v1/telemetry` uses, or those of the history table."""

    kind: fleet.Kind
    device: Column
    measured: dict[str, Measure]

    def load(self, drop: Drop, to: Stores, progress: Progress) -> None:
        """History for all rows; hot rows and live states for those inside the hot window."""
        table = HEARTBEATS[self.kind]
        landing = to.landing(table, drop)
        newest: dict[str, HeartbeatStatement] = {}
        columns = [
            self.device,
            Column("timestamp", Instant(), ("ts",)),
            *(Column(name, Number(measure), (measure.column,)) for name, measure in self.measured.items()),
        ]
        for block, rows in enumerate(good_rows(drop, columns, progress)):
            stored = rows.rename_columns([*table.column_names[:-2], LINE])
            stored = stored.append_column("received_s", pa.repeat(pa.scalar(drop.received_ms // 1000), len(rows)))
            landing.add(stored.append_column("seq", rows[LINE]))
            recent = self._recent(stored, drop)
            to.fleet.put(self.kind, recent, drop.request(block), drop.now_ms)
            newest |= {said.heartbeat.device_id: said for said in fleet.live([*newest.values(), *recent])}
            progress.stored(len(rows))
        landing.flush()
        to.fleet.update_live(self.kind, newest.values(), complete=False)

    def _recent(self, rows: pa.Table, drop: Drop) -> list[HeartbeatStatement]:
        """Those that the hot window covers."""
        recent = rows.filter(pc.greater_equal(rows["ts"], drop.now_ms - HOT_WINDOW_MS))
        columns: list[list[Any]] = [column.to_pylist() for column in recent.columns]
        device, ts, *values, line, received_s = columns
        measured = zip(*values, strict=True)
        return [
            HeartbeatStatement(Heartbeat(*said), received, seq)
            for said, received, seq in zip(zip(device, ts, measured, strict=True), received_s, line, strict=True)
        ]


def VehiclesKind() -> HeartbeatsKind:
    """Vehicles."""
    return HeartbeatsKind(
        fleet.Kind.VEHICLE, Column("vehicleId", identifier(), ("vehicle_id",)), fleet.FIELDS[fleet.Kind.VEHICLE]
    )


def MetersKind() -> HeartbeatsKind:
    """Meters."""
    return HeartbeatsKind(
        fleet.Kind.METER, Column("meterId", identifier(), ("meter_id",)), fleet.FIELDS[fleet.Kind.METER]
    )
