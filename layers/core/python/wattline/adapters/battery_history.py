"""Telemetry of batteries from the history."""

from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from string import Template
from typing import TypeVar

from wattline.adapters.athena import AthenaQueries, Timestamp
from wattline.domain.batteries import MICRO, MetricBucket, MetricPoint
from wattline.domain.instants import parse_instant
from wattline.domain.registers import Run
from wattline.ports import MetricRange, MetricSlice
from wattline.tables import BATTERY_TELEMETRY, bucket_of


def _sql(name: str) -> Template:
    return Template((files("wattline.adapters") / "sql" / f"{name}.sql").read_text())


_POINTS, _BUCKETS, _RUNS = _sql("battery_points"), _sql("battery_buckets"), _sql("battery_runs")

_MORE_ROWS = 16
"""Where registers fell so often that a page holds too few buckets, it is read again with this many times more."""

Found = TypeVar("Found")


class AthenaBatteryHistory:
    """`BatteryHistory` over Athena: one query a read as a rule, of one device's and one metric's row groups."""

    def __init__(self, queries: AthenaQueries) -> None:
        self._queries = queries

    def points(self, wanted: MetricRange, at_least: int) -> MetricSlice[MetricPoint]:
        """One row a point."""
        return self._read(wanted, at_least, _POINTS, {}, _point, lambda point: point.ts_ms)

    def buckets(self, wanted: MetricRange, step_ms: int, at_least: int) -> MetricSlice[MetricBucket]:
        """One row a bucket."""
        steps = {"step_s": step_ms // 1_000}
        return self._read(wanted, at_least, _BUCKETS, steps, _bucket, lambda bucket: bucket.bucket_ms)

    def runs(self, wanted: MetricRange, step_ms: int, before_ms: int, at_least: int) -> MetricSlice[Run]:
        """One row a bucket, and one more each time that the register fell inside it."""
        steps = {"step_s": step_ms // 1_000, "first_s": wanted.start_ms // 1_000}
        start_ms = max(0, wanted.start_ms - before_ms)
        earlier = MetricRange(wanted.device_id, wanted.metric, start_ms, wanted.end_ms, wanted.as_of_ms)
        return self._read(earlier, at_least, _RUNS, steps, _run, lambda run: run.bucket_ms)

    def _read(  # noqa: PLR0913, PLR0917 - a query and how to read its rows
        self,
        wanted: MetricRange,
        at_least: int,
        sql: Template,
        steps: dict[str, int],
        parse: Callable[[dict[str, str]], Found],
        place: Callable[[Found], int],
    ) -> MetricSlice[Found]:
        row_limit = at_least + 1
        scanned = 0
        while True:
            latest = BATTERY_TELEMETRY.latest_of_device("metric")
            result = self._queries.run(
                sql.substitute(latest=latest, row_limit=row_limit, **steps),
                [
                    BATTERY_TELEMETRY.dt_of(wanted.start_ms),
                    BATTERY_TELEMETRY.dt_of(wanted.end_ms - 1),
                    bucket_of(wanted.device_id),
                    wanted.device_id,
                    wanted.metric,
                    Timestamp(wanted.start_ms),
                    Timestamp(wanted.end_ms),
                    Timestamp(wanted.as_of_ms),
                ],
            )
            scanned += result.scanned_bytes
            found = [parse(row) for row in result.rows]
            if len(found) < row_limit:
                return MetricSlice(found, wanted.end_ms, scanned)
            perhaps_cut = place(found[-1])
            whole = [each for each in found if place(each) < perhaps_cut]
            if len({place(each) for each in whole}) >= at_least:
                return MetricSlice(whole, perhaps_cut, scanned)
            row_limit *= _MORE_ROWS


def _point(row: dict[str, str]) -> MetricPoint:
    return MetricPoint(parse_instant(f"{row['ts']}Z"), _micro(row["value"]))


def _bucket(row: dict[str, str]) -> MetricBucket:
    amounts = [_micro(row[name]) for name in ("minimum", "maximum", "total", "last")]
    return MetricBucket(int(row["bucket_s"]) * 1_000, int(row["readings"]), *amounts)


def _run(row: dict[str, str]) -> Run:
    amounts = [_micro(row[name]) for name in ("first_value", "last_value")]
    return Run(int(row["bucket_s"]) * 1_000, int(row["readings"]), *amounts)


def _micro(text: str) -> int:
    return int(Decimal(text) * MICRO)
