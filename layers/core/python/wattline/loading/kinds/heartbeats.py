"""`drops/vehicles` and `drops/meters`: heartbeats in bulk, a row each."""

from dataclasses import dataclass, replace

import pyarrow as pa

from wattline.adapters.arrow import pc
from wattline.adapters.integer_order import ranks, stable_order
from wattline.adapters.parquet_files import one_chunk
from wattline.domain import fleet
from wattline.domain.fleet import HOT_WINDOW_MS, HeartbeatStatement, Measure, Run
from wattline.loading.columns import Column
from wattline.loading.judging import Instant, Number, identifier
from wattline.loading.kind import Drop, Progress, Stores, good_rows
from wattline.ports import HotFleet
from wattline.tables import HEARTBEATS

HOT_ROWS = 500_000
"""Recent rows that are gathered before they go to the hot table: what an item says of a device's hour is the more."""

SLICE = 100_000
"""Of those, so many become Python objects at once."""


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
        hot = _HotRows(self.kind, drop, to.fleet)
        columns = [
            self.device,
            Column("timestamp", Instant(), ("ts",)),
            *(Column(name, Number(measure), (measure.column,)) for name, measure in self.measured.items()),
        ]
        for rows in good_rows(drop, columns, progress):
            stored = rows.rename_columns([*table.column_names[:-2], "seq"])  # the line orders a file's statements
            received = pa.repeat(pa.scalar(drop.received_ms // 1000), len(rows))
            stored = stored.add_column(len(stored.columns) - 1, "received_s", received)
            landing.add(stored)
            hot.add(stored.filter(pc.greater_equal(stored["ts"], drop.now_ms - HOT_WINDOW_MS)))
            progress.stored(len(rows))
        landing.flush()
        hot.flush()
        to.fleet.update_live(self.kind, hot.newest, complete=False)


class _HotRows:
    """The rows that the hot window covers, device by device."""

    def __init__(self, kind: fleet.Kind, drop: Drop, to: HotFleet) -> None:
        self._kind = kind
        self._drop = drop
        self._to = to
        self._gathered: list[pa.Table] = []
        self._rows = 0
        self._requests = 0
        self.newest: list[HeartbeatStatement] = []
        """What is known to hold now, once a device."""

    def add(self, rows: pa.Table) -> None:
        """Rows in flight form, with the columns of the history table."""
        if len(rows):  # of none a table would keep its dictionaries, and a file of old rows has many such blocks
            self._gathered.append(rows)
        self._rows += len(rows)
        if self._rows >= HOT_ROWS:
            self.flush()

    def flush(self) -> None:
        """Put what is gathered. Raises TransientError."""
        if self._rows:
            rows = pa.concat_tables(self._gathered).unify_dictionaries().combine_chunks()
            # the lines of a file ascend, so what is said twice about a moment stays in their order
            ordered = rows.take(stable_order([ranks(one_chunk(column)) for column in rows.columns[:2]]))
            ends: list[HeartbeatStatement] = []
            for first in range(0, len(ordered), SLICE):
                runs = _runs(ordered.slice(first, SLICE), self._drop.received_ms // 1000)
                self._to.put_runs(self._kind, runs, self._drop.request(self._requests), self._drop.now_ms)
                self._requests += 1
                ends += [replace(run, rows=run.rows[-1:]).statements[0] for run in runs]
            self.newest = fleet.live([*self.newest, *ends])
        self._gathered, self._rows = [], 0


def _runs(rows: pa.Table, received_s: int) -> list[Run]:
    """Rows by device and time, as runs of a device each."""
    devices, ts, *values, _, seq = (one_chunk(column) for column in rows.columns)
    said = list(zip(ts.to_pylist(), seq.to_pylist(), *(column.to_pylist() for column in values), strict=True))
    of_device = pc.run_end_encode(devices.indices)
    ends = of_device.run_ends.to_pylist()
    names = devices.dictionary.take(of_device.values).to_pylist()
    return [Run(name, received_s, said[first:end]) for name, first, end in zip(names, [0, *ends], ends, strict=False)]


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
