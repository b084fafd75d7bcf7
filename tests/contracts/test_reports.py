"""What reports and the newest poll promise: the fakes, and DynamoDB on moto."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from moto import mock_aws

from tests.emulated import HOT_TABLE, emulate
from tests.fakes import FakeNewestPoll, FakeReports
from wattline.adapters.hot_reports import DynamoNewestPoll, DynamoReports
from wattline.adapters.hot_table import HotTable
from wattline.domain.reports import Report, State
from wattline.ports import NewestPoll, Reports

REPORT = Report("r", now_ms=5, triggered_ms=1_700_000_000_001)
COMPLETE = replace(REPORT, state=State.COMPLETE, key="reports/r/one.csv", rows=3)
FAILED = replace(REPORT, state=State.FAILED, reason="it broke")


@pytest.fixture(params=["fake", "dynamodb"])
def ports(request: pytest.FixtureRequest) -> Iterator[tuple[Reports, NewestPoll]]:
    if request.param == "fake":
        yield FakeReports(), FakeNewestPoll()
        return
    with mock_aws():
        table = HotTable(emulate().dynamodb, HOT_TABLE)
        yield DynamoReports(table), DynamoNewestPoll(table)


def test_a_report_is_found_as_it_was_created(ports: tuple[Reports, NewestPoll]) -> None:
    reports, _ = ports
    assert reports.get("r") is None
    reports.create(REPORT)
    reports.create(replace(REPORT, report_id="other", now_ms=6))
    assert reports.get("r") == REPORT


@pytest.mark.parametrize("settled", [COMPLETE, FAILED])
def test_a_report_is_settled_once(ports: tuple[Reports, NewestPoll], settled: Report) -> None:
    reports, _ = ports
    reports.create(REPORT)
    assert reports.settle(settled)
    for again in (COMPLETE, FAILED, replace(COMPLETE, key="reports/r/two.csv")):
        assert not reports.settle(again)
    assert reports.get("r") == settled


def test_the_newest_poll_never_goes_back(ports: tuple[Reports, NewestPoll]) -> None:
    _, newest = ports
    assert newest.read() is None
    for ts, expected in ((5, 5), (3, 5), (5, 5), (9, 9)):
        newest.advance(ts)
        assert newest.read() == expected
