"""A report of 14,000 stores and 1.8 million polls: on the local cloud, the worker alone, and other ways to compute it.

Set BENCH_STORES for another size.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config

from infra.local.cloud import NAME, LocalCloud
from infra.local.processes import free_port
from tests.benchmarks.store_data import NOW_MS, Stores, generate
from tests.benchmarks.tables import Row, print_table
from wattline.adapters.hot_reports import DynamoNewestPoll
from wattline.adapters.hot_table import HotTable
from wattline.adapters.parquet_files import Codec, RowGroups, read_in_flight
from wattline.adapters.store_sets import S3StoreSets, SetKind
from wattline.domain.instants import DAY_MS, HOUR_MS, MINUTE_MS, format_instant
from wattline.domain.stores import READ_MS, REPORT_MS, timetable
from wattline.tables import BUCKETS, STORE_STATUS, bucket_of

STORES = int(os.environ.get("BENCH_STORES", "14000"))
LOOPED = 500
"""Stores that the loop over stores computes; its time is scaled to all."""
HORIZONS_MS = (HOUR_MS, DAY_MS, REPORT_MS)
COLUMNS = [f"{side}time_last_{horizon}" for side in ("up", "down") for horizon in ("hour", "day", "week")]


def main() -> None:
    """Generate, put into the lake, report, compare."""
    data = generate(STORES)
    with tempfile.TemporaryDirectory() as folder:
        polls = Path(folder) / "polls"
        objects = compacted(data.polls, polls)
        cloud = LocalCloud(Path(folder) / "cloud", free_port(), free_port())
        try:
            outputs = cloud.up(lambda _: None)
            os.environ |= cloud.client_environment()
            fill(outputs, data, objects)
            report, rows = triggered(outputs)
            worker = worker_alone(outputs)
        finally:
            cloud.down()
        size = sum(map(len, objects.values()))
        numbers, in_numpy = timed(lambda: with_numpy(polls, data))
        some = sorted(data.ids)[:: max(1, STORES // LOOPED)][:LOOPED]
        looped, in_pandas = timed(lambda: with_a_loop(polls, data, some))
    compare(report, numbers, looped)
    print_table(
        f"Report of {STORES:,} stores, {len(data.polls):,} polls ({size / 2**20:.1f} MiB compacted), wall time",
        "s",
        [
            Row("local cloud, from trigger to Complete", rows["complete"]),
            Row("the worker's run in a process of its own, Athena's query included", worker["seconds"]),
            Row("of that, the worker without waiting for Athena", worker["own"]),
            Row(f"pandas, a loop over stores ({len(some)}, scaled)", in_pandas * STORES / len(some)),
            Row("numpy, all stores at once, the same Parquet", in_numpy),
        ],
    )
    print(
        f"  worker: {worker['cpu']:.2f} s of CPU in the run (target: 3 s), {worker['import']:.2f} s to import; "
        f"peak memory {worker['peak_mib']:,.0f} MiB (target: 512)"
    )


def timed(work: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, float]:
    """What it gives, and its seconds."""
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started


def compacted(polls: pa.Table, folder: Path) -> dict[str, bytes]:
    """The polls as the compactor leaves them, an object a day and bucket; the same objects in the folder."""
    days = polls["ts"].cast(pa.int64()).to_numpy() // DAY_MS
    buckets = np.array([int(bucket_of(str(store))) for store in polls["store_id"].to_pylist()])
    partitions = days * BUCKETS + buckets
    objects, flight = {}, read_in_flight(polls)
    for partition in np.unique(partitions).tolist():
        parquet = RowGroups(STORE_STATUS, Codec.COMPACTED)
        parquet.add(flight.take(pa.array(np.flatnonzero(partitions == partition), pa.int64())))
        dt, bucket = STORE_STATUS.dt_of(partition // BUCKETS * DAY_MS), partition % BUCKETS
        key = f"dt={dt}/bucket={bucket:02d}/compacted.parquet"
        objects[key] = parquet.file()
        (folder / key).parent.mkdir(parents=True)
        (folder / key).write_bytes(objects[key])
    return objects


def fill(outputs: dict[str, str], data: Stores, objects: dict[str, bytes]) -> None:
    """What loads and the compactor would have left."""
    s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    table = HotTable(boto3.client("dynamodb"), outputs["hot_table"])
    for key, body in objects.items():
        s3.put_object(Bucket=outputs["bucket"], Key=STORE_STATUS.prefix + key, Body=body)
    openings = [(store, *opening) for store, weekly in data.hours.items() for opening in weekly]
    sets = S3StoreSets(s3, outputs["bucket"], table)
    for kind, rows in ((SetKind.HOURS, openings), (SetKind.ZONES, list(data.zones.items()))):
        columns = [pa.array(column) for column in zip(*rows, strict=True)]
        sets.write_part(kind, "bench", 0, pa.table(columns, names=[str(at) for at in range(len(columns))]))
        sets.put_in_force(kind, "bench", 1, NOW_MS)
    DynamoNewestPoll(table).advance(NOW_MS)


def triggered(outputs: dict[str, str]) -> tuple[pd.DataFrame, dict[str, float]]:
    """The second report of the deployment, for functions are warm as a rule."""
    headers = {"Authorization": f"Bearer {outputs['token']}"}
    with httpx.Client(base_url=outputs["api_url"], headers=headers, timeout=60) as api:
        for _ in range(2):
            started = time.perf_counter()
            query = {"report_id": api.post("/trigger_report").raise_for_status().json()["report_id"]}
            while (state := api.get("/get_report", params=query).json())["status"] == "Running":
                time.sleep(0.05)
            seconds = time.perf_counter() - started
            assert (state["status"], state["now"]) == ("Complete", format_instant(NOW_MS)), state
        text = httpx.get(state["report_url"], timeout=60).raise_for_status().text
    return pd.read_csv(io.StringIO(text), dtype={"store_id": str}).set_index("store_id"), {"complete": seconds}


def worker_alone(outputs: dict[str, str]) -> dict[str, float]:
    """The worker's use case in a fresh process, which tells its times and its peak memory."""
    command = [sys.executable, "-m", "tests.benchmarks.stores", "worker", outputs["bucket"], outputs["hot_table"]]
    answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    measured: dict[str, float] = json.loads(answer)
    return measured


