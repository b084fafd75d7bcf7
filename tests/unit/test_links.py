"""Which meter feeds which vehicle: no two links of a meter at one time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattline.domain.links import MAX_LINKS, Link, put_link, remove_link, within
from wattline.errors import Conflict, InvalidRequest, NotFound


def link(start: int, end: int | None, vehicle: str = "v1") -> Link:
    return Link("m", vehicle, start, end)


def test_links_that_touch_do_not_overlap() -> None:
    links = put_link(put_link([], link(0, 10)), link(10, None, "v2"))
    assert [each.vehicle_id for each in links] == ["v1", "v2"]


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (link(0, 10), link(9, 20, "v2")),
        (link(0, None), link(5, 6, "v2")),
        (link(5, 6), link(0, None, "v2")),
        (link(0, 10), link(2, 3)),
        (link(0, 10), link(0, 10, "v2")),
    ],
)
def test_links_that_overlap_conflict_and_the_other_is_named(there: Link, wanted: Link) -> None:
    with pytest.raises(Conflict, match="meter m feeds vehicle v1 from 1970-01-01"):
        put_link([there], wanted)


def test_a_meter_has_room_for_so_many_links_and_says_so() -> None:
    full = [link(n, n + 1) for n in range(MAX_LINKS)]
    with pytest.raises(InvalidRequest, match="meter m has 3,000 links, the most there may be"):
        put_link(full, link(MAX_LINKS, None))
    assert put_link(full, link(MAX_LINKS - 1, None))[-1].to_ms is None, "the end of a link there is can change"


def test_the_same_beginning_changes_the_end() -> None:
    assert put_link([link(0, None)], link(0, 5)) == [link(0, 5)]
    assert put_link([link(0, 5)], link(0, None)) == [link(0, None)]


def test_an_end_may_not_be_moved_into_the_next_link() -> None:
    with pytest.raises(Conflict):
        put_link([link(0, 5), link(7, 9, "v2")], link(0, 8))


def test_a_link_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="to: must lie after from"):
        put_link([], link(5, 5))


def test_a_link_is_removed_by_vehicle_and_beginning() -> None:
    assert remove_link([link(0, 5), link(5, 9)], "v1", 5) == [link(0, 5)]
    with pytest.raises(NotFound):
        remove_link([link(0, 5)], "v2", 0)


def test_links_within_a_window_hold_at_some_instant_of_it() -> None:
    links = [link(0, 10), link(10, 20), link(20, None)]
    assert within(links, 10, 20) == [link(10, 20)]
    assert within(links, 9, 21) == links


@given(st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(0, 30), st.sampled_from("abc")), max_size=12))
def test_whatever_is_put_no_two_links_hold_at_once(wanted: list[tuple[int, int | None, str]]) -> None:
    links: list[Link] = []
    for start, end, vehicle in wanted:
        try:
            links = put_link(links, link(start, end, vehicle))
        except (Conflict, InvalidRequest):
            continue
    for instant in range(32):
        assert sum(each.holds_at(instant) for each in links) <= 1
