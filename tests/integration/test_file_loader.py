"""File drops on moto: what is stored, and how each fault ends."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from functions.file_loader import handler as file_loader
from tests.emulated import BUCKET, HOT_TABLE
from tests.http_events import Context
from tests.loader import Client, Loader, counts, means, running_loader
from wattline.adapters import aws
from wattline.domain.fleet import Kind
from wattline.domain.instants import FOREVER_MS, HOUR_MS, MINUTE_MS, format_instant
from wattline.domain.loads import GIVEN_UP_AFTER_MS, Load, LoadState, load_id
from wattline.errors import TransientError
from wattline.loading.run import ATTEMPTS, take_drop
from wattline.ports import HeartbeatRange
from wattline.runtime.clock import now_ms

HEADER = "vehicleId,timestamp,soc,kwhDeliveredDc,batteryTemp\n"
OLD = "2024-03-01T12:00:00Z"
ROW = f"ev-1,{OLD},61.5,0.17,31\n"
NOW = now_ms() // MINUTE_MS * MINUTE_MS


@pytest.fixture
def bench() -> Iterator[Loader]:
    with running_loader() as running:
        yield running


def test_a_csv_of_old_heartbeats_is_stored_in_the_history_alone(bench: Loader) -> None:
    load = bench.drop(f"{HEADER}ev-1,{OLD},61.5,0.17,31\nev-2,2024-03-02T00:00:00+01:00,1,2,-3.25\n")
    assert counts(load) == ("complete", 2, 2, 0)
    assert (load.percent, load.reason, load.has_rejects) == (100, None, False)
    rows = sorted(bench.rows("vehicle_heartbeats"), key=lambda row: row["vehicle_id"])
    assert [(row["vehicle_id"], str(row["ts"]), str(row["soc"]), str(row["kwh_dc"])) for row in rows] == [
        ("ev-1", "2024-03-01 12:00:00", "61.50", "0.170000000"),
        ("ev-2", "2024-03-01 23:00:00", "1.00", "2.000000000"),
    ]
    assert str(rows[1]["battery_temp"]) == "-3.25"
    assert bench.hot() == [] or all(item["pk"]["S"].startswith("DIRTY#") for item in bench.hot())


def test_recent_heartbeats_go_to_the_hot_table_and_become_live(bench: Loader) -> None:
    recent = [format_instant(now_ms() - minutes * MINUTE_MS) for minutes in (5, 3, 4)]
    load = bench.drop(HEADER + "".join(f"ev-1,{ts},{soc},0.1,20\n" for soc, ts in enumerate(recent)) + ROW)
    assert counts(load) == ("complete", 4, 4, 0)
    live = bench.means.stores.fleet.live(Kind.VEHICLE, "ev-1")
    assert live is not None and live.heartbeat.values[0] == 100
    assert live.received_s * 1000 == load.received_ms


def test_an_hour_may_hold_more_rows_than_an_item(bench: Loader) -> None:
    start = now_ms() // HOUR_MS * HOUR_MS - HOUR_MS
    times = [format_instant(start + n * 500) for n in range(7_000)]
    load = bench.drop(HEADER + "".join(f"ev-1,{ts},50.25,0.123456789,20.5\n" for ts in times))
    assert counts(load) == ("complete", 7_000, 7_000, 0)
    wanted = HeartbeatRange("ev-1", start, start + HOUR_MS, FOREVER_MS // 1000)
    assert len(bench.means.stores.fleet.read(Kind.VEHICLE, wanted, now_ms())) == 7_000


def test_rejects_are_kept_with_line_reason_and_raw_text(bench: Loader) -> None:
    load = bench.drop(f'{HEADER}{ROW}ev-1,{OLD},101,0.17,"31"\n{ROW}ev 2,{OLD}\n')
    assert counts(load) == ("complete_with_rejects", 4, 2, 2)
    assert bench.rejects(load) == [
        {"line": "3", "reason": "soc: must be from 0 to 100", "raw": f'ev-1,{OLD},101,0.17,"31"'},
        {"line": "5", "reason": "the row has 2 columns, and the header 5", "raw": f"ev 2,{OLD}"},
    ]


BAD_FILES = [
    ("drops/vehicles/f.csv", b"", "the file is empty"),
    ("drops/vehicles/f.csv", b"\xef\xbb\xbf", "the file is empty"),
    ("drops/vehicles/f.csv", b"soc\n", "the header lacks vehicleId"),
    ("drops/vehicles/f.csv", f"{HEADER.strip()},soc\n".encode(), "the header has the column soc twice"),
    ("drops/vehicles/f.csv", (HEADER + ROW).encode("utf-16"), "the file is UTF-16; write it as UTF-8"),
    ("drops/vehicles/f.csv.gz", (HEADER + ROW).encode(), "the file is not gzip"),
    ("drops/vehicles/f.csv.gz", gzip.compress((HEADER + ROW).encode())[:-5], "truncated; send it again"),
    ("drops/vehicles/f.csv.gz", gzip.compress(bytes(20_000_000)), "UTF-16"),
    ("drops/vehicles/f.csv.gz", gzip.compress(HEADER.encode() + b"x" * 20_000_000), "more than 10,000,000 bytes"),
    ("drops/vehicles/f.json", b'[{"vehicleId": "a"}', "the file is not JSON"),
    ("drops/planes/f.csv", ROW.encode(), "there is no kind of this name; put the file under drops/<kind>/, one of"),
    ("drops/f.csv", ROW.encode(), "there is no kind of this name"),
    ("drops/vehicles/f.xlsx", ROW.encode(), "the name must end in .csv, .json or .ndjson"),
    ("drops/vehicles/", b"", "the name must end in"),
]


@pytest.mark.parametrize(("key", "content", "reason"), BAD_FILES)
def test_an_unreadable_file_fails_with_a_reason_and_stays(key: str, content: bytes, reason: str, bench: Loader) -> None:
    load = bench.drop(content, key)
    assert counts(load) == ("failed", 0, 0, 0)
    assert reason in (load.reason or "")
    assert load.ended_ms is not None and not load.has_rejects
    assert bench.emulated.object_keys() == [key]


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("drops/vehicles/f.csv", HEADER),
        ("drops/vehicles/f.json", "[]"),
        ("drops/vehicles/f.json", '{"readings": []}'),
        ("drops/vehicles/f.ndjson", "\n\n"),
    ],
)
def test_a_file_without_rows_is_complete_and_says_so(key: str, content: str, bench: Loader) -> None:
    load = bench.drop(content, key)
    assert counts(load) == ("complete", 0, 0, 0)
    assert load.reason == "the file has no rows"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + (HEADER + ROW).encode(),
        (HEADER + ROW).replace("\n", "\r\n").encode(),
        (HEADER + ROW).strip().encode(),
    ],
)
@pytest.mark.parametrize("name", ["f.csv", "F.CSV.GZ"])
def test_marks_line_ends_and_gzip_make_no_difference(content: bytes, name: str, bench: Loader) -> None:
    if name == "F.CSV.GZ":
        content = gzip.compress(content[:30]) + gzip.compress(content[30:])
    assert counts(bench.drop(content, f"drops/vehicles/{name}")) == ("complete", 1, 1, 0)
    assert len(bench.rows("vehicle_heartbeats")) == 1


@pytest.mark.parametrize("content", [HEADER + ROW, f"{HEADER}{ROW}ev-1,never,1,1,1\n"], ids=["good", "with rejects"])
def test_the_same_file_twice_is_not_even_opened_and_keeps_its_figures(content: str, bench: Loader) -> None:
    first = bench.drop(content)
    before = (bench.rows("vehicle_heartbeats"), bench.hot(), bench.emulated.object_keys())
    unopened: Any = None
    again = take_drop(bench.put("drops/vehicles/file.csv", content), replace(bench.means, drops=unopened))
    assert again == first
    assert (bench.rows("vehicle_heartbeats"), bench.hot(), bench.emulated.object_keys()) == before


def test_the_same_name_with_new_content_is_a_load_of_its_own(bench: Loader) -> None:
    first = bench.drop(HEADER + ROW)
    second = bench.drop(HEADER + ROW.replace("61.5", "62.5"))
    assert first.load_id != second.load_id
    assert {str(row["soc"]) for row in bench.rows("vehicle_heartbeats")} == {"61.50", "62.50"}


def test_repeated_rows_are_stored_and_the_last_holds(bench: Loader) -> None:
    load = bench.drop(HEADER + ROW + ROW.replace("61.5", "62.5"))
    assert counts(load) == ("complete", 2, 2, 0)
    newest = max(bench.rows("vehicle_heartbeats"), key=lambda row: (row["received_s"], row["seq"]))
    assert str(newest["soc"]) == "62.50"


def test_an_object_deleted_before_it_is_read_fails(bench: Loader) -> None:
    dropped = bench.put("drops/vehicles/f.csv", HEADER)
    bench.emulated.s3.delete_object(Bucket=BUCKET, Key=dropped.key)
    load = take_drop(dropped, bench.means)
    assert counts(load) == ("failed", 0, 0, 0)
    assert load.reason == "the object was deleted before it was read"


def test_an_object_overwritten_before_it_is_read_fails_and_the_new_one_loads(bench: Loader) -> None:
    dropped = bench.put("drops/vehicles/f.csv", HEADER + ROW)
    new = bench.put("drops/vehicles/f.csv", HEADER + ROW + ROW)
    load = take_drop(dropped, bench.means)
    assert counts(load) == ("failed", 0, 0, 0)
    assert "overwritten before it was read" in (load.reason or "")
    assert counts(take_drop(new, bench.means)) == ("complete", 2, 2, 0)


class Body:
    """A response's body that breaks off."""

    def iter_chunks(self, _: int) -> Iterator[bytes]:
        yield (HEADER + ROW).encode()
        raise ReadTimeoutError(endpoint_url="s3")


