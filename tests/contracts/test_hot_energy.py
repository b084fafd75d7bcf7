"""What every `HotEnergy` promises: the same suite on the fake and on DynamoDB."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from moto import mock_aws

from tests.emulated import HOT_TABLE, emulate
from tests.fakes import FakeHotEnergy
from wattline.adapters.hot_energy import DynamoHotEnergy
from wattline.adapters.hot_table import HotTable
from wattline.domain.energy import Basis, Piece, Statement
from wattline.domain.instants import DAY_MS, HOUR_MS, INTERVAL_MS, parse_instant
from wattline.ports import EnergyRange, HotEnergy, Received

WINDOW = 35 * DAY_MS
NOW = parse_instant("2024-06-15T12:00:00Z")
MIDNIGHT = parse_instant("2024-06-14T00:00:00Z")
ALL = 10**9
FIRST = Received(NOW, 1)


@pytest.fixture(params=["fake", "dynamodb"])
def hot(request: pytest.FixtureRequest) -> Iterator[HotEnergy]:
    if request.param == "fake":
        yield FakeHotEnergy(WINDOW)
        return
    with mock_aws():
        yield DynamoHotEnergy(HotTable(emulate().dynamodb, HOT_TABLE), WINDOW)


def quarters(start_ms: int, count: int, *, amount: int = 10**9, basis: Basis = Basis.ENERGY) -> list[Piece]:
    return [Piece(start_ms + n * INTERVAL_MS, 0, INTERVAL_MS, amount + n, basis) for n in range(count)]


def wanted(start_ms: int, end_ms: int, *, ship: str = "falcon", as_of: int = ALL * 10**4) -> EnergyRange:
    return EnergyRange(ship, start_ms, end_ms, as_of)


def put(hot: HotEnergy, pieces: list[Piece], *, received: Received = FIRST, ship: str = "falcon") -> None:
    hot.put(ship, pieces, received, received.at_ms)


def test_what_was_put_is_read_back_to_the_last_digit(hot: HotEnergy) -> None:
    part = Piece(MIDNIGHT, 1, 299_999, 123_456_789_987_654_321, Basis.POWER)
    put(hot, [part], received=Received(NOW, 4_294_967_295))
    found = hot.read(wanted(MIDNIGHT, MIDNIGHT + DAY_MS), NOW, ALL)
    assert found.statements == [Statement(part, NOW, 4_294_967_295)]
    assert found.complete_until_ms == MIDNIGHT + DAY_MS


def test_the_range_is_half_open_and_about_the_start_of_quarter_hours(hot: HotEnergy) -> None:
    put(hot, quarters(MIDNIGHT, 8))
    found = hot.read(wanted(MIDNIGHT + INTERVAL_MS, MIDNIGHT + 3 * INTERVAL_MS), NOW, ALL)
    starts = [said.piece.interval_ms for said in found.statements]
    assert starts == [MIDNIGHT + INTERVAL_MS, MIDNIGHT + 2 * INTERVAL_MS]


def test_ships_do_not_see_each_other_even_when_an_id_begins_like_another(hot: HotEnergy) -> None:
    put(hot, quarters(MIDNIGHT, 1), ship="a")
    put(hot, quarters(MIDNIGHT, 2), ship="a:b")
    assert len(hot.read(wanted(MIDNIGHT, NOW, ship="a"), NOW, ALL).statements) == 1
    assert hot.knows("a:b")
    assert not hot.knows("a:")


def test_a_range_over_many_days_comes_in_time_order(hot: HotEnergy) -> None:
    put(hot, quarters(MIDNIGHT - 2 * DAY_MS, 96 * 3))
    starts = [s.piece.interval_ms for s in hot.read(wanted(MIDNIGHT - 2 * DAY_MS, NOW), NOW, ALL).statements]
    assert starts == sorted(starts)
    assert len(starts) == 96 * 3


def test_two_posts_about_one_interval_are_both_kept(hot: HotEnergy) -> None:
    put(hot, quarters(MIDNIGHT, 1), received=Received(NOW, 1))
    put(hot, quarters(MIDNIGHT, 1), received=Received(NOW, 2))
    put(hot, quarters(MIDNIGHT, 1), received=Received(NOW + 1, 0))
    found = hot.read(wanted(MIDNIGHT, MIDNIGHT + INTERVAL_MS), NOW, ALL).statements
    assert sorted((said.received_ms, said.seq) for said in found) == [(NOW, 1), (NOW, 2), (NOW + 1, 0)]


def test_a_repeated_put_changes_nothing(hot: HotEnergy) -> None:
    put(hot, quarters(MIDNIGHT, 96))
    once = set(hot.read(wanted(MIDNIGHT, NOW), NOW, ALL).statements)
    put(hot, quarters(MIDNIGHT, 96))
    assert set(hot.read(wanted(MIDNIGHT, NOW), NOW, ALL).statements) == once


def test_as_of_hides_what_was_received_later(hot: HotEnergy) -> None:
    put(hot, quarters(MIDNIGHT, 1), received=Received(NOW, 1))
    put(hot, quarters(MIDNIGHT, 1), received=Received(NOW + 5, 1))
    found = hot.read(wanted(MIDNIGHT, NOW, as_of=NOW + 4), NOW + 10, ALL).statements
    assert [said.received_ms for said in found] == [NOW]


def test_old_events_stay_for_the_window_after_they_were_received(hot: HotEnergy) -> None:
    put(hot, quarters(MIDNIGHT - 1000 * DAY_MS, 1))
    everything = wanted(0, NOW)
    assert hot.read(everything, NOW + WINDOW, ALL).statements
    assert not hot.read(everything, NOW + WINDOW + 2 * HOUR_MS, ALL).statements
    assert hot.knows("falcon"), "the ship itself never expires"


def test_young_events_stay_for_the_window_after_they_happened(hot: HotEnergy) -> None:
    put(hot, quarters(NOW, 1), received=Received(NOW - 5 * DAY_MS, 1))
    everything = wanted(0, NOW + DAY_MS)
    assert hot.read(everything, NOW + WINDOW, ALL).statements
    assert not hot.read(everything, NOW + WINDOW + 2 * HOUR_MS, ALL).statements


def test_an_early_end_is_complete_up_to_where_it_says(hot: HotEnergy) -> None:
    put(hot, quarters(MIDNIGHT, 300), received=Received(NOW, 1))
    put(hot, quarters(MIDNIGHT, 300), received=Received(NOW, 2))
    whole = hot.read(wanted(MIDNIGHT, MIDNIGHT + 10 * DAY_MS), NOW, ALL).statements
    for at_least in (1, 95, 96, 97, 250):
        found = hot.read(wanted(MIDNIGHT, MIDNIGHT + 10 * DAY_MS), NOW, at_least)
        until = found.complete_until_ms
        assert set(found.statements) == {said for said in whole if said.piece.interval_ms < until}
        assert len({said.piece.interval_ms for said in found.statements}) >= at_least


def test_a_post_of_many_small_pieces_is_kept_whole(hot: HotEnergy) -> None:
    pieces = [
        Piece(MIDNIGHT + n // 800 * INTERVAL_MS, n % 800 * 1000, 1000, 10**17 + n, Basis.ENERGY) for n in range(8_000)
    ]
    put(hot, pieces)
    found = hot.read(wanted(MIDNIGHT, NOW), NOW, ALL).statements
    assert sorted(said.piece.amount for said in found) == [10**17 + n for n in range(8_000)]


def test_concurrent_posts_of_parts_of_one_interval_lose_nothing(hot: HotEnergy) -> None:
    def post_part(n: int) -> None:
        part = Piece(MIDNIGHT, n * 30_000, 30_000, n, Basis.ENERGY)
        put(hot, [part], received=Received(NOW, n))

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(post_part, range(30)))
    found = hot.read(wanted(MIDNIGHT, NOW), NOW, ALL).statements
    assert sorted(said.piece.amount for said in found) == list(range(30))
