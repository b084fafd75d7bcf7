"""Reports of the availability of stores: trigger one, compute it, look at it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from wattline.domain.reports import Report, State
from wattline.domain.stores import timetable
from wattline.errors import Conflict, NotFound, TerminalError, TransientError
from wattline.ports import NewestPoll, ReportJobs, Reports, StoreHistory, StoreSets

OVERDUE = "the report was not complete by its deadline; trigger another"
BROKEN = "the report could not be computed; the log of the report worker says why, under the report's id"

UNFORESEEN_ATTEMPTS = 3
"""Runs that may end in an error nobody foresaw, before the report is given up."""


def trigger_report(  # noqa: PLR0913 - the report's own facts, and ports
    report_id: str, newest_ms: int | None, now_ms: int, *, newest: NewestPoll, reports: Reports, jobs: ReportJobs
) -> Report:
    """Pin what the report considers, and queue it. `newest_ms` pins an older now than the newest poll of all stores.

    Raises Conflict before the first poll, or TransientError.
    """
    if newest_ms is None:
        newest_ms = newest.read()
    if newest_ms is None:
        raise Conflict("no poll of a store was ever received; drop a file under drops/stores/status/")
    report = Report(report_id, now_ms=newest_ms, triggered_ms=now_ms)
    reports.create(report)
    jobs.send(report_id)
    return report


def look_at_report(report_id: str, now_ms: int, *, reports: Reports) -> Report:
    """The report as it stands. One that runs past its deadline is settled as failed here and now.

    Raises NotFound for a report that never was or has expired.
    """
    report = reports.get(report_id)
    if report is None or report.expires_ms <= now_ms:
        raise NotFound(f"there is no report {report_id}; reports are kept for 30 days")
    if report.state is State.RUNNING and report.deadline_ms <= now_ms:
        return _settled(_failed(report, OVERDUE), reports)
    return report


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the worker for a report, with a name of its own; `attempt` counts the runs from 1."""

    report_id: str
    name: str
    attempt: int


def run_report(
    run: Run, clock: Callable[[], int], *, reports: Reports, sets: StoreSets, history: StoreHistory
) -> Report | None:
    """Compute a report that is still running; the report as it then stands, None when it is no more.

    A run writes a file of its own and then settles the report, so of two runs the first to settle wins whole.
    Raises TransientError when a later run may succeed; any other error settles the report as failed before it leaves,
    an unforeseen one when it comes up again and again.
    """
    report = reports.get(run.report_id)
    if report is None or report.expires_ms <= clock():
        return None
    if report.state is not State.RUNNING:
        return report
    if clock() >= report.deadline_ms:
        return _settled(_failed(report, OVERDUE), reports)
    try:
        computed = _computed(report, run, sets, history)
    except TransientError:
        raise
    except Exception as error:
        if isinstance(error, TerminalError) or run.attempt >= UNFORESEEN_ATTEMPTS:
            _settled(_failed(report, BROKEN), reports)
        raise
    return _settled(_failed(report, OVERDUE) if clock() >= report.deadline_ms else computed, reports)


def _failed(report: Report, reason: str) -> Report:
    return replace(report, state=State.FAILED, reason=reason)


def _computed(report: Report, run: Run, sets: StoreSets, history: StoreHistory) -> Report:
    hours, zones = sets.hours(report.received_until_ms), sets.zones(report.received_until_ms)
    key, rows = history.write_report(report, timetable(hours, zones, report.now_ms), run.name)
    return replace(report, state=State.COMPLETE, key=key, rows=rows)


def _settled(report: Report, reports: Reports) -> Report:
    """The report as it stands: this, or what another run made of it before."""
    return report if reports.settle(report) else reports.get(report.report_id) or report