def worker(bucket: str, hot_table: str) -> dict[str, float]:
    """One run; see `worker_alone`."""
    started = time.perf_counter()
    from wattline.adapters import aws
    from wattline.adapters.athena import AthenaQueries, Execution
    from wattline.adapters.store_history import AthenaStoreHistory
    from wattline.domain.reports import Report

    imported = time.perf_counter() - started
    waited = 0.0

    class Watched(AthenaQueries):
        """Knows how long its queries took."""

        def execute(self, *arguments: Any) -> Execution:
            nonlocal waited
            began = time.perf_counter()
            execution = super().execute(*arguments)
            waited += time.perf_counter() - began
            return execution

    queries = Watched(aws.athena(), aws.s3(), workgroup=NAME, database=NAME.replace("-", "_"), patience=240)
    sets = S3StoreSets(aws.s3(), bucket, HotTable(aws.dynamodb(), hot_table))
    history = AthenaStoreHistory(queries, aws.s3(), bucket)
    report = Report("bench", NOW_MS, int(time.time() * 1000))
    cpu, began = time.process_time(), time.perf_counter()
    table = timetable(sets.hours(report.received_until_ms), sets.zones(report.received_until_ms), NOW_MS)
    history.write_report(report, table, "bench")
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "own": seconds - waited,
        "cpu": time.process_time() - cpu,
        "import": imported,
        "peak_mib": _peak_kib() / 1024,
    }


