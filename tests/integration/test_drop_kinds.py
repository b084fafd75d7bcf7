"""A file says what posts say: the same rows by `drops/` and by HTTP give the same answers."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.emulated import emulate
from tests.fakes import FakeEnergyHistory, FakeHistoryQueue, FakeHotEnergy, FakeHotFleet, FakeLake
from tests.http_events import request
from tests.loader import Loader, counts, means
from wattline.api import telemetry
from wattline.batches import Batch
from wattline.domain.energy_post import Units
from wattline.domain.energy_series import Fill
from wattline.domain.fleet import Kind
from wattline.domain.instants import DAY_MS, FOREVER_MS, HOUR_MS, MINUTE_MS, format_instant, parse_instant
from wattline.domain.links import Link
from wattline.domain.loads import Format
from wattline.errors import InvalidRequest
from wattline.loading.kind import Drop, Stores
from wattline.loading.kinds import energy as energy_kind
from wattline.loading.kinds import heartbeats as heartbeats_kind
from wattline.loading.kinds import kind_of
from wattline.ports import Received
from wattline.services.energy import HOT_WINDOW_MS, EnergyPost, EnergyQuery, post_energy, read_energy
from wattline.services.fleet import link_meter, post_heartbeats
from wattline.tables import HEARTBEATS, Table

NOW = parse_instant("2024-06-14T12:00:00Z")


@pytest.fixture
def bench() -> Iterator[Loader]:
    with mock_aws():
        emulated = emulate()
        yield Loader(emulated, means(emulated.dynamodb, emulated.s3))


class Landed:
    """The history that a load writes, as the fake lake holds it."""

    def __init__(self, lake: FakeLake, table: Table, name: str) -> None:
        self._lake, self._table, self._name = lake, table, name
        self.flushed = True

    def add_batch(self, batch: Batch) -> None:
        self.flushed = False
        self._name += "+"
        self._lake.append([batch], self._name)

    def add(self, rows: Any) -> None:
        columns = [rows[name].to_pylist() for name in self._table.column_names]
        self.add_batch(Batch(self._table, tuple(zip(*columns, strict=True))))

    def flush(self) -> None:
        self.flushed = True


class FakeStores(Stores):
    """Stores in memory."""

    def landing(self, table: Table, drop: Drop) -> Any:
        return Landed(self.lake, table, drop.load_id)  # type: ignore[arg-type]


def in_memory(**stores: Any) -> FakeStores:
    """With those that a test needs."""
    absent: dict[str, Any] = dict.fromkeys(each.name for each in fields(Stores))
    return FakeStores(**(absent | stores))


class Told:
    def __init__(self) -> None:
        self.rows = 0
        self.rejects: list[tuple[int, str, str]] = []

    def stored(self, rows: int) -> None:
        self.rows += rows

    def reject(self, line: int, reason: str, raw: str) -> None:
        self.rejects.append((line, reason, raw))

    def read_to(self, position: int) -> None:
        """Nobody waits."""


Row = tuple[str, str, str, str]
"""Ship, units, time, value."""


def load_energy(rows: list[tuple[Any, ...]], names: tuple[str, ...], folder: Any) -> tuple[Any, Told]:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    path = folder / "drop"
    path.write_text(text.getvalue(), newline="")
    hot, lake, told = FakeHotEnergy(HOT_WINDOW_MS), FakeLake(), Told()
    stores = in_memory(lake=lake, energy=hot)
    size = path.stat().st_size
    kind_of("energy").load(Drop(path, size, "drops/energy/f.csv", Format.CSV, "a" * 32, NOW, NOW), stores, told)
    return (hot, FakeEnergyHistory(lake)), told


def post_all(posts: list[tuple[EnergyPost, int]]) -> tuple[Any, int, dict[int, str]]:
    """The same by posts, in order; how many rows were accepted."""
    hot, queue = FakeHotEnergy(HOT_WINDOW_MS), FakeHistoryQueue()
    accepted = 0
    for post, seq in posts:
        try:
            accepted += post_energy(post, Received(NOW, seq), NOW, queue=queue, hot=hot).accepted
        except InvalidRequest:
            continue
    lake = FakeLake()
    lake.append(queue.batches, "posts")
    return (hot, FakeEnergyHistory(lake)), accepted, {}


def answers(stores: Any, ship: str, start: int, end: int) -> Any:
    hot, history = stores
    if not hot.knows(ship):
        return None
    query = EnergyQuery(ship, start, end, Fill.NONE, FOREVER_MS, 10_000)
    return [replace(point) for point in read_energy(query, NOW, hot=hot, history=history).points]


times = st.builds(
    lambda base, minute: base + minute * MINUTE_MS,
    st.sampled_from([NOW - 3 * DAY_MS, NOW - HOT_WINDOW_MS - 20 * MINUTE_MS]),
    st.one_of(st.integers(0, 90), st.integers(0, 18).map(lambda n: n * 5)),
)
values = st.one_of(
    st.integers(0, 50).map(str),
    st.decimals(0, 100, places=4).map(str),
    st.sampled_from(["", "-1", "NaN", "x", "1e3", " 7 ", "999999999", "1e30"]),
)
series = st.lists(st.tuples(st.sampled_from(["falcon", "x-wing"]), st.sampled_from(["kW", "kWh"]), times, values))


@pytest.mark.parametrize("chunk", [1, 3, 20_000])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=series, minutes=st.sampled_from([None, 5, 30]))
@example(  # a chunk that ends within a quarter hour, a part of which is said anew
    rows=[
        ("x-wing", "kW", NOW - 3 * DAY_MS, "1"),
        ("x-wing", "kW", NOW - 3 * DAY_MS + 8 * MINUTE_MS, "0"),
        ("x-wing", "kWh", NOW - 3 * DAY_MS + MINUTE_MS, "0"),
    ],
    minutes=None,
)
def test_energy_by_file_is_energy_by_post(
    rows: list[tuple[str, str, int, str]],
    minutes: int | None,
    chunk: int,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(energy_kind, "CHUNK", chunk)
    lines = [(ship, units, minutes or "", format_instant(at), value) for ship, units, at, value in rows]
    loaded, told = load_energy(lines, ("spaceship_id", "units", "interval_minutes", "datetime", "value"), tmp_path)
    posts: dict[tuple[str, str], tuple[EnergyPost, int]] = {}
    for number, (ship, units, at, value) in enumerate(rows):
        key = (ship, units)
        posts.setdefault(key, (EnergyPost(ship, Units(units), [], minutes), number))
        posts[key][0].items.append((format_instant(at), value))
    posted, _, _ = post_all(list(posts.values()))
    assert told.rows + len(told.rejects) == len(rows)
    for line, _, raw in told.rejects:
        assert raw == ",".join(map(str, lines[line - 2]))
    for ship in ("falcon", "x-wing"):
        for start in (NOW - 3 * DAY_MS, NOW - HOT_WINDOW_MS - DAY_MS):
            end = start + 2 * DAY_MS
            assert answers(loaded, ship, start, end) == answers(posted, ship, start, end)


@pytest.mark.parametrize("longest", [1, 4])
def test_a_series_that_never_meets_a_quarter_hour_is_cut_all_the_same(
    longest: int, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [NOW - 3 * DAY_MS + minute * 7 * MINUTE_MS + 30_000 for minute in range(40)]
    lines = [("falcon", "kW", format_instant(at), str(number % 5)) for number, at in enumerate(times)]
    names = ("spaceship_id", "units", "datetime", "value")
    whole, _ = load_energy(lines, names, tmp_path)
    monkeypatch.setattr(energy_kind, "CHUNK", 1)
    monkeypatch.setattr(energy_kind, "LONGEST_CHUNK", longest)
    seqs: set[int] = set()
    put = FakeHotEnergy.put

    def recorded(hot: FakeHotEnergy, ship: str, pieces: Any, received: Received, now_ms: int) -> None:
        seqs.add(received.seq)
        put(hot, ship, pieces, received, now_ms)

    monkeypatch.setattr(FakeHotEnergy, "put", recorded)
    cut, told = load_energy(lines, names, tmp_path)
    assert len(seqs) >= len(lines) // longest - 1
    assert told.rows == len(lines)
    span = (times[0] - DAY_MS, times[-1] + DAY_MS)
    assert answers(cut, "falcon", *span) == answers(whole, "falcon", *span)


def test_a_series_is_told_by_its_bad_values_as_in_a_post(tmp_path: Any) -> None:
    """The times of bad values count for the step; what is refused late keeps its raw text."""
    lines = [
        ("falcon", "kW", "2024-06-01T00:00:00Z", "1"),
        ("falcon", "kW", "2024-06-01T00:05:00Z", "no"),
        ("falcon", "KW", "2024-06-01T00:10:00Z", "-4"),
        ("weekly", "kWh", "2024-06-01T00:00:00Z", "1"),
        ("weekly", "kWh", "2024-06-08T00:00:00Z", "1"),
        ("big", "kWh", "2024-06-01T00:00:00Z", "999999999"),
        ("big", "kWh", "2024-06-01T00:05:00Z", "999999999"),
        ("big", "kWh", "2024-06-01T00:10:00Z", "999999999"),
    ]
    (hot, _), told = load_energy(lines, ("spaceship_id", "units", "datetime", "value"), tmp_path)
    assert told.rows == 1
    (said,) = [said for _, said, _ in hot.items]
    assert said.piece.length_ms == 5 * MINUTE_MS
    found = {line: (reason, raw) for line, reason, raw in told.rejects}
    assert found[3] == ("value: is text that is not a number (a decimal point is a point)", ",".join(lines[1]))
    assert found[4] == ("value: is negative", ",".join(lines[2]))
    assert found[5] == (found[6][0], ",".join(lines[3]))
    assert found[5][0].startswith("interval_minutes: the readings lie 10080 minutes apart")
    assert found[7][0] == "value: together with others it gives a quarter hour more than 999,999,999 kWh"
    assert sorted(found) == [3, 4, 5, 6, 7, 8, 9]


def test_minutes_with_leading_zeros_are_minutes_and_never_another_ship(tmp_path: Any) -> None:
    lines = [
        ("falcon", "kWh", minutes, f"2024-06-12T0{number}:00:00Z", "7")
        for number, minutes in enumerate(("00002882", "00000060", "0000000060", "0", "1441"))
    ]
    names = ("spaceship_id", "units", "interval_minutes", "datetime", "value")
    loaded, told = load_energy([*lines, ("x-wing", "kWh", "60", "2024-06-12T09:00:00Z", "1")], names, tmp_path)
    assert [line for line, *_ in told.rejects] == [2, 4, 5, 6]
    day = (parse_instant("2024-06-12T00:00:00Z"), parse_instant("2024-06-13T00:00:00Z"))
    totals = {ship: sum(point.amount or 0 for point in answers(loaded, ship, *day)) for ship in ("falcon", "x-wing")}
    assert totals == {"falcon": 7 * 10**9, "x-wing": 10**9}


def test_a_series_too_long_for_memory_is_refused_before_anything_is_stored(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(energy_kind, "SERIES_ROWS", 2)
    lines = [("falcon", "kWh", f"2024-06-01T00:0{n}:00Z", "1") for n in range(3)]
    with pytest.raises(Exception, match=r"spaceship falcon has 3 rows in kWh, .* split it by time"):
        load_energy(lines, ("spaceship_id", "units", "datetime", "value"), tmp_path)


BEATS: list[dict[str, Any]] = [
    {"vehicleId": "ev-1", "timestamp": "2024-06-14T11:00:30Z", "soc": 61.5, "kwhDeliveredDc": 0.17, "batteryTemp": 31},
    {"vehicleId": "ev-1", "timestamp": "2024-06-14T11:01:00.250Z", "soc": 62, "kwhDeliveredDc": 0, "batteryTemp": -1},
    {"vehicleId": "ev-2", "timestamp": "2024-06-14T13:00:00+02:00", "soc": 0, "kwhDeliveredDc": 1e-9, "batteryTemp": 0},
    {"vehicleId": "ev-2", "timestamp": "2024-05-01T00:00:00Z", "soc": 99.995, "kwhDeliveredDc": 5, "batteryTemp": 99},
    {"vehicleId": "ev-3", "timestamp": "2024-06-14T12:11:00Z", "soc": 1, "kwhDeliveredDc": 5, "batteryTemp": 99},
    {"vehicleId": "ev 4", "timestamp": "2024-06-14T11:00:00Z", "soc": 1, "kwhDeliveredDc": 5, "batteryTemp": 99},
    {"vehicleId": "ev-5", "timestamp": "2024-06-14T11:00:00Z", "soc": 101, "kwhDeliveredDc": 5, "batteryTemp": 99},
    {"vehicleId": "ev-6", "timestamp": "2024-06-14T11:00:00Z", "soc": 1, "kwhDeliveredDc": -1, "batteryTemp": 99},
]


@pytest.mark.parametrize("format_", list(Format))
def test_heartbeats_by_file_are_heartbeats_by_post(format_: Format, tmp_path: Any) -> None:
    text = io.StringIO(newline="")
    if format_ is Format.CSV:
        writer = csv.DictWriter(text, list(BEATS[0])[::-1])
        writer.writeheader()
        writer.writerows(BEATS)
    else:
        lines = [json.dumps(beat) for beat in BEATS]
        text.write("\n".join(lines) if format_ is Format.NDJSON else f'{{"readings": [{",".join(lines)}]}}')
    path = tmp_path / "drop"
    path.write_text(text.getvalue(), newline="")
    hot, lake, told = FakeHotFleet(), FakeLake(), Told()
    stores = in_memory(lake=lake, fleet=hot)
    kind_of("vehicles").load(Drop(path, 1, "drops/vehicles/f", format_, "a" * 32, NOW, NOW), stores, told)

    posted, queue = FakeHotFleet(), FakeHistoryQueue()
    from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

    judged = telemetry.parse_post(APIGatewayProxyEvent(request("POST", "/v1/telemetry", body=BEATS)), NOW)
    post_heartbeats(judged.heartbeats, Received(NOW, 1), NOW, queue=queue, hot=posted)
    assert told.rows == judged.accepted == 4
    assert len(told.rejects) == len(BEATS) - 4

    def without_order(rows: Any) -> Any:
        return sorted(row[:-1] for row in rows)

    assert without_order(lake.rows()) == without_order(row for batch in queue.batches for row in batch.rows)
    assert {table for table, _, _ in lake.objects} == {HEARTBEATS[Kind.VEHICLE].name}
    for device in ("ev-1", "ev-2", "ev-3"):
        one, other = hot.live(Kind.VEHICLE, device), posted.live(Kind.VEHICLE, device)
        assert (one and one.heartbeat) == (other and other.heartbeat)
    recent = [said.heartbeat for said, _ in hot.said.values()]
    assert sorted(recent, key=str) == sorted(
        (said.heartbeat for said, _ in posted.said.values() if said.heartbeat.ts_ms > NOW - DAY_MS), key=str
    )


heartbeats_of_a_file = st.lists(
    st.tuples(
        st.sampled_from(["ev-1", "ev-2", "EV-1", "ev-10"]), st.integers(-2, 150), st.integers(0, 9), st.integers(0, 9)
    ),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize(("gathered", "at_once"), [(1, 1), (7, 3), (20, 100)])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=heartbeats_of_a_file)
def test_however_hot_rows_are_gathered_the_table_holds_all_and_the_newest_is_live(
    gathered: int, at_once: int, rows: list[tuple[str, int, int, int]], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats_kind, "HOT_ROWS", gathered)
    monkeypatch.setattr(heartbeats_kind, "SLICE", at_once)
    path = tmp_path / "drop"
    first = NOW - 3 * HOUR_MS
    path.write_text("\n".join([
        "vehicleId,timestamp,soc,kwhDeliveredDc,batteryTemp",
        *(f"{device},{format_instant(first + minute * MINUTE_MS)},{soc},{dc},-1" for device, minute, soc, dc in rows),
    ]))  # fmt: skip
    hot = FakeHotFleet()
    drop = Drop(path, path.stat().st_size, "drops/vehicles/f.csv", Format.CSV, "a" * 32, NOW, NOW)
    kind_of("vehicles").load(drop, in_memory(lake=FakeLake(), fleet=hot), Told())
    said = [
        (device, first + minute * MINUTE_MS, line, soc * 100, dc)
        for line, (device, minute, soc, dc) in enumerate(rows, start=2)
    ]
    scale = 10 ** HEARTBEATS[Kind.VEHICLE].column("kwh_dc").scale
    held = [(s.heartbeat.device_id, s.heartbeat.ts_ms, s.seq, *s.heartbeat.values[:2]) for s, _ in hot.said.values()]
    assert sorted(held) == sorted((*row[:4], row[4] * scale) for row in said)
    for device in {row[0] for row in said}:
        live = hot.live(Kind.VEHICLE, device)
        assert live is not None
        assert (live.heartbeat.ts_ms, live.seq) == max(row[1:3] for row in said if row[0] == device)


def test_links_by_file_are_links_by_put_and_those_that_overlap_are_rejected(bench: Loader) -> None:
    links = bench.means.stores.links
    link_meter(Link("m-9", "ev-9", NOW, None), links=links)
    content = (
        "meterId,vehicleId,from,to\n"
        "m-1,ev-1,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z\n"
        "m-1,ev-2,2024-02-01T00:00:00Z,\n"
        "m-1,ev-3,2024-03-01T00:00:00Z,\n"
        "m-9,ev-1,2030-01-01T00:00:00Z,\n"
        "m-2,ev-1,2024-02-01T00:00:00Z,2024-01-01T00:00:00Z\n"
        "m-1,ev-1,2024-01-01T00:00:00Z,2024-01-15T00:00:00Z\n"
    )
    load = bench.drop(content, "drops/links/f.csv")
    assert counts(load) == ("complete_with_rejects", 6, 3, 3)
    assert [(reject["line"], reject["reason"], reject["raw"]) for reject in bench.rejects(load)] == [
        (
            "4",
            "meter m-1 feeds vehicle ev-2 from 2024-02-01T00:00:00Z on; end that link first",
            "m-1,ev-3,2024-03-01T00:00:00Z,",
        ),
        (
            "5",
            "meter m-9 feeds vehicle ev-9 from 2024-06-14T12:00:00Z on; end that link first",
            "m-9,ev-1,2030-01-01T00:00:00Z,",
        ),
        ("6", "to: must lie after from", "m-2,ev-1,2024-02-01T00:00:00Z,2024-01-01T00:00:00Z"),
    ]
    of_meter, _ = links.of_meter("m-1")
    assert [(link.vehicle_id, format_instant(link.from_ms), link.to_ms) for link in of_meter] == [
        ("ev-1", "2024-01-01T00:00:00Z", parse_instant("2024-01-15T00:00:00Z")),
        ("ev-2", "2024-02-01T00:00:00Z", None),
    ]
