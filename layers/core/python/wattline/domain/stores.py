"""When stores are open: weekly hours in local time become business windows in UTC.

Instants are milliseconds since the epoch, UTC; times of a local day are seconds from its midnight.

What a window observes: each poll in it speaks for the time that is nearer to it than to another poll of the window, up
to the window's edges. So of a store open from 9 to 12 on Monday, polled at 10:14 (active) and 11:15 (inactive):

====================  =============================  ========
9:00:00 to 10:44:30   nearer to 10:14, active        1.7417 h
10:44:30 to 12:00:00  nearer to 11:15, inactive      1.2583 h
====================  =============================  ========

A report clips these segments to its last hour, day and week, after they are made: polls from before the week count as
neighbours. A window without a poll is unobserved. `wattline/adapters/sql/store_availability.sql` does this.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from wattline.domain.instants import DAY_MS, to_datetime

DAY_S = 86_400

DEFAULT_ZONE = "America/Chicago"
"""Of stores whose zone nobody told."""

REPORT_MS = 7 * DAY_MS
"""The longest stretch a report speaks of."""

READ_MS = 9 * DAY_MS
"""Polls and local days are read from so long before the report's now."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Opening(NamedTuple):
    """A stretch of a local weekday (0 = Monday); one that ends no later than it begins ends on the next day."""

    weekday: int
    opens_s: int
    closes_s: int


class Window(NamedTuple):
    """A store is open in [opens_ms, closes_ms)."""

    opens_ms: int
    closes_ms: int


WeeklyHours = tuple[Opening, ...]
"""The openings of a store, sorted, each once."""

ALWAYS_OPEN: WeeklyHours = tuple(Opening(weekday, 0, DAY_S) for weekday in range(7))
"""Of stores whose hours nobody told: every local day is a window."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """The windows of all stores, each distinct schedule once.

    `schedule_of` gives the place of a store's windows in `schedules`. A store that is not in it keeps the first.
    """

    schedule_of: Mapping[str, int]
    schedules: Sequence[Sequence[Window]]


def timetable(hours: Mapping[str, WeeklyHours], zones: Mapping[str, str], now_ms: int) -> Timetable:
    """The windows that a report of `now_ms` needs, of every store with hours or a zone."""
    places: dict[tuple[WeeklyHours, str], int] = {(ALWAYS_OPEN, DEFAULT_ZONE): 0}
    schedule_of = {
        store: places.setdefault((hours.get(store, ALWAYS_OPEN), zones.get(store, DEFAULT_ZONE)), len(places))
        for store in hours.keys() | zones.keys()
    }
    return Timetable(schedule_of, [business_windows(weekly, zone, now_ms) for weekly, zone in places])


def business_windows(hours: WeeklyHours, zone: str, now_ms: int) -> list[Window]:
    """The windows that a report of `now_ms` may count, in order.

    They come from the local days of (now - 9 days) to now. Windows that overlap are merged, windows that only touch
    stay apart. Those over before the report's week, or not begun, are left out: they can contribute nothing.
    """
    by_weekday: dict[int, list[Opening]] = {
        weekday: list(openings) for weekday, openings in groupby(sorted(hours), key=lambda opening: opening.weekday)
    }
    day, last = _local_day(now_ms - READ_MS, zone), _local_day(now_ms, zone)
    windows = []
    while day <= last:
        windows += [_window(opening, day, zone) for opening in by_weekday.get(day.weekday(), ())]
        day += timedelta(days=1)
    merged = _merged(window for window in windows if window.opens_ms < window.closes_ms)
    return [each for each in merged if each.closes_ms > now_ms - REPORT_MS and each.opens_ms < now_ms]


def _window(opening: Opening, day: date, zone: str) -> Window:
    """Empty or turned around where DST skips all of it."""
    closes_s = opening.closes_s + (DAY_S if opening.closes_s <= opening.opens_s else 0)
    return Window(_instant(day, opening.opens_s, zone), _instant(day, closes_s, zone))


@lru_cache(maxsize=100_000)
def _instant(day: date, seconds: int, zone: str) -> int:
    """The instant at which clocks in the zone show so many seconds from the day's midnight.

    A time that DST skips is read with the offset before the change, a time that happens twice is its first
    occurrence: what `fold=0` means (PEP 495).
    """
    shown = datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)  # noqa: DTZ001 - gets its zone here
    return (shown.replace(tzinfo=ZoneInfo(zone), fold=0) - _EPOCH) // _MILLISECOND


def _local_day(instant_ms: int, zone: str) -> date:
    return to_datetime(instant_ms).astimezone(ZoneInfo(zone)).date()


def _merged(windows: Iterable[Window]) -> list[Window]:
    merged: list[Window] = []
    for window in sorted(windows):
        if merged and window.opens_ms < merged[-1].closes_ms:
            merged[-1] = Window(merged[-1].opens_ms, max(merged[-1].closes_ms, window.closes_ms))
        else:
            merged.append(window)
    return merged
