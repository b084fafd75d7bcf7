"""Batteries: bytes a value in the history against other layouts, what one series costs to read, and how fast it loads.

Three assets with 5, 6 and 14 series, like the vendor's, every 4 seconds for a day, fetched once an hour.
"""

import io
import json
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from infra.local.athena.engine import Query
from tests.benchmarks.lake import MemoryS3
from tests.benchmarks.tables import Row, print_table
from wattline.adapters.athena import Timestamp, sql_literal
from wattline.adapters.parquet_files import arrow_rows, arrow_schema, landing_object
from wattline.adapters.partition_objects import S3PartitionObjects
from wattline.batches import Row as TableRow
from wattline.domain.batteries import MICRO, is_register
from wattline.domain.instants import FOREVER_MS, HOUR_MS, parse_instant
from wattline.domain.loads import Format
from wattline.loading.kind import Drop, Stores
from wattline.loading.kinds.batteries import TelemetryKind
from wattline.tables import BATTERY_TELEMETRY, bucket_of

TABLE = BATTERY_TELEMETRY
START_MS = parse_instant("2025-02-06T00:00:00Z")
HOURS = 24
STEP_MS = 4_000
REGISTERS = ("BatteryExportKwh", "GridImportKwh-mainmeter", "BatteryImportKwh", "GridExportKwh-submeter")
SERIES = {
    "5e1f2a9c-small": (*REGISTERS[:2], "BatteryPowerW", "GeneratedPowerW", "StateOfChargePercentage"),
    "77b0c3d4-middle": (*REGISTERS[:2], REGISTERS[3], "GridImportKwh-submeter", "BatteryPowerW", "GeneratedPowerW"),
    "a3d95e60-large": (
        *REGISTERS, "GridImportKwh-submeter", "GridExportKwh-mainmeter", "GeneratedExportKwh", "BatteryPowerW",
        "PowerSetpointW", "PowerSetpointExternalW", "GridPowerW-submeter", "GridPowerW-mainmeter", "GeneratedPowerW",
        "StateOfChargePercentage",
    ),
}  # fmt: skip
ONE = ("a3d95e60-large", "StateOfChargePercentage")


def series(name: str, random: Random) -> Iterator[float]:
    """Values as the vendor writes them: registers to 0.02 kWh, whole watts and percents, setpoints mostly idle."""
    level: float = random.randrange(100_000, 500_000) if is_register(name) else random.randrange(20, 90)
    while True:
        if is_register(name):
            level += random.choice((0, 0, 0, 0.02, 0.02, 0.04))
            yield round(level, 2)
        elif "Percentage" in name:
            level = min(100, max(0, level + random.choice((-1, 1)) * (random.random() < 0.01)))
            yield level
        elif "Setpoint" in name:
            yield 0
        else:
            yield level * 1_000 + random.randrange(-60, 60)


def hourly() -> Iterator[tuple[str, list[TableRow]]]:
    """The rows of each response: one asset's hour, series by series."""
    random = Random(1)
    values = {(asset, name): series(name, random) for asset, names in SERIES.items() for name in names}
    for hour in range(HOURS):
        received_ms = START_MS + (hour + 1) * HOUR_MS + random.randrange(20) * 1_000
        for asset, names in SERIES.items():
            times = range(START_MS + hour * HOUR_MS, START_MS + (hour + 1) * HOUR_MS, STEP_MS)
            points = [(name, ts, round(next(values[asset, name]) * MICRO)) for name in names for ts in times]
            yield asset, [(asset, name, ts, v, received_ms, seq) for seq, (name, ts, v) in enumerate(points)]