def _peak_kib() -> int:
    """Of this process alone; `getrusage` would begin with the peak of the one that started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0])


def _read(folder: Path) -> pd.DataFrame:
    """The polls in (now - 9 days, now], the newest statement of each."""
    polls = pq.read_table(folder, columns=["store_id", "ts", "status", "received_at", "seq"]).to_pandas()
    polls["at"] = polls["ts"].astype("int64")
    polls = polls[(polls["at"] > NOW_MS - READ_MS) & (polls["at"] <= NOW_MS)]
    polls = polls.sort_values(["store_id", "at", "received_at", "seq"])
    return polls.drop_duplicates(["store_id", "at"], keep="last")


def with_a_loop(folder: Path, data: Stores, stores: list[str]) -> pd.DataFrame:
    """What one would write first: store by store, window by window. Milliseconds."""
    table = timetable(data.hours, data.zones, NOW_MS)
    grouped = dict(iter(_read(folder).query("store_id in @stores").groupby("store_id")))
    rows = {}
    for store in stores:
        if store not in grouped:
            continue
        totals = dict.fromkeys(COLUMNS, 0.0)
        polls = grouped[store]
        for opens, closes in table.schedules[table.schedule_of.get(store, 0)]:
            inside = polls[(polls["at"] >= opens) & (polls["at"] < closes)]
            ats = inside["at"].tolist()
            edges = [opens, *((a + b) / 2 for a, b in pairwise(ats)), closes]
            for status, (start, end) in zip(inside["status"], pairwise(edges), strict=False):
                for horizon, name in zip(HORIZONS_MS, ("hour", "day", "week"), strict=True):
                    clipped = max(0.0, min(end, NOW_MS) - max(start, NOW_MS - horizon))
                    totals[f"{'up' if status == 'active' else 'down'}time_last_{name}"] += clipped
        rows[store] = totals
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)


def with_numpy(folder: Path, data: Stores) -> pd.DataFrame:
    """All stores at once: polls and windows of all schedules on one number line, met by binary search. Milliseconds."""
    polls, table = _read(folder), timetable(data.hours, data.zones, NOW_MS)
    stores, store = np.unique(polls["store_id"].to_numpy(dtype=str), return_inverse=True)
    schedule = np.array([table.schedule_of.get(name, 0) for name in stores.tolist()])[store]
    at = polls["at"].to_numpy()
    up = polls["status"].to_numpy(dtype=str) == "active"
    span = 4 * READ_MS  # further apart than any two instants of a report
    base = schedule * span - (NOW_MS - 2 * READ_MS)
    windows = [(n * span + w.opens_ms, n * span + w.closes_ms) for n, ws in enumerate(table.schedules) for w in ws]
    opens, closes = (np.array(side) - (NOW_MS - 2 * READ_MS) for side in zip(*windows, strict=True))
    found = np.searchsorted(opens, at + base, side="right") - 1
    inside = (found >= 0) & (at + base < closes[found])
    at, base, store, up, found = at[inside], base[inside], store[inside], up[inside], found[inside]
    same = (store[1:] == store[:-1]) & (found[1:] == found[:-1])
    middle = (at[1:] + at[:-1]) / 2
    start, end = (opens[found] - base).astype(float), (closes[found] - base).astype(float)
    start[1:][same], end[:-1][same] = middle[same], middle[same]
    columns = {}
    for side, chosen in (("up", up), ("down", ~up)):
        for horizon, name in zip(HORIZONS_MS, ("hour", "day", "week"), strict=True):
            clipped = np.maximum(0, np.minimum(end, NOW_MS) - np.maximum(start, NOW_MS - horizon))
            columns[f"{side}time_last_{name}"] = np.bincount(store, clipped * chosen, minlength=len(stores))
    return pd.DataFrame(columns, index=pd.Index(stores), columns=COLUMNS)


def _as_reported(milliseconds: pd.DataFrame) -> pd.DataFrame:
    """Minutes and hours with four decimals, halves up, by whole numbers."""
    halves = (2 * milliseconds).astype("int64")
    units = {column: 2 * (MINUTE_MS if "hour" in column else HOUR_MS) for column in COLUMNS}
    return pd.DataFrame({c: (2 * 10_000 * halves[c] + unit) // (2 * unit) / 10_000 for c, unit in units.items()})


def compare(report: pd.DataFrame, numbers: pd.DataFrame, looped: pd.DataFrame) -> None:
    """The same numbers from all, to 1e-6."""
    assert (report.index == numbers.index).all()
    np.testing.assert_allclose(looped.to_numpy(), numbers.loc[looped.index].to_numpy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(report[COLUMNS].to_numpy(), _as_reported(numbers).to_numpy(), rtol=0, atol=1e-6)
    print(f"  {len(report):,} stores: the same numbers from all")


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        print(json.dumps(worker(*sys.argv[2:4])))
    else:
        main()
