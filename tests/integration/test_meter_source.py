"""`HttpMeterSource` and the poller function against a server that behaves, and one that does not."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import urllib3
from moto import mock_aws

from functions.poller import handler as poller
from infra.local.meter_model import IMPORT_METER, sample_files
from infra.local.meter_source import MeterApi, serve
from infra.local.processes import HOST, free_port
from tests.emulated import HOT_TABLE, Emulated, emulate
from tests.http_events import Context
from wattline.adapters import aws
from wattline.adapters.meter_source import RETRY, HttpMeterSource
from wattline.batches import decode
from wattline.domain.instants import parse_instant
from wattline.errors import SourceRefused, SourceUnavailable

START, END = parse_instant("2023-03-18T00:00:00Z"), parse_instant("2023-04-01T00:00:00Z")
QUICK = RETRY.new(backoff_factor=0, backoff_jitter=0)

Reply = tuple[int, str, bytes]


class FaultyApi(MeterApi):
    """Answers with the faults first, one a request, then as it should; `held` makes it wait for that long."""

    def __init__(self, *faults: Reply) -> None:
        super().__init__(sample_files())
        self.faults = list(faults)
        self.requests = 0
        self.held: threading.Event | None = None

    def answer(self, query: Mapping[str, str]) -> Reply:
        self.requests += 1
        if self.held is not None:
            self.held.wait(30)
        return self.faults.pop(0) if self.faults else super().answer(query)


@contextmanager
def running(api: MeterApi) -> Iterator[str]:
    server = serve(api, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page(url: str, muid: str = IMPORT_METER, limit: int = 3, **timeout: float) -> list[Any]:
    return HttpMeterSource(url, QUICK, urllib3.Timeout(**timeout) if timeout else urllib3.Timeout(5)).page(
        muid, START, END, limit
    )


def test_it_asks_for_a_range_and_gets_the_newest_first() -> None:
    with running(MeterApi(sample_files())) as url:
        found = page(url)
    assert [each["timestamp"] for each in found] == [f"2023-03-31T23:{minute}:00.000Z" for minute in (45, 30, 15)]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(status: int) -> None:
    api = FaultyApi((status, "text/plain", b"not now"), (status, "text/plain", b"not now"))
    with running(api) as url:
        assert len(page(url)) == 3
    assert api.requests == 3


def test_a_source_that_stays_down_is_unavailable_after_a_few_attempts() -> None:
    api = FaultyApi(*[(503, "text/plain", b"down")] * 9)
    with running(api) as url, pytest.raises(SourceUnavailable, match="status 503"):
        page(url)
    assert api.requests == 1 + 3


HTML = b"<!doctype html><title>Maintenance</title>"


@pytest.mark.parametrize(
    "body", [HTML, b"", b"{", b"[]", b'{"data": 7}', b'{"items": []}', b"\xff\xfe", b"[" * 100_000, b"null"]
)
def test_an_answer_that_is_no_answer_is_a_failure_of_the_source(body: bytes) -> None:
    with running(FaultyApi((200, "text/html", body))) as url, pytest.raises(SourceUnavailable, match="data"):
        page(url)


def test_a_meter_that_the_source_refuses_is_refused() -> None:
    with running(MeterApi(sample_files())) as url, pytest.raises(SourceRefused, match="unknown"):
        page(url, "unknown")


def test_a_slow_source_is_given_up() -> None:
    api = FaultyApi()
    api.held = threading.Event()
    with running(api) as url:
        try:
            with pytest.raises(SourceUnavailable, match="does not answer"):
                page(url, connect=5, read=0.05)
        finally:
            api.held.set()


def test_nobody_at_home_is_unavailable() -> None:
    with pytest.raises(SourceUnavailable, match="does not answer"):
        page(f"http://{HOST}:{free_port()}/")


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    with mock_aws():
        made = emulate()
        monkeypatch.setenv("HOT_TABLE", HOT_TABLE)
        monkeypatch.setenv("HISTORY_QUEUE_URL", made.history_queue_url)
        monkeypatch.setenv("METER_SOURCE_MUIDS", json.dumps([*sample_files(), "unknown"]))
        monkeypatch.setenv("METER_SOURCE_SINCE", "2023-03-01")
        forget_wiring()
        yield made
    forget_wiring()


def forget_wiring() -> None:
    for cached in (poller.wiring, aws.dynamodb, aws.sqs):
        cached.cache_clear()


def test_the_function_polls_its_meters_and_says_what_it_found(
    emulated: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(MeterApi(sample_files())) as url:
        monkeypatch.setenv("METER_SOURCE_URL", url)
        first = poller.handler({}, Context())
        again = poller.handler({}, Context())
    readings = sum(len(items) for items in sample_files().values())
    assert first == {"read": 2, "refused": 1, "failed": 0, "skipped": 0, "queued": readings, "rejected": 0, "gaps": 1}
    assert again == first | {"queued": 0, "gaps": 0}
    batches = [decode(body) for body in emulated.messages(emulated.history_queue_url)]
    assert {batch.table.name for batch in batches} == {"obis_readings"}
    assert sum(len(batch.rows) for batch in batches) == readings