def test_what_is_read_is_one_version_of_the_object_even_if_it_is_overwritten_meanwhile(bench: Loader) -> None:
    s3 = bench.emulated.s3

    def get_and_overwrite(**arguments: Any) -> Any:
        answer = s3.get_object(**arguments)
        if arguments["Key"].startswith("drops/"):
            s3.put_object(Bucket=BUCKET, Key=arguments["Key"], Body=b"something else")
        return answer

    dropped = bench.put("drops/vehicles/f.csv", HEADER + ROW)
    load = take_drop(dropped, means(bench.emulated.dynamodb, Client(s3, get_object=get_and_overwrite)))
    assert counts(load) == ("complete", 1, 1, 0)


def test_a_read_that_breaks_off_waits_for_another_try_and_the_last_try_fails(bench: Loader) -> None:
    s3 = bench.emulated.s3

    def broken_off(**arguments: Any) -> Any:
        return s3.get_object(**arguments) | {"Body": Body()}

    broken = means(bench.emulated.dynamodb, Client(s3, get_object=broken_off))
    dropped = bench.put("drops/vehicles/f.csv", HEADER + ROW)
    for attempt in range(1, ATTEMPTS):
        with pytest.raises(TransientError):
            take_drop(replace(dropped, attempt=attempt), broken)
        waiting = bench.find(dropped)
        assert (waiting.state, waiting.reason) == (
            LoadState.QUEUED,
            "reading drops/vehicles/f.csv failed just now; repeat the request",
        )
    with pytest.raises(TransientError):
        take_drop(replace(dropped, attempt=ATTEMPTS), broken)
    failed = bench.find(dropped)
    assert failed.state is LoadState.FAILED
    assert (failed.reason or "").endswith("5 times; drop the file again")
    assert counts(take_drop(dropped, bench.means)) == ("complete", 1, 1, 0), "dropped again, it is tried again"