def wide(rows: list[TableRow]) -> pa.Table:
    """A column a series, a row a moment; with the same types."""
    names = sorted({str(row[1]) for row in rows})
    moments: dict[tuple[str, int], dict[str, Any]] = {}
    for device, name, ts, value, received_ms, seq in rows:
        moment = moments.setdefault((str(device), int(ts)), {"received_at": received_ms, "seq": seq})
        moment[str(name)] = Decimal(int(value)).scaleb(-6)
    schema = arrow_schema(TABLE)
    fields = [schema.field("device_id"), schema.field("ts")]
    fields += [pa.field(name, schema.field("value").type) for name in names]
    fields += [schema.field("received_at"), schema.field("seq")]
    content = [{"device_id": device, "ts": ts, **moment} for (device, ts), moment in sorted(moments.items())]
    return pa.Table.from_pylist(content, pa.schema(fields))


def apart(rows: list[TableRow]) -> list[TableRow]:
    """The same values with series that are not measured at the same moments."""
    lags = {name: number * 7 for number, name in enumerate(sorted({str(row[1]) for row in rows}))}
    return [(device, name, int(ts) + lags[str(name)], *rest) for device, name, ts, *rest in rows]


def of_json(table: pa.Table) -> pa.Table:
    """The same moments with one JSON text each."""
    names = [name for name in table.column_names if name not in {"device_id", "ts", "received_at", "seq"}]
    said = [
        json.dumps({name: float(row[name]) for name in names if row[name] is not None}) for row in table.to_pylist()
    ]
    return table.drop_columns(names).append_column("reading", pa.array(said))


def encoded(table: pa.Table) -> bytes:
    """With the history's encodings, in one file of its row groups."""
    sink = io.BytesIO()
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    pq.write_table(
        table,
        sink,
        use_dictionary=["device_id"],  # type: ignore[arg-type]  # the stub says bool
        column_encoding={name: "DELTA_BINARY_PACKED" for name in table.column_names if name not in texts},
        store_decimal_as_integer=True,
        compression="zstd",
        compression_level=3,
        row_group_size=57_600,
    )
    return sink.getvalue()


def naive(rows: list[TableRow]) -> bytes:
    """Rows as they came, pyarrow's defaults."""
    sink = io.BytesIO()
    columns = dict(zip(TABLE.column_names, zip(*rows, strict=True), strict=True))
    columns["value"] = tuple(Decimal(int(value)).scaleb(-6) for value in columns["value"])
    pq.write_table(pa.table(columns, schema=arrow_schema(TABLE)), sink)
    return sink.getvalue()


def storage() -> None:
    """Bytes a value."""
    lake, everything, naive_bytes = MemoryS3(), list[TableRow](), 0
    dt = TABLE.dt_of(START_MS)
    for number, (_, rows) in enumerate(hourly()):
        key = TABLE.landing_key(dt, f"{number:04d}")
        lake.put_object(Key=key, Body=landing_object(TABLE, arrow_rows(TABLE, rows)))
        naive_bytes += len(naive(rows))
        everything += rows
    landed, inputs = lake.size(), list(lake.objects)
    S3PartitionObjects(cast("Any", lake), "b").merge(TABLE, dt, inputs, "g1")
    for key in inputs:
        del lake.objects[key]
    moments = wide(everything)
    wide_bytes, json_bytes = encoded(moments), encoded(of_json(moments))
    scattered = encoded(wide(apart(everything)))
    count = len(everything)
    print_table(
        f"Batteries: {count:,} values of {sum(map(len, SERIES.values()))} series, a day at 4 s",
        "bytes/value",
        [
            Row("narrow (ours), compacted", lake.size() / count),
            Row(f"narrow (ours), landed: {len(inputs)} hourly responses", landed / count),
            Row("narrow, the same responses in the order of arrival, pyarrow's defaults", naive_bytes / count),
            Row("wide: a column a series, the same encodings, sorted", len(wide_bytes) / count),
            Row("wide, where each series is measured at times of its own", len(scattered) / count),
            Row("one JSON a reading (all series of a moment), zstd, sorted", len(json_bytes) / count),
        ],
    )
    found, scanned = query(lake)
    assert found == HOURS * HOUR_MS // STEP_MS
    print_table(
        "Batteries: to read one series of one battery, a day",
        "kB",
        [
            Row("narrow (ours), as the local Athena counts it", scanned / 1_000),
            Row("wide: the columns of that series", columns_of(wide_bytes, "device_id", "ts", ONE[1]) / 1_000),
            Row("one JSON a reading", columns_of(json_bytes, "device_id", "ts", "reading") / 1_000),
        ],
    )


