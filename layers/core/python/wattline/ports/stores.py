"""Stores and the reports about them."""

from collections.abc import Mapping
from typing import Protocol

from wattline.domain.reports import Report
from wattline.domain.stores import Timetable, WeeklyHours


class NewestPoll(Protocol):
    """The newest poll of all stores, which a report takes as its now."""

    def advance(self, ts_ms: int) -> None:
        """A poll was stored; a newer one stays. Raises TransientError."""

    def read(self) -> int | None:
        """Its time; None before the first poll."""


class StoreSets(Protocol):
    """Opening hours and time zones of stores. Each file dropped is a whole set; the one dropped last is in force."""

    def hours(self, received_until_ms: int) -> Mapping[str, WeeklyHours]:
        """The set in force at that time; empty before the first. Raises TransientError."""

    def zones(self, received_until_ms: int) -> Mapping[str, str]:
        """Likewise."""


class Reports(Protocol):
    """What became of reports."""

    def create(self, report: Report) -> None:
        """Remember a running report. Raises TransientError."""

    def get(self, report_id: str) -> Report | None:
        """None when there is none, or its time is over but for DynamoDB's deleting it."""

    def settle(self, report: Report) -> bool:
        """Record that a running report is complete or failed; False when it is settled already."""


class ReportJobs(Protocol):
    """The way to the report worker."""

    def send(self, report_id: str) -> None:
        """Durable when it returns. Raises TransientError."""


class StoreHistory(Protocol):
    """The polls of all stores."""

    def write_report(self, report: Report, timetable: Timetable, run: str) -> tuple[str, int]:
        """Write the CSV of a report under a key of this run's own; the key, and how many rows.

        Raises QueryFailed, QueryTimeout or TransientError.
        """


class ReportFiles(Protocol):
    """The CSV files of complete reports."""

    def read(self, key: str, at_most: int) -> str | None:
        """The file, or None when it holds more bytes. Raises TransientError."""

    def link(self, report: Report, seconds: int) -> str:
        """An address from which anyone can download the file for so long."""