def test_what_nobody_foresaw_is_told_by_its_name_alone(bench: Loader) -> None:
    def bug(**_: Any) -> Any:
        raise KeyError("secret")

    dropped = bench.put("drops/vehicles/f.csv", HEADER + ROW)
    with pytest.raises(KeyError):
        take_drop(dropped, means(bench.emulated.dynamodb, Client(bench.emulated.s3, get_object=bug)))
    assert bench.find(dropped).reason == "the loader failed (KeyError)"


def message(*dropped: Any, attempt: int = 1, body: object = None) -> dict[str, Any]:
    records = [{"s3": {"object": {"key": each.key, "eTag": each.etag}}} for each in dropped]
    text = json.dumps({"Records": records} if body is None else body)
    return {"Records": [{"body": text, "attributes": {"ApproximateReceiveCount": str(attempt)}}]}


@pytest.fixture
def function(bench: Loader, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("HOT_TABLE", HOT_TABLE)
    monkeypatch.setenv("BUCKET", BUCKET)
    wiring = (file_loader.means, aws.dynamodb, aws.s3)
    for cached in wiring:
        cached.cache_clear()
    yield lambda event: file_loader.handler(event, Context())
    for cached in wiring:
        cached.cache_clear()


def test_the_function_loads_what_a_message_announces_by_keys_that_are_url_encoded(bench: Loader, function: Any) -> None:
    dropped = bench.put("drops/vehicles/März 2024 (1)+b.csv", HEADER + ROW)
    encoded = replace(dropped, key="drops/vehicles/M%C3%A4rz+2024+%281%29%2Bb.csv")
    function(message(encoded))
    assert counts(bench.find(dropped)) == ("complete", 1, 1, 0)


def test_the_test_event_of_s3_is_nothing_to_load(function: Any) -> None:
    function(message(body={"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}))


def test_a_folder_made_in_the_console_is_nothing_to_load(bench: Loader, function: Any) -> None:
    folder = bench.put("drops/vehicles/2024/", b"")
    function(message(folder))
    assert bench.means.loads.find(load_id(folder.key, folder.etag)) is None


def test_a_bad_file_is_no_error_of_the_function_and_a_broken_store_is(bench: Loader, function: Any) -> None:
    function(message(bench.put("drops/vehicles/f.csv", b"")))
    dropped = bench.put("drops/vehicles/g.csv", HEADER + ROW)
    bench.emulated.dynamodb.delete_table(TableName=HOT_TABLE)
    with pytest.raises(TransientError):
        function(message(dropped))


def load_at(number: int, state: LoadState, started: int, updated: int | None = None) -> Load:
    key = f"drops/vehicles/{number}.csv"
    return Load(load_id(key, "etag"), key, "vehicles", state, started, updated or started)


def test_loads_are_listed_newest_first_by_state_and_page(bench: Loader) -> None:
    loads = bench.means.loads
    states = [LoadState.COMPLETE, LoadState.FAILED, LoadState.RUNNING]
    made = [load_at(n, states[n % 3], NOW - (12 - n) * MINUTE_MS) for n in range(12)]
    for load in made:
        loads.save(load)

    def all_pages(state: LoadState | None, limit: int, now: int = NOW) -> list[Load]:
        found: list[Load] = []
        after: str | None = None
        while True:
            page = loads.page(state=state, after=after, limit=limit, now_ms=now)
            assert len(page.loads) <= limit
            found += page.loads
            after = page.next
            if after is None:
                return found

    newest_first = made[::-1]
    for limit in (1, 5, 12, 100):
        assert all_pages(None, limit) == newest_first
        for state in states:
            assert all_pages(state, limit) == [load for load in newest_first if load.state is state]
    assert all_pages(LoadState.QUEUED, 5) == []


def test_a_file_that_failed_and_is_dropped_again_is_the_newest_load(bench: Loader) -> None:
    now = now_ms()
    failed = bench.at(now).drop("soc\n")
    bench.at(now + 1_000).drop(HEADER + ROW, "drops/vehicles/other.csv")
    again = bench.at(now + 2_000).drop("soc\n")
    assert (again.load_id, again.started_ms) == (failed.load_id, now + 2_000)
    listed = bench.means.loads.page(state=None, after=None, limit=10, now_ms=now).loads
    assert [load.key for load in listed] == ["drops/vehicles/file.csv", "drops/vehicles/other.csv"]


def test_a_load_that_nobody_finishes_is_seen_and_found_as_failed(bench: Loader) -> None:
    loads = bench.means.loads
    loads.save(load_at(1, LoadState.RUNNING, NOW))
    later = NOW + GIVEN_UP_AFTER_MS

    def seen(state: LoadState, now: int) -> int:
        return len(loads.page(state=state, after=None, limit=9, now_ms=now).loads)

    assert (seen(LoadState.RUNNING, later - 1), seen(LoadState.FAILED, later - 1)) == (1, 0)
    assert (seen(LoadState.RUNNING, later), seen(LoadState.FAILED, later)) == (0, 1)


def test_progress_is_saved_while_a_load_runs(bench: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(NOW, NOW + 10**9, 700))
    saved: list[Load] = []
    save = bench.means.loads.save

    def saving(load: Load) -> None:
        saved.append(load)
        save(load)

    monkeypatch.setattr(bench.means.loads, "save", saving)
    content = HEADER + ROW * 230_000
    bench.means = replace(bench.means, clock=lambda: next(ticks), max_bytes=10**9)
    load = bench.drop(content)
    assert counts(load) == ("complete", 230_000, 230_000, 0)
    assert [each.state.value for each in saved] == ["running"] * (len(saved) - 1) + ["complete"]
    assert any(0 < each.percent < 100 and each.rows_stored for each in saved)
    assert [each.percent for each in saved] == sorted(each.percent for each in saved)


def test_what_s3_refuses_otherwise_is_worth_another_try(bench: Loader) -> None:
    def refused(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")

    dropped = bench.put("drops/vehicles/f.csv", HEADER)
    with pytest.raises(TransientError):
        take_drop(dropped, means(bench.emulated.dynamodb, Client(bench.emulated.s3, get_object=refused)))
