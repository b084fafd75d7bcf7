"""The functions `reports` and `report_worker`, over HTTP events and queue messages, on moto."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from moto import mock_aws

from tests.emulated import BUCKET, HOT_TABLE, Emulated, emulate
from tests.fakes import FakeStoreHistory, FakeStoreSets
from tests.http_events import Context, Reply, call, request
from wattline.adapters import aws
from wattline.adapters.hot_reports import DynamoNewestPoll, DynamoReports
from wattline.adapters.hot_table import HotTable
from wattline.adapters.queues import SqsDeadLetters, SqsReportJobs, SqsRetries
from wattline.adapters.report_files import S3ReportFiles
from wattline.api.reports import INLINE_BYTES
from wattline.domain.instants import parse_instant
from wattline.domain.reports import DEADLINE_MS, KEPT_MS, Report, State
from wattline.errors import QueryFailed, TransientError
from wattline.runtime.clock import now_ms

NEWEST = parse_instant("2023-01-25T18:11:39.622Z")
TEXT = "store_id,uptime_last_hour\n1,60.0000\n"


class Deployed:
    """Both functions on one emulated account; the worker's sets and history are fakes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from functions.report_worker import handler as worker
        from functions.reports import handler as reports

        self.aws: Emulated = emulate()
        table = HotTable(self.aws.dynamodb, HOT_TABLE)
        self.queue_url, self.dlq_url = (
            self.aws.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("reports", "reports-dlq")
        )
        self.reports, self.newest = DynamoReports(table), DynamoNewestPoll(table)
        self.history = FakeStoreHistory(rows=1)
        stores = reports.Stores(
            self.newest,
            self.reports,
            SqsReportJobs(self.aws.sqs, self.queue_url),
            S3ReportFiles(aws.s3.__wrapped__(), BUCKET),  # the product's own client, in this emulated account
        )
        working = worker.Stores(
            self.reports,
            FakeStoreSets(),
            self.history,
            SqsRetries(self.aws.sqs, self.queue_url),
            SqsDeadLetters(self.aws.sqs, self.dlq_url),
        )
        monkeypatch.setattr(reports, "stores", lambda: stores)
        monkeypatch.setattr(worker, "stores", lambda: working)
        self._handler, self._worker = reports.handler, worker.handler

    def trigger(self, body: object = None, **more: Any) -> Reply:
        return call(self._handler, request("POST", "/trigger_report", body=body, **more))

    def look(self, report_id: str, **headers: str) -> Reply:
        return call(self._handler, request("GET", "/get_report", query=f"report_id={report_id}", headers=headers))

    def work(self) -> Any:
        """Deliver one message."""
        (message,) = self.aws.sqs.receive_message(QueueUrl=self.queue_url, AttributeNames=["All"])["Messages"]
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
        }
        return self._worker({"Records": [record]}, Context())

    def complete(self, text: str = TEXT) -> str:
        """A complete report of that file; its id."""
        report = Report("done", NEWEST, now_ms())
        self.reports.create(report)
        self.aws.s3.put_object(Bucket=BUCKET, Key="reports/done/one.csv", Body=text.encode())
        self.reports.settle(replace(report, state=State.COMPLETE, key="reports/done/one.csv", rows=1))
        return "done"


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with mock_aws():
        deployed = Deployed(monkeypatch)
        deployed.newest.advance(NEWEST)
        yield deployed


def test_a_report_is_triggered_runs_and_completes(deployed: Deployed) -> None:
    answer = deployed.trigger()
    assert answer.status == 202
    report_id = answer.json()["report_id"]
    running = deployed.look(report_id)
    assert (running.status, running.json()) == (200, {"status": "Running"})
    assert running.headers["X-Report-Status"] == "Running"
    assert deployed.look(report_id, Accept="text/csv").json() == {"status": "Running"}
    assert deployed.work() == {"batchItemFailures": []}
    complete = deployed.look(report_id)
    assert complete.headers["X-Report-Status"] == "Complete"
    state = complete.json()
    assert (state["status"], state["now"], state["rows"]) == ("Complete", "2023-01-25T18:11:39.622Z", 1)
    assert abs(parse_instant(state["expires_at"]) - now_ms() - 3_600_000) < 120_000


def test_the_link_needs_no_token_and_is_signed_at_each_look(deployed: Deployed) -> None:
    url = httpx.URL(deployed.look(deployed.complete()).json()["report_url"])
    assert url.path.endswith("/reports/done/one.csv")
    assert (url.params["X-Amz-Algorithm"], url.params["X-Amz-Expires"]) == ("AWS4-HMAC-SHA256", "3600")
    assert "report-done.csv" in url.params["response-content-disposition"]


