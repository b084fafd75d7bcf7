"""The availability of stores from the history: windows go up as scratch tables, Athena joins, a CSV comes down."""

import io
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import awswrangler as wr
import boto3
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from wattline.adapters.athena import AthenaQueries, Timestamp
from wattline.adapters.aws import unavailable
from wattline.adapters.parquet_files import arrow_schema
from wattline.domain.instants import DAY_MS, HOUR_MS, MINUTE_MS
from wattline.domain.reports import Report
from wattline.domain.stores import READ_MS, REPORT_MS, Timetable
from wattline.tables import REPORT_STORES, REPORT_WINDOWS, STORE_STATUS, ScratchTable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REPORTS = "reports/"

_SQL = Template((files("wattline.adapters") / "sql" / "store_availability.sql").read_text())

_DECIMALS = 4

_UNITS_MS = {
    "uptime_last_hour": MINUTE_MS,
    "uptime_last_day": HOUR_MS,
    "uptime_last_week": HOUR_MS,
    "downtime_last_hour": MINUTE_MS,
    "downtime_last_day": HOUR_MS,
    "downtime_last_week": HOUR_MS,
}
"""The columns of a report and their units."""


class AthenaStoreHistory:
    """`StoreHistory` over Athena and S3."""

    def __init__(self, queries: AthenaQueries, s3: "S3Client", bucket: str) -> None:
        self._queries = queries
        self._s3 = s3
        self._bucket = bucket
        self._session = boto3.Session()  # which keeps what awswrangler would read for each of its clients

    def write_report(self, report: Report, timetable: Timetable, run: str) -> tuple[str, int]:
        """One query."""
        self._write(REPORT_STORES, run, [list(timetable.schedule_of), list(timetable.schedule_of.values())])
        self._write(REPORT_WINDOWS, run, _window_columns(timetable))
        execution = self._queries.execute(_sql(report.now_ms), _parameters(report, run))
        key = f"{REPORTS}{report.report_id}/{run}.csv"
        with unavailable("writing the report"):
            rows = _in_units(self._result(execution.location))
            wr.s3.to_csv(
                rows,
                f"s3://{self._bucket}/{key}",
                index=False,
                float_format=f"%.{_DECIMALS}f",
                boto3_session=self._session,
            )
        return key, len(rows)

    def _write(self, table: ScratchTable, run: str, columns: Sequence[Sequence[str | int]]) -> None:
        sink = io.BytesIO()
        schema = arrow_schema(table)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
        pq.write_table(pa.table(arrays, schema=schema), sink, compression="zstd")
        with unavailable("writing the business windows"):
            self._s3.put_object(Bucket=self._bucket, Key=table.key(run), Body=sink.getvalue())

    def _result(self, location: str) -> pd.DataFrame:
        types: dict[str, Any] = {"store_id": "string[pyarrow]"} | dict.fromkeys(_UNITS_MS, "int64")
        # na_filter: a store may be called NaN
        found: pd.DataFrame = wr.s3.read_csv(location, dtype=types, na_filter=False, boto3_session=self._session)
        return found


def _window_columns(timetable: Timetable) -> list[list[int]]:
    rows = [
        (schedule, window.opens_ms, window.closes_ms)
        for schedule, windows in enumerate(timetable.schedules)
        for window in windows
    ]
    return [[row[column] for row in rows] for column in range(3)]


def _sql(now_ms: int) -> str:
    return _SQL.substitute(
        latest=STORE_STATUS.latest_of_all(),
        now_ms=now_ms,
        hour_ago_ms=now_ms - HOUR_MS,
        day_ago_ms=now_ms - DAY_MS,
        week_ago_ms=now_ms - REPORT_MS,
    )


def _parameters(report: Report, run: str) -> list[str | int]:
    """Polls in (now - 9 days, now]."""
    first_ms, end_ms = report.now_ms - READ_MS + 1, report.now_ms + 1
    return [
        STORE_STATUS.dt_of(first_ms),
        STORE_STATUS.dt_of(report.now_ms),
        Timestamp(first_ms),
        Timestamp(end_ms),
        Timestamp(report.received_until_ms),
        run,
        run,
    ]


def _in_units(rows: pd.DataFrame) -> pd.DataFrame:
    """Half milliseconds as minutes and hours, rounded half up once."""
    for column, unit_ms in _UNITS_MS.items():
        halves, factor = 2 * unit_ms, 10**_DECIMALS
        rows[column] = (2 * factor * rows[column] + halves) // (2 * halves) / factor
    return rows
