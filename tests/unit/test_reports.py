"""The life of a report, on fakes."""

from dataclasses import dataclass, field, replace

import pytest

from tests.fakes import FakeNewestPoll, FakeReportJobs, FakeReports, FakeStoreHistory, FakeStoreSets
from wattline.domain.reports import DEADLINE_MS, KEPT_MS, Report, State
from wattline.domain.stores import Opening
from wattline.errors import Conflict, NotFound, QueryFailed, TransientError
from wattline.services.reports import Run, look_at_report, run_report, trigger_report

TRIGGERED = 1_700_000_000_000
NEWEST = 1_600_000_000_000


@dataclass
class Desk:
    """Everything a report meets."""

    newest: FakeNewestPoll = field(default_factory=lambda: FakeNewestPoll(NEWEST))
    reports: FakeReports = field(default_factory=FakeReports)
    jobs: FakeReportJobs = field(default_factory=FakeReportJobs)
    sets: FakeStoreSets = field(default_factory=FakeStoreSets)
    history: FakeStoreHistory = field(default_factory=FakeStoreHistory)
    now_ms: int = TRIGGERED

    def trigger(self, newest_ms: int | None = None) -> Report:
        return trigger_report("r", newest_ms, self.now_ms, newest=self.newest, reports=self.reports, jobs=self.jobs)

    def run(self, name: str = "run-1", attempt: int = 1) -> Report | None:
        return run_report(
            Run("r", name, attempt), lambda: self.now_ms, reports=self.reports, sets=self.sets, history=self.history
        )

    def look(self) -> Report:
        return look_at_report("r", self.now_ms, reports=self.reports)


def test_a_report_takes_the_newest_poll_as_its_now_unless_it_is_pinned() -> None:
    desk = Desk()
    report = desk.trigger()
    assert (report.now_ms, report.received_until_ms, report.state) == (NEWEST, TRIGGERED, State.RUNNING)
    assert desk.jobs.sent == ["r"]
    assert desk.trigger(newest_ms=5).now_ms == 5


def test_before_the_first_poll_there_is_nothing_to_report() -> None:
    desk = Desk(newest=FakeNewestPoll())
    with pytest.raises(Conflict, match="drops/stores/status"):
        desk.trigger()
    assert not desk.reports.reports


def test_a_report_that_was_not_queued_is_not_promised() -> None:
    desk = Desk(jobs=FakeReportJobs(broken=True))
    with pytest.raises(TransientError):
        desk.trigger()


def test_a_run_completes_the_report_with_the_file_it_wrote() -> None:
    desk = Desk()
    desk.trigger()
    desk.sets.weekly["s"] = (Opening(0, 0, 3600),)
    desk.run()
    done = desk.look()
    assert (done.state, done.key, done.rows) == (State.COMPLETE, "reports/r/run-1.csv", 1)
    ((_, timetable),) = desk.history.runs
    assert timetable.schedule_of == {"s": 1}


def test_a_report_that_is_complete_stays_as_it_is() -> None:
    desk = Desk()
    desk.trigger()
    desk.run()
    first = desk.look()
    desk.history.rows = 9
    assert desk.run("run-2", 2) == first == desk.look()
    assert len(desk.history.runs) == 1
    desk.now_ms += DEADLINE_MS + 1
    assert desk.look() == first


def test_of_two_runs_at_once_the_first_to_settle_wins() -> None:
    desk = Desk()
    desk.trigger()
    other = replace(desk.look(), state=State.COMPLETE, key="reports/r/other.csv", rows=7)
    desk.history.meanwhile = lambda: desk.reports.settle(other)
    assert desk.run() == other == desk.look()


def test_what_may_pass_is_raised_and_the_report_runs_on() -> None:
    desk = Desk(history=FakeStoreHistory(error=TransientError("busy")))
    desk.trigger()
    for attempt in (1, 2, 3, 4):
        with pytest.raises(TransientError):
            desk.run(attempt=attempt)
        assert desk.look().state is State.RUNNING
    desk.history.error = None
    desk.run(attempt=5)
    assert desk.look().state is State.COMPLETE


def test_what_cannot_succeed_fails_at_once_and_is_raised_for_the_dead_letters() -> None:
    desk = Desk(history=FakeStoreHistory(error=QueryFailed("line 1:8: secret")))
    desk.trigger()
    with pytest.raises(QueryFailed):
        desk.run()
    failed = desk.look()
    assert failed.state is State.FAILED
    assert failed.reason
    assert "secret" not in failed.reason
    desk.history.error = None
    assert desk.run(attempt=2) == failed == desk.look()


def test_what_nobody_foresaw_is_tried_again_but_not_for_ever() -> None:
    desk = Desk(history=FakeStoreHistory(error=ZeroDivisionError("oops")))
    desk.trigger()
    states = []
    for attempt in (1, 2, 3):
        with pytest.raises(ZeroDivisionError):
            desk.run(attempt=attempt)
        states.append(desk.look().state)
    assert states == [State.RUNNING, State.RUNNING, State.FAILED]


def test_past_its_deadline_a_report_has_failed_for_good() -> None:
    desk = Desk()
    desk.trigger()
    desk.now_ms += DEADLINE_MS - 1
    assert desk.look().state is State.RUNNING
    desk.now_ms += 1
    failed = desk.look()
    assert (failed.state, "deadline" in failed.reason) == (State.FAILED, True)
    desk.now_ms = TRIGGERED  # a worker whose clock is behind
    assert desk.run() == failed == desk.look()
    assert not desk.history.runs


def test_a_worker_does_not_begin_nor_complete_a_report_past_its_deadline() -> None:
    late = Desk()
    late.trigger()
    late.now_ms += DEADLINE_MS
    late.run()
    assert not late.history.runs
    slow = Desk()
    slow.trigger()

    def pass_the_deadline() -> None:
        slow.now_ms += DEADLINE_MS

    slow.history.meanwhile = pass_the_deadline
    slow.run()
    assert [desk.look().state for desk in (late, slow)] == [State.FAILED] * 2


def test_a_report_is_kept_for_thirty_days_and_one_that_never_was_is_not_found() -> None:
    desk = Desk()
    with pytest.raises(NotFound):
        desk.look()
    assert desk.run() is None
    desk.trigger()
    desk.run()
    desk.now_ms += KEPT_MS - 1
    assert desk.look().state is State.COMPLETE
    desk.now_ms += 1
    with pytest.raises(NotFound, match="30 days"):
        desk.look()
    assert desk.run() is None
