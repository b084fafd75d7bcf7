"""A dropped CSV of 1.8 million heartbeats, 0.1 % of them bad in seven ways, into typed Parquet and a file of rejects.

Each contender runs in a process of its own, which tells its CPU time and its peak memory. Set BENCH_ROWS for another
size. `pydantic` and `pandas` are what one would write first: they do the same for the same rows.
"""

import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from pydantic import BaseModel, Field, ValidationError

from tests.benchmarks.tables import Row, print_table
from wattline.domain.instants import DAY_MS, parse_instant
from wattline.domain.loads import Format

ROWS = int(os.environ.get("BENCH_ROWS", "1800000"))
VEHICLES = 10_000
START = parse_instant("2025-11-20T12:00:00Z")
BAD_EVERY = 1_000
NAMES = ("vehicleId", "timestamp", "soc", "kwhDeliveredDc", "batteryTemp")


def generate(path: Path) -> None:
    """Minute by minute, all vehicles; one row in a thousand is bad, in one way of seven."""
    chance = random.Random(1)
    with path.open("w") as file:
        file.write(",".join(NAMES) + "\n")
        for number in range(ROWS):
            minute, vehicle = divmod(number, VEHICLES)
            when = datetime.fromtimestamp(START // 1000 + minute * 60 + chance.randrange(60), UTC)
            row = [
                f"vehicle-{vehicle:05d}",
                when.strftime("%Y-%m-%dT%H:%M:%SZ"),
                f"{chance.random() * 100:.2f}",
                f"{chance.random():.9f}"[: chance.randrange(4, 11)],
                f"{20 + chance.random() * 20:.1f}",
            ]
            if (number + 1) % BAD_EVERY == 0:
                spoil(row, (number + 1) // BAD_EVERY % 7)
            file.write(",".join(row) + "\n")


def spoil(row: list[str], way: int) -> None:
    """Make a row bad."""
    match way:
        case 0:
            row[2] = "101"
        case 1:
            row[3] = "NaN"
        case 2:
            row[1] = "yesterday"
        case 3:
            row[0] = "bad id!"
        case 4:
            del row[3:]
        case 5:
            row.append("x")
        case _:
            row[4] = ""


class Nothing:
    """The stores that the loader's core does without: objects are counted, marks and hot rows are not wanted."""

    size = 0

    def put_object(self, *, Body: bytes, **_: Any) -> None:  # noqa: N803 - boto3's name
        self.size += len(Body)

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class Counted:
    """A load's progress: rejects go to a file."""

    def __init__(self, into: Path) -> None:
        self.rows = self.rejected = 0
        self._rejects = csv.writer(into.open("w", newline=""))

    def stored(self, rows: int) -> None:
        self.rows += rows

    def reject(self, line: int, reason: str, raw: str) -> None:
        self.rejected += 1
        self._rejects.writerow((line, reason, raw))

    def read_to(self, position: int) -> None:
        """Nobody waits."""


def wattline(path: Path) -> tuple[int, int]:
    """The loader, without AWS and without the hot window: the rows are old."""
    from wattline.adapters.parquet_lake import ParquetLake
    from wattline.loading.kind import Drop, Stores
    from wattline.loading.kinds import kind_of

    nothing = cast("Any", Nothing())
    told = Counted(path.with_name("rejects.csv"))
    now = START + 10 * DAY_MS
    drop = Drop(path, path.stat().st_size, "drops/vehicles/f.csv", Format.CSV, "0" * 32, now, now)
    others: dict[str, Any] = dict.fromkeys((each.name for each in fields(Stores)), nothing)
    stores = Stores(**(others | {"lake": ParquetLake(nothing, "bucket", nothing)}))
    kind_of("vehicles").load(drop, stores, told)
    return told.rows, told.rejected


def arrow_parser(path: Path) -> tuple[int, int]:
    """Only split into columns of bytes, nothing judged: the floor for whatever stands on this parser."""
    reader = pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=8 << 20),
        parse_options=pa_csv.ParseOptions(quote_char=False, invalid_row_handler=lambda _: "skip"),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(NAMES, pa.binary()), strings_can_be_null=False
        ),
    )
    return sum(len(batch) for batch in reader), 0


class Reading(BaseModel):
    """A row for pydantic."""

    vehicleId: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
    timestamp: datetime
    soc: Annotated[float, Field(ge=0, le=100)]
    kwhDeliveredDc: Annotated[float, Field(ge=0, le=999_999_999)]
    batteryTemp: Annotated[float, Field(ge=-60, le=150)]


