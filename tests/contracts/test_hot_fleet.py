"""What every `HotFleet` and `Links` promises: the same suite on the fakes and on DynamoDB."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto import mock_aws

from tests.emulated import HOT_TABLE, emulate
from tests.fakes import FakeHotFleet, FakeLinks
from wattline.adapters.hot_fleet import DynamoHotFleet
from wattline.adapters.hot_links import DynamoLinks
from wattline.adapters.hot_table import HotTable
from wattline.domain.fleet import HOT_WINDOW_MS, Heartbeat, HeartbeatStatement, Kind, Run, state
from wattline.domain.instants import DAY_MS, HOUR_MS, parse_instant
from wattline.domain.links import Link
from wattline.errors import Conflict
from wattline.ports import HeartbeatRange, HotFleet, Links
from wattline.services.fleet import link_meter, unlink_meter

NOW = parse_instant("2024-06-15T12:00:00Z")
MINUTE = 60_000
ALWAYS = 10**10


@pytest.fixture(params=["fake", "dynamodb"])
def hot(request: pytest.FixtureRequest) -> Iterator[HotFleet]:
    if request.param == "fake":
        yield FakeHotFleet()
        return
    with mock_aws():
        yield DynamoHotFleet(HotTable(emulate().dynamodb, HOT_TABLE))


@pytest.fixture(params=["fake", "dynamodb"])
def links(request: pytest.FixtureRequest) -> Iterator[Links]:
    if request.param == "fake":
        yield FakeLinks()
        return
    with mock_aws():
        yield DynamoLinks(HotTable(emulate().dynamodb, HOT_TABLE))


def vehicle(name: str, ts_ms: int, *, dc: int = 0, soc: int = 5_000) -> Heartbeat:
    return Heartbeat(name, ts_ms, (soc, dc, 3_000))


def store(
    hot: HotFleet, *beats: Heartbeat, received_ms: int = NOW, request: int = 1, kind: Kind = Kind.VEHICLE
) -> None:
    said = state(beats, received_ms)
    hot.put(kind, said, request, received_ms)
    hot.update_live(kind, said)


def read(hot: HotFleet, name: str, start: int, end: int, *, as_of_s: int = ALWAYS) -> list[HeartbeatStatement]:
    return hot.read(Kind.VEHICLE, HeartbeatRange(name, start, end, as_of_s), NOW)


def test_heartbeats_of_a_range_are_read_back_and_only_those(hot: HotFleet) -> None:
    beats = [vehicle("v", NOW - n * MINUTE, dc=n) for n in range(180)]
    store(hot, *beats)
    store(hot, vehicle("v2", NOW))
    found = read(hot, "v", NOW - 100 * MINUTE, NOW - 10 * MINUTE)
    assert sorted(said.heartbeat.values[1] for said in found) == list(range(11, 101))


def test_runs_of_a_file_are_read_back_whatever_hours_they_span_and_however_much_they_say(hot: HotFleet) -> None:
    start = NOW - HOUR_MS - 30_000
    long = Run("v", NOW // 1000, [(start + n * 1_000, n, n % 100, n, -n) for n in range(7_000)])
    twice = Run("w", NOW // 1000, [(NOW, 7, 1, 2, 3), (NOW, 9, 4, 5, 6)])
    hot.put_runs(Kind.VEHICLE, [long, twice], 3, NOW)
    hot.put_runs(Kind.VEHICLE, [long, twice], 3, NOW)  # another attempt
    hot.put_runs(Kind.VEHICLE, [Run("w", NOW // 1000, [(NOW, 11, 7, 8, 9)])], 4, NOW)
    found = sorted(read(hot, "v", start + 60_000, NOW + DAY_MS), key=lambda said: said.seq)
    assert found == long.statements[60:]
    assert sorted(said.seq for said in read(hot, "w", NOW, NOW + 1)) == [7, 9, 11]


def test_kinds_do_not_mix(hot: HotFleet) -> None:
    store(hot, Heartbeat("x", NOW, (1, 2)), kind=Kind.METER)
    assert hot.live(Kind.VEHICLE, "x") is None
    found = hot.live(Kind.METER, "x")
    assert found is not None
    assert found.heartbeat.values == (1, 2)


def test_requests_of_one_second_are_both_kept(hot: HotFleet) -> None:
    store(hot, vehicle("v", NOW, dc=1), received_ms=NOW + 100, request=1)
    store(hot, vehicle("v", NOW, dc=2), received_ms=NOW + 900, request=2)
    assert sorted(said.heartbeat.values[1] for said in read(hot, "v", NOW, NOW + 1)) == [1, 2]
    found = hot.live(Kind.VEHICLE, "v")
    assert found is not None
    assert found.heartbeat.values[1] == 2


def test_as_of_hides_what_was_received_in_later_seconds(hot: HotFleet) -> None:
    store(hot, vehicle("v", NOW, dc=1), received_ms=NOW)
    store(hot, vehicle("v", NOW, dc=2), received_ms=NOW + 1_000, request=2)
    assert [s.heartbeat.values[1] for s in read(hot, "v", NOW, NOW + 1, as_of_s=NOW // 1000)] == [1]


def test_heartbeats_expire_and_the_live_state_does_not(hot: HotFleet) -> None:
    store(hot, vehicle("v", NOW - 30 * DAY_MS))
    wanted = HeartbeatRange("v", NOW - 31 * DAY_MS, NOW, ALWAYS)
    assert hot.read(Kind.VEHICLE, wanted, NOW + HOT_WINDOW_MS)
    assert hot.read(Kind.VEHICLE, wanted, NOW + HOT_WINDOW_MS + 2 * HOUR_MS) == []
    assert hot.live(Kind.VEHICLE, "v") is not None


def test_live_is_the_latest_moment_whatever_the_order_of_arrival(hot: HotFleet) -> None:
    store(hot, vehicle("v", NOW, soc=10), received_ms=NOW)
    store(hot, vehicle("v", NOW - MINUTE, soc=20), received_ms=NOW + 5_000, request=2)
    store(hot, vehicle("v", NOW, soc=30), received_ms=NOW + 9_000, request=3)
    store(hot, vehicle("v", NOW, soc=40), received_ms=NOW + 7_000, request=4)
    found = hot.live(Kind.VEHICLE, "v")
    assert found is not None
    assert found.heartbeat.values[0] == 30


def test_live_is_right_when_heartbeats_come_at_once(hot: HotFleet) -> None:
    def post(n: int) -> None:
        store(hot, vehicle("v", NOW + n * MINUTE, soc=n), request=n)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(post, range(30)))
    found = hot.live(Kind.VEHICLE, "v")
    assert found is not None
    assert found.heartbeat.values[0] == 29


def pages(hot: HotFleet, limit: int, *, charging: bool = False) -> list[list[str]]:
    found, after = [], None
    while True:
        page = hot.page(Kind.VEHICLE, charging=charging, after=after, limit=limit)
        found.append([said.heartbeat.device_id for said in page.devices])
        if page.next is None:
            return found
        after = page.next


def test_pages_together_hold_every_device_once(hot: HotFleet) -> None:
    names = {f"v{n:03d}" for n in range(57)}
    store(hot, *(vehicle(name, NOW) for name in names))
    for limit in (1, 10, 19, 57, 100):
        found = pages(hot, limit)
        assert all(len(page) == limit for page in found[:-1])
        assert found[-1]
        assert sorted(name for page in found for name in page) == sorted(names)


def test_an_empty_fleet_is_an_empty_page(hot: HotFleet) -> None:
    assert pages(hot, 10) == [[]]


def test_charging_vehicles_are_those_whose_last_heartbeat_says_so(hot: HotFleet) -> None:
    store(hot, *(vehicle(f"v{n}", NOW, dc=n % 2) for n in range(10)))
    store(hot, vehicle("v1", NOW + MINUTE, dc=0), vehicle("v2", NOW + MINUTE, dc=5), request=2)
    charging = {name for page in pages(hot, 3, charging=True) for name in page}
    assert charging == {"v2", "v3", "v5", "v7", "v9"}


def test_both_sides_of_a_link_say_the_same(links: Links) -> None:
    link_meter(Link("m1", "v", 10, 20), links=links)
    link_meter(Link("m2", "v", 5, None), links=links)
    link_meter(Link("m1", "w", 20, None), links=links)
    assert links.of_vehicle("v") == [Link("m2", "v", 5, None), Link("m1", "v", 10, 20)]
    assert links.of_meter("m1")[0] == [Link("m1", "v", 10, 20), Link("m1", "w", 20, None)]
    link_meter(Link("m2", "v", 5, 6), links=links)
    assert Link("m2", "v", 5, 6) in links.of_vehicle("v")
    unlink_meter("m1", "v", 10, links=links)
    assert links.of_vehicle("v") == [Link("m2", "v", 5, 6)]
    assert links.of_meter("m1")[0] == [Link("m1", "w", 20, None)]


def test_a_version_that_is_gone_is_not_replaced(links: Links) -> None:
    link_meter(Link("m", "v", 0, 10), links=links)
    _, version = links.of_meter("m")
    link_meter(Link("m", "v", 10, 20), links=links)
    assert not links.replace("m", [], version)
    assert len(links.of_meter("m")[0]) == 2


def test_of_links_that_overlap_and_come_at_once_one_is_taken(links: Links) -> None:
    def attempt(n: int) -> bool:
        try:
            link_meter(Link("m", f"v{n}", n, n + 100), links=links)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(attempt, range(12)))
    assert outcomes.count(True) == 1
    (taken,) = links.of_meter("m")[0]
    assert links.of_vehicle(taken.vehicle_id) == [taken]


class RacingClient:
    """A DynamoDB client before whose first transaction somebody else's comes in."""

    def __init__(self, client: Any, race: Callable[[], None]) -> None:
        self._client, self._race = client, race

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **call: Any) -> Any:
        race, self._race = self._race, lambda: None
        race()
        return self._client.transact_write_items(**call)


def test_a_link_that_comes_between_reading_and_writing_is_not_overwritten() -> None:
    with mock_aws():
        client = emulate().dynamodb
        others = DynamoLinks(HotTable(client, HOT_TABLE))
        link_meter(Link("m", "v", 0, 10), links=others)
        racing: Any = RacingClient(client, lambda: link_meter(Link("m", "w", 20, 30), links=others))
        mine = DynamoLinks(HotTable(racing, HOT_TABLE))
        with pytest.raises(Conflict):
            link_meter(Link("m", "x", 25, None), links=mine)
        assert others.of_meter("m")[0] == [Link("m", "v", 0, 10), Link("m", "w", 20, 30)]
        assert others.of_vehicle("x") == []