def test_a_complete_report_is_the_csv_itself_where_that_is_wanted(deployed: Deployed) -> None:
    answer = deployed.look(deployed.complete(), Accept="text/csv")
    assert (answer.status, answer.body) == (200, TEXT)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["X-Report-Status"] == "Complete"
    assert next(csv.DictReader(io.StringIO(answer.body)))["uptime_last_hour"] == "60.0000"


def test_a_large_csv_is_redirected_to(deployed: Deployed) -> None:
    answer = deployed.look(deployed.complete("x" * (INLINE_BYTES + 1)), Accept="text/csv")
    assert (answer.status, answer.body) == (303, "")
    assert "/reports/done/one.csv?" in answer.headers["Location"]
    assert answer.headers["X-Report-Status"] == "Complete"
    just_small_enough = deployed.look(deployed.complete("x" * INLINE_BYTES), Accept="text/csv")
    assert just_small_enough.status == 200


def test_now_can_be_pinned(deployed: Deployed) -> None:
    report_id = deployed.trigger({"now": "2023-01-24T00:00:00+01:00"}).json()["report_id"]
    deployed.work()
    assert deployed.look(report_id).json()["now"] == "2023-01-23T23:00:00Z"


@pytest.mark.parametrize("body", ["{}", "", " \n", '{"now": null}'])
def test_no_input_is_needed(deployed: Deployed, body: str) -> None:
    assert deployed.trigger(body).status == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ('{"now": "yesterday"}', 422),
        ('{"now": 5}', 422),
        ('{"now": "2999-01-01T00:00:00Z"}', 422),
        ('{"now": "1969-12-31T23:59:59Z"}', 422),
        ('{"nwo": "2023-01-24T00:00:00Z"}', 422),
        ("[]", 422),
    ],
)
def test_bad_input_is_refused_and_nothing_is_queued(deployed: Deployed, body: str, status: int) -> None:
    answer = deployed.trigger(body)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert deployed.aws.messages(deployed.queue_url) == []


def test_before_the_first_poll_a_trigger_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_aws():
        answer = Deployed(monkeypatch).trigger()
    assert answer.status == 409
    assert "drops/stores/status/" in answer.json()["detail"]


def test_tokens_without_the_scope_are_refused(deployed: Deployed) -> None:
    assert deployed.trigger(scopes="telemetry:read telemetry:write").status == 403


def test_reports_that_never_were_or_have_expired_are_not_found(deployed: Deployed) -> None:
    deployed.reports.create(Report("old", NEWEST, now_ms() - KEPT_MS))
    for report_id in ("nobody", "old"):
        assert deployed.look(report_id).status == 404
    assert deployed.look("").status == 422
    assert deployed.look("a/b").status == 422


def test_a_report_past_its_deadline_is_failed_and_stays_so(deployed: Deployed) -> None:
    deployed.reports.create(Report("late", NEWEST, now_ms() - DEADLINE_MS))
    answer = deployed.look("late", Accept="text/csv")
    assert (answer.status, answer.headers["X-Report-Status"]) == (200, "Failed")
    assert answer.json()["status"] == "Failed"
    assert "deadline" in answer.json()["detail"]
    stored = deployed.reports.get("late")
    assert stored is not None
    assert stored.state is State.FAILED


def test_a_worker_that_has_to_wait_gives_the_message_back_soon(deployed: Deployed) -> None:
    report_id = deployed.trigger().json()["report_id"]
    deployed.history.error = TransientError("busy")
    (failure,) = deployed.work()["batchItemFailures"]
    assert failure["itemIdentifier"]
    assert deployed.look(report_id).json() == {"status": "Running"}
    assert deployed.aws.messages(deployed.dlq_url) == []


def test_a_report_that_cannot_succeed_fails_and_lies_with_the_dead_letters(deployed: Deployed) -> None:
    report_id = deployed.trigger().json()["report_id"]
    deployed.history.error = QueryFailed("COLUMN_NOT_FOUND: secret")
    assert deployed.work() == {"batchItemFailures": []}
    answer = deployed.look(report_id)
    assert (answer.json()["status"], answer.headers["X-Report-Status"]) == ("Failed", "Failed")
    assert "secret" not in answer.body
    assert deployed.aws.messages(deployed.dlq_url) == [report_id]


def test_an_error_nobody_foresaw_is_raised_for_the_alarm(deployed: Deployed) -> None:
    deployed.trigger()
    deployed.history.error = ZeroDivisionError("oops")
    with pytest.raises(ZeroDivisionError):
        deployed.work()


def test_a_message_about_a_report_that_is_gone_is_done_with(deployed: Deployed) -> None:
    deployed.aws.sqs.send_message(QueueUrl=deployed.queue_url, MessageBody="gone")
    assert deployed.work() == {"batchItemFailures": []}
    assert deployed.history.runs == []
