"""Reports as the product computes them, from rows as the files have them: windows, SQL on the local Athena, the CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from tests.availability_reference import PollRow, World
from tests.integration.athena_endpoint import BUCKET, Endpoint, running_endpoint
from wattline.adapters.parquet_files import arrow_rows, landing_object
from wattline.adapters.store_history import AthenaStoreHistory
from wattline.domain.reports import Report
from wattline.domain.store_fields import closing_time, opening_time
from wattline.domain.stores import Opening, WeeklyHours, timetable
from wattline.tables import STORE_STATUS

LATER_MS = 10**13
"""A time of triggering that lies after every poll."""


@dataclass
class Availability:
    """A bucket of its own, emptied before each report."""

    endpoint: Endpoint
    history: AthenaStoreHistory
    _runs: Iterator[int]

    def report(self, world: World, now_ms: int, received_until_ms: int = LATER_MS) -> dict[str, list[str]]:
        """The figures of each store, as the CSV has them."""
        rows = self.rows(world, now_ms, received_until_ms)
        return {row[0]: row[1:] for row in rows[1:]}

    def rows(self, world: World, now_ms: int, received_until_ms: int = LATER_MS) -> list[list[str]]:
        """The CSV."""
        return [*csv.reader(io.StringIO(self.text(world, now_ms, received_until_ms)))]

    def text(self, world: World, now_ms: int, received_until_ms: int = LATER_MS) -> str:
        """The file."""
        self._empty()
        self._land(world.polls)
        run = str(next(self._runs))
        hours = {store: weekly(rows) for store, rows in world.hours.items()}
        report = Report("the-report", now_ms, received_until_ms)
        key, stores = self.history.write_report(report, timetable(hours, world.zones, now_ms), run)
        text = self.endpoint.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        assert text.count("\n") == stores + 1
        return text

    def _empty(self) -> None:
        keys = [item["Key"] for item in self.endpoint.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        if keys:
            self.endpoint.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]})

    def _land(self, polls: Sequence[PollRow]) -> None:
        by_day: dict[str, list[PollRow]] = {}
        for poll in polls:
            by_day.setdefault(STORE_STATUS.dt_of(poll.ts_ms), []).append(poll)
        for dt, of_day in by_day.items():
            rows = [(each.store, each.ts_ms, each.status, each.received_ms, each.seq) for each in of_day]
            body = landing_object(STORE_STATUS, arrow_rows(STORE_STATUS, rows))
            self.endpoint.s3.put_object(Bucket=BUCKET, Key=STORE_STATUS.landing_key(dt, "polls"), Body=body)


def weekly(rows: Sequence[tuple[int, str, str]]) -> WeeklyHours:
    """Rows of `stores/hours` of one store."""
    return tuple(sorted({Opening(day, opening_time(start), closing_time(end)) for day, start, end in rows}))


@contextmanager
def running_availability() -> Iterator[Availability]:
    """On a local Athena and an S3 in this process."""
    with running_endpoint() as endpoint:
        yield Availability(endpoint, AthenaStoreHistory(endpoint.queries(), endpoint.s3, BUCKET), count())
