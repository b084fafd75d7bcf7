"""Loads that are killed, delivered twice or retried late: the same rows once, and the same figures."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Lock
from typing import Any

import pytest
from moto import mock_aws

from tests.emulated import emulate
from tests.loader import Client, Loader, counts, means, running_loader
from wattline.domain.fleet import Heartbeat, HeartbeatStatement, Kind
from wattline.domain.instants import DAY_MS, FOREVER_MS, HOUR_MS, MINUTE_MS, format_instant
from wattline.domain.loads import Load
from wattline.loading.run import Means, take_drop
from wattline.ports import HeartbeatRange
from wattline.runtime.clock import now_ms

HEADER = "vehicleId,timestamp,soc,kwhDeliveredDc,batteryTemp\n"
OLD = "2024-03-01T12:00:00Z"
ROW = f"ev-1,{OLD},61.5,0.17,31\n"


@pytest.fixture
def bench() -> Iterator[Loader]:
    with running_loader() as running:
        yield running


class Killed(BaseException):
    """The process died here."""


class Mortal:
    """A client whose process dies before call number `dies_at`, counted over all clients that share `calls`."""

    def __init__(self, client: Any, calls: list[str], dies_at: int) -> None:
        self._client, self._calls, self._dies_at, self._lock = client, calls, dies_at, Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                self._calls.append(name)
                if len(self._calls) >= self._dies_at:
                    raise Killed(name)
            return found(*arguments, **named)

        return call


def dying(bench: Loader, dies_at: int = 10**9) -> tuple[Means, list[str]]:
    """The loader's wiring in a process that dies, and the calls it makes."""
    calls: list[str] = []
    made = means(Mortal(bench.emulated.dynamodb, calls, dies_at), Mortal(bench.emulated.s3, calls, dies_at))
    return pinned(made), calls


NOW = now_ms() // MINUTE_MS * MINUTE_MS
AN_HOUR_AGO = format_instant(NOW - HOUR_MS)
FILES = {
    "drops/vehicles/f.csv": HEADER + ROW + f"ev-1,{AN_HOUR_AGO},5,0.1,20\nev-2,{AN_HOUR_AGO},5,0.1,20\nbad\n",
    "drops/energy/f.csv": "spaceship_id,units,datetime,value\n"
    + f"falcon,kWh,{AN_HOUR_AGO},1\nfalcon,kW,{OLD},1\nfalcon,kW,2024-03-01T12:05:00Z,-1\nx-wing,kWh,{OLD},3\n",
    "drops/links/f.csv": f"vehicleId,meterId,from,to\nev-1,m-1,{OLD},\nev-2,m-1,{OLD},\nev-2,m-2,{OLD},{AN_HOUR_AGO}\n",
}
TABLES = ("vehicle_heartbeats", "energy_intervals")


class Pinned:
    """Drops whose objects were all dropped at one time, whenever the test runs."""

    def __init__(self, drops: Any) -> None:
        self._drops = drops

    def __getattr__(self, name: str) -> Any:
        return getattr(self._drops, name)

    def open(self, key: str, etag: str) -> Any:
        return replace(self._drops.open(key, etag), received_ms=NOW)


def pinned(made: Means, now: int = NOW) -> Means:
    return replace(made, clock=lambda: now, drops=Pinned(made.drops))


def outcome(made: Loader, load: Load) -> tuple[Any, ...]:
    figures = (counts(load), load.percent, load.started_ms, made.rejects(load))
    return figures, [made.rows(table) for table in TABLES], made.hot(), made.emulated.object_keys()


def fresh() -> Loader:
    emulated = emulate()
    return Loader(emulated, pinned(means(emulated.dynamodb, emulated.s3)))


@pytest.mark.parametrize("key", FILES)
def test_killed_before_any_call_the_next_try_leaves_the_same_rows_once(key: str) -> None:
    with mock_aws():
        made = fresh()
        dropped = made.put(key, FILES[key])
        mortal, calls = dying(made)
        whole = outcome(made, take_drop(dropped, mortal))
    assert whole[0][0][0] == "complete_with_rejects"
    for dies_at in range(1, len(calls) + 1):
        with mock_aws():
            made = fresh()
            dropped = made.put(key, FILES[key])
            mortal, _ = dying(made, dies_at)
            with pytest.raises(Killed):
                take_drop(dropped, mortal)
            load = take_drop(replace(dropped, attempt=2), made.means)
            assert outcome(made, load) == whole, (dies_at, calls[dies_at - 1])


def test_two_deliveries_at_once_leave_one_complete_load(bench: Loader) -> None:
    dropped = bench.put("drops/vehicles/f.csv", HEADER + ROW)
    s3 = bench.emulated.s3
    inner: list[Load] = []

    def get_after_the_other(**arguments: Any) -> Any:
        inner.append(take_drop(dropped, bench.means))
        return s3.get_object(**arguments)

    take_drop(dropped, means(bench.emulated.dynamodb, Client(s3, get_object=get_after_the_other)))
    assert bench.find(dropped) == inner[0]
    assert counts(inner[0]) == ("complete", 1, 1, 0)
    assert len(bench.rows("vehicle_heartbeats")) == 1


def test_a_retried_old_load_does_not_undo_a_newer_correction() -> None:
    """The load dies after its hot rows; a correction comes by HTTP; the retry runs hours later."""
    content = f"{HEADER}ev-1,{AN_HOUR_AGO},5,0.1,20\n"
    with mock_aws():
        made = fresh()
        mortal, calls = dying(made)
        take_drop(made.put("drops/vehicles/f.csv", content), mortal)
    with mock_aws():
        made = fresh()
        dropped = made.put("drops/vehicles/f.csv", content)
        mortal, _ = dying(made, calls.index("batch_write_item") + 2)
        with pytest.raises(Killed):
            take_drop(dropped, mortal)
        fleet = made.means.stores.fleet
        corrected = HeartbeatStatement(Heartbeat("ev-1", NOW - HOUR_MS, (700, 1, 2000)), NOW // 1000 + 60, 0)
        fleet.put(Kind.VEHICLE, [corrected], 1, NOW)
        fleet.update_live(Kind.VEHICLE, [corrected])
        retried = take_drop(replace(dropped, attempt=2), pinned(made.means, NOW + 2 * HOUR_MS))
        assert counts(retried) == ("complete", 1, 1, 0)
        assert fleet.live(Kind.VEHICLE, "ev-1") == corrected
        wanted = HeartbeatRange("ev-1", NOW - DAY_MS, NOW, FOREVER_MS // 1000)
        said = fleet.read(Kind.VEHICLE, wanted, NOW)
        assert len(said) == 2
        assert max(said, key=lambda each: each.rank) == corrected
        (stored,) = made.rows("vehicle_heartbeats")
        assert stored["received_s"] == NOW // 1000 < corrected.received_s