def columns_of(file: bytes, *names: str) -> int:
    """Compressed bytes of the named columns in the row groups that hold the battery."""
    metadata = pq.read_metadata(io.BytesIO(file))
    found = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}
        statistics: Any = chunks["device_id"].statistics
        if statistics.min <= ONE[0] <= statistics.max:
            found += sum(chunks[name].total_compressed_size for name in names)
    return found


def query(lake: MemoryS3) -> tuple[int, int]:
    """Rows and bytes of the telemetry route's query."""
    end_ms = START_MS + HOURS * HOUR_MS
    dt, (device, metric) = TABLE.dt_of(START_MS), ONE
    values: list[str | int] = [dt, dt, bucket_of(device), device, metric]
    values += [Timestamp(START_MS), Timestamp(end_ms), Timestamp(FOREVER_MS)]
    result = Query(TABLE.latest_of_device("metric"), [sql_literal(each) for each in values]).run(cast("Any", lake), "b")
    return len(result.rows), result.scanned_bytes


class Landing:
    """Takes batches and forgets them."""

    def add_batch(self, batch: object) -> None: ...

    def flush(self) -> None: ...


class Sink:
    """`Stores` and `Progress` that keep nothing but a count."""

    def __init__(self) -> None:
        self.batteries = self
        self.count = 0

    def landing(self, *_: object) -> Landing:
        return Landing()

    def stored(self, rows: int) -> None:
        self.count += rows

    def merge(self, _: object) -> None: ...

    def read_to(self, _: int) -> None: ...


class VendorSeries(BaseModel):
    name: str
    data: list[tuple[int, float]]


class VendorResponse(BaseModel):
    series: list[VendorSeries]


def loading() -> None:
    """CPU time and memory for a response of a day."""
    random = Random(2)
    times = range(START_MS, START_MS + HOURS * HOUR_MS, STEP_MS)
    names = SERIES["a3d95e60-large"]
    said = [{"name": n, "data": [[ts, v] for ts, v in zip(times, series(n, random), strict=False)]} for n in names]
    body = json.dumps({"series": said}).encode()
    points = len(names) * len(times)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drop"
        path.write_bytes(body)
        drop = Drop(path, len(body), "drops/battery/telemetry/b.json", Format.JSON, "0" * 32, 0, START_MS + 10**9)

        def ours() -> None:
            sink: Any = Sink()
            TelemetryKind().load(drop, cast("Stores", sink), sink)
            assert sink.count == points

        def whole() -> None:
            response = VendorResponse.model_validate_json(path.read_bytes())
            assert sum(len(each.data) for each in response.series) == points

        costs = [(name, *cost(work)) for name, work in (("loader", ours), ("pydantic, the whole response", whole))]
    title = f"Batteries: a response of {points:,} points, {len(body) / 1e6:.1f} MB"
    print_table(f"{title}, CPU", "us/point", [Row(name, cpu / points * 1e6) for name, cpu, _ in costs])
    print_table(f"{title}, peak of Python's memory", "MB", [Row(name, peak / 1e6) for name, _, peak in costs])


def cost(work: Any) -> tuple[float, int]:
    """CPU seconds, and in a second run the peak of traced memory."""
    started = time.process_time()
    work()
    cpu = time.process_time() - started
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return cpu, peak


def main() -> None:
    """All of it."""
    storage()
    loading()


if __name__ == "__main__":
    main()
