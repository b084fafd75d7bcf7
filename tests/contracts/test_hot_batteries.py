"""What every `HotBatteries` promises: the same suite on the fake and on DynamoDB."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto import mock_aws

from tests.battery_fakes import FakeHotBatteries
from tests.emulated import HOT_TABLE, emulate
from wattline.adapters.hot_batteries import DynamoHotBatteries
from wattline.adapters.hot_table import HotTable
from wattline.domain.batteries import Battery, Description, Latest
from wattline.errors import TransientError
from wattline.ports import HotBatteries


@pytest.fixture(params=["fake", "dynamodb"])
def hot(request: pytest.FixtureRequest) -> Iterator[HotBatteries]:
    if request.param == "fake":
        yield FakeHotBatteries()
        return
    with mock_aws():
        client: Any = emulate().dynamodb
        yield DynamoHotBatteries(HotTable(client, HOT_TABLE))


def reading(ts_ms: int, value: int = 1, *, received_ms: int = 0, seq: int = 0) -> Latest:
    return Latest(ts_ms, received_ms, seq, value)


def test_a_battery_never_heard_of_is_none(hot: HotBatteries) -> None:
    assert hot.get("b") is None


def test_readings_and_descriptions_come_together_in_any_order(hot: HotBatteries) -> None:
    described = Description("Utrecht \N{HIGH VOLTAGE SIGN}", "Warning", 10, 0)
    for name, parts in (("b", (0, 1, 2)), ("c", (2, 1, 0))):
        said = (
            Battery(name, described),
            Battery(name, latest={"Power": reading(5, -3)}),
            Battery(name, latest={"Charge": reading(4)}),
        )
        for part in parts:
            hot.merge(said[part])
        assert hot.get(name) == Battery(name, described, {"Power": reading(5, -3), "Charge": reading(4)})


def test_a_newer_moment_wins_and_of_one_moment_the_newer_statement(hot: HotBatteries) -> None:
    for latest in (
        reading(5, 1, received_ms=50),
        reading(4, 2, received_ms=99),
        reading(5, 3, received_ms=60, seq=1),
        reading(5, 4, received_ms=60, seq=0),
        reading(5, 5, received_ms=40),
    ):
        hot.merge(Battery("b", latest={"m": latest}))
    found = hot.get("b")
    assert found is not None
    assert found.latest == {"m": reading(5, 3, received_ms=60, seq=1)}


def test_the_description_received_last_holds(hot: HotBatteries) -> None:
    for text, received_ms in (("new", 20), ("old", 10)):
        hot.merge(Battery("b", Description(text, None, received_ms, 0)))
    found = hot.get("b")
    assert found is not None
    assert found.description == Description("new", None, 20, 0)


def test_of_responses_that_come_at_once_none_is_lost(hot: HotBatteries) -> None:
    def say(n: int) -> None:
        hot.merge(Battery("b", latest={f"m{n % 3}": reading(n)}))

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(say, range(12)))
    found = hot.get("b")
    assert found is not None
    assert {name: latest.ts_ms for name, latest in found.latest.items()} == {"m0": 9, "m1": 10, "m2": 11}


def test_pages_together_hold_every_battery_once(hot: HotBatteries) -> None:
    names = {f"b{n:02d}" for n in range(23)}
    for name in names:
        hot.merge(Battery(name, latest={"m": reading(1)}))
    for limit in (1, 5, 23, 100):
        found: list[list[str]] = []
        after = None
        while not found or after is not None:
            page = hot.page(after=after, limit=limit)
            found.append([battery.device_id for battery in page.batteries])
            after = page.next
        assert all(len(page) == limit for page in found[:-1])
        assert sorted(name for page in found for name in page) == sorted(names)


def test_no_battery_is_an_empty_page(hot: HotBatteries) -> None:
    page = hot.page(after=None, limit=10)
    assert (page.batteries, page.next) == ([], None)


class Watched:
    """A DynamoDB client that counts its updates, and before each of them lets somebody else come in."""

    def __init__(self, client: Any, race: Callable[[], None] = lambda: None) -> None:
        self._client, self._race = client, race
        self.updates = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_item(self, **call: Any) -> Any:
        self.updates += 1
        self._race()
        return self._client.update_item(**call)


def test_a_response_that_says_nothing_new_writes_nothing() -> None:
    with mock_aws():
        client: Any = Watched(emulate().dynamodb)
        hot = DynamoHotBatteries(HotTable(client, HOT_TABLE))
        said = Battery("b", Description("x", None, 1, 0), {f"m{n}": reading(n) for n in range(14)})
        hot.merge(said)
        assert client.updates == 1, "one for all metrics"
        hot.merge(said)
        hot.merge(Battery("b", latest={"m3": reading(2, 99)}))
        assert client.updates == 1


def test_what_came_between_reading_and_writing_is_kept() -> None:
    with mock_aws():
        client = emulate().dynamodb
        others = DynamoHotBatteries(HotTable(client, HOT_TABLE))
        races = iter([Battery("b", latest={"m": reading(7)}), Battery("b", latest={"n": reading(8)})])

        def race() -> None:
            said = next(races, None)
            if said is not None:
                others.merge(said)

        watched: Any = Watched(client, race)
        DynamoHotBatteries(HotTable(watched, HOT_TABLE)).merge(Battery("b", latest={"m": reading(6), "o": reading(1)}))
        found = others.get("b")
        assert found is not None
        assert {name: latest.ts_ms for name, latest in found.latest.items()} == {"m": 7, "n": 8, "o": 1}


def test_who_always_comes_second_says_so() -> None:
    with mock_aws():
        client = emulate().dynamodb
        others = DynamoHotBatteries(HotTable(client, HOT_TABLE))
        ticks = iter(range(1_000))
        watched: Any = Watched(client, lambda: others.merge(Battery("b", latest={"m": reading(next(ticks))})))
        with pytest.raises(TransientError, match="battery b"):
            DynamoHotBatteries(HotTable(watched, HOT_TABLE, pause=lambda _: None)).merge(
                Battery("b", latest={"o": reading(1)})
            )