def csv_and_pydantic(path: Path) -> tuple[int, int]:
    """A loop over csv.reader, a model a row, Parquet 100,000 rows at a time."""
    types: dict[str, pa.DataType] = {"vehicleId": pa.string(), "timestamp": pa.timestamp("ms", "UTC")}
    schema = pa.schema(types | dict.fromkeys(NAMES[2:], pa.float64()))
    good: list[dict[str, Any]] = []
    rows = rejected = 0
    with (
        path.open(newline="") as file,
        path.with_name("rejects.csv").open("w", newline="") as bad,
        pq.ParquetWriter(path.with_name("out.parquet"), schema, compression="zstd") as parquet,
    ):
        reader, rejects = csv.reader(file), csv.writer(bad)
        next(reader)
        for row in reader:
            try:
                if len(row) != len(NAMES):
                    raise ValueError("wrong number of columns")
                reading = Reading.model_validate(dict(zip(NAMES, row, strict=True)))
            except (ValueError, ValidationError) as error:
                rejected += 1
                rejects.writerow((reader.line_num, error, ",".join(row)))
                continue
            rows += 1
            good.append(reading.model_dump())
            if len(good) == 100_000:
                parquet.write_table(pa.Table.from_pylist(good, schema))
                good.clear()
        parquet.write_table(pa.Table.from_pylist(good, schema))
    return rows, rejected


def pandas(path: Path) -> tuple[int, int]:
    """Texts in chunks, coerced column by column, bad rows by a mask; rows of too many columns by a callback."""
    import pandas as pd

    rows = rejected = 0
    writer: Any = None

    def too_long(_: list[str]) -> None:
        nonlocal rejected
        rejected += 1

    chunks = pd.read_csv(
        path, dtype=str, keep_default_na=False, engine="python", on_bad_lines=too_long, chunksize=200_000
    )
    with path.with_name("rejects.csv").open("w") as bad:
        for chunk in chunks:
            texts = chunk.fillna("")
            typed = pd.DataFrame({"vehicleId": texts["vehicleId"]})
            typed["timestamp"] = pd.to_datetime(texts["timestamp"], format="ISO8601", utc=True, errors="coerce")
            good = texts["vehicleId"].str.fullmatch(r"[A-Za-z0-9_.:-]{1,64}") & typed["timestamp"].notna()
            for name, (least, most) in {
                "soc": (0, 100),
                "kwhDeliveredDc": (0, 999_999_999),
                "batteryTemp": (-60, 150),
            }.items():
                typed[name] = pd.to_numeric(texts[name], errors="coerce")
                good &= typed[name].between(least, most)
            texts[~good].to_csv(bad, header=False)
            table = pa.Table.from_pandas(typed[good], preserve_index=False)
            writer = writer or pq.ParquetWriter(path.with_name("out.parquet"), table.schema, compression="zstd")
            writer.write_table(table)
            rows += int(good.sum())
            rejected += int((~good).sum())
    writer.close()
    return rows, rejected


CONTENDERS: dict[str, Callable[[Path], tuple[int, int]]] = {
    "wattline: typed, sorted, encoded, rejects by line and reason": wattline,
    "pyarrow's CSV parser alone, nothing judged or written": arrow_parser,
    "pandas in chunks": pandas,
    "csv and pydantic": csv_and_pydantic,
}


def measured(name: str, path: Path) -> dict[str, float]:
    """A contender in a fresh process."""
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # as the function has it
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.drops", name, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Generate the file and compare."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vehicles.csv"
        generate(path)
        megabytes = path.stat().st_size / 1e6
        # other work on the machine only ever adds CPU time
        found = {name: min((measured(name, path) for _ in range(2)), key=lambda one: one["cpu"]) for name in CONTENDERS}
    for name, figures in found.items():
        if "parser" not in name:
            assert figures["rows"] == ROWS - ROWS // BAD_EVERY, (name, figures)
            assert figures["rejected"] == ROWS // BAD_EVERY, (name, figures)
    print_table(
        f"A dropped CSV of {ROWS:,} rows, {megabytes:.0f} MB, {ROWS // BAD_EVERY:,} of them bad (target: 100)",
        "MB/s/core",
        [Row(name, megabytes / figures["cpu"]) for name, figures in found.items()],
    )
    print_table(
        "Peak memory of the process (target: under 512)",
        "MiB",
        [Row(name, figures["peak_kib"] / 1024) for name, figures in found.items()],
    )


def contender(name: str, path: Path) -> None:
    """In the fresh process, after a few rows that bring in what must be imported."""
    with path.open("rb") as file, tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "few.csv"
        few.write_bytes(b"".join(file.readlines(200_000)))
        CONTENDERS[name](few)
    started = time.process_time()
    rows, rejected = CONTENDERS[name](path)
    cpu = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"rows": rows, "rejected": rejected, "cpu": cpu, "peak_kib": peak}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        contender(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
