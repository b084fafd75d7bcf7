"""Local days, weeks, months and hours of a time zone as stretches of UTC instants.

A local day has 92, 96 or 100 quarter hours. The zone rules are those of the pinned `tzdata`, not the host's, so
that two deployments never answer differently. A local midnight that a change of the clock skips is the instant of
the change; one that happens twice is its first occurrence.
"""

import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise

from wattline.domain.instants import HOUR_MS, INTERVAL_MS, to_datetime

zoneinfo.reset_tzpath(to=())  # the host's files would come first

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)

SATURDAY = 5
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Days(StrEnum):
    """Which local days count."""

    ALL = "all"
    WEEKDAYS = "weekdays"
    WEEKENDS = "weekends"

    def holds(self, day: date) -> bool:
        """Whether the day counts; Monday to Friday are weekdays."""
        return self is Days.ALL or (day.weekday() < SATURDAY) is (self is Days.WEEKDAYS)


class Grain(StrEnum):
    """The length of a bucket."""

    QUARTER_HOUR = "15m"
    HOUR = "hourly"
    DAY = "daily"
    WEEK = "weekly"
    MONTH = "monthly"


@dataclass(frozen=True, slots=True)
class Stretch:
    """[start, end)."""

    start_ms: int
    end_ms: int

    @property
    def quarter_hours(self) -> int:
        """Quarter hours that begin in it."""
        return max(0, -(-self.end_ms // INTERVAL_MS) + (-self.start_ms // INTERVAL_MS))


@dataclass(frozen=True, slots=True)
class LocalRange:
    """[start, end) as somebody in a zone looks at it, on the days that count."""

    start_ms: int
    end_ms: int
    zone: tzinfo
    days: Days = Days.ALL


@dataclass(frozen=True, slots=True)
class CalendarBucket:
    """A calendar unit: `start_ms` is its edge, `parts` the stretches of it that are asked for."""

    start_ms: int
    parts: tuple[Stretch, ...]

    @property
    def quarter_hours(self) -> int:
        """Quarter hours that begin in its parts."""
        return sum(part.quarter_hours for part in self.parts)


def time_zone(name: str) -> tzinfo:
    """The zone of an IANA name. Raises ValueError."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise ValueError("is not an IANA time zone like Europe/Zurich") from error


def local(instant_ms: int, zone: tzinfo) -> datetime:
    """The wall clock at an instant."""
    return to_datetime(instant_ms).astimezone(zone)


def midnight(day: date, zone: tzinfo) -> int:
    """The instant at which a local day begins."""
    return wall_instant(day, time.min, zone)


def wall_instant(day: date, clock: time, zone: tzinfo) -> int:
    """The instant at which the wall clock first shows this time, or skips it."""
    wall = datetime.combine(day, clock, tzinfo=zone)
    instant = (wall - _EPOCH) // _MILLISECOND
    if local(instant, zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # Skipped: read with the offset before the change it lies after the change, by as much as was skipped. `fold=1`
    # reads it with the offset after the change, which lies before it by as much.
    before = (wall.replace(fold=1) - _EPOCH) // _MILLISECOND
    return _change_between(before, instant, zone)


def _change_between(low_ms: int, high_ms: int, zone: tzinfo) -> int:
    """The instant in (low, high] at which the zone's offset changes."""
    offset = local(low_ms, zone).utcoffset()
    while high_ms - low_ms > 1:
        middle = (low_ms + high_ms) // 2
        if local(middle, zone).utcoffset() == offset:
            low_ms = middle
        else:
            high_ms = middle
    return high_ms


def days_of(start_ms: int, end_ms: int, zone: tzinfo) -> Iterator[tuple[date, Stretch]]:
    """The local days that [start, end) touches, whole."""
    if start_ms >= end_ms:
        return
    first = local(start_ms, zone).date()
    last = local(end_ms - 1, zone).date()
    edges = ((first + n * _DAY, midnight(first + n * _DAY, zone)) for n in range((last - first).days + 2))
    for (day, begin), (_, end) in pairwise(edges):
        if begin < end:  # a zone that crosses the date line skips a day
            yield day, Stretch(begin, end)


def buckets(wanted: LocalRange, grain: Grain) -> Iterator[CalendarBucket]:
    """The calendar units that a range touches, in order; their parts lie in the range and on days that count.

    A unit without such a part is left out.
    """
    if grain in (Grain.QUARTER_HOUR, Grain.HOUR):
        yield from _short_buckets(wanted, grain)
        return
    start_ms, end_ms, zone = wanted.start_ms, wanted.end_ms, wanted.zone
    unit_start: int | None = None
    unit: object = None
    parts: list[Stretch] = []
    for day, whole in days_of(start_ms, end_ms, zone):
        if (of_day := _unit_of(day, grain)) != unit:
            if unit_start is not None and parts:
                yield CalendarBucket(unit_start, tuple(parts))
            unit, unit_start, parts = of_day, midnight(of_day, zone), []
        if wanted.days.holds(day):
            _extend(parts, Stretch(max(whole.start_ms, start_ms), min(whole.end_ms, end_ms)))
    if unit_start is not None and parts:
        yield CalendarBucket(unit_start, tuple(parts))


def _unit_of(day: date, grain: Grain) -> date:
    """The first day of the day's unit; weeks begin on Monday (ISO 8601)."""
    if grain is Grain.WEEK:
        return day - day.weekday() * _DAY
    return day.replace(day=1) if grain is Grain.MONTH else day


def _extend(parts: list[Stretch], part: Stretch) -> None:
    if parts and parts[-1].end_ms == part.start_ms:
        parts[-1] = Stretch(parts[-1].start_ms, part.end_ms)
    else:
        parts.append(part)


def _short_buckets(wanted: LocalRange, grain: Grain) -> Iterator[CalendarBucket]:
    """Hours of the wall clock, and quarter hours of the grid."""
    for day, whole in days_of(wanted.start_ms, wanted.end_ms, wanted.zone):
        if not wanted.days.holds(day):
            continue
        edge = whole.start_ms
        while edge < min(whole.end_ms, wanted.end_ms):
            after = min(_next_edge(edge, grain, wanted.zone), whole.end_ms)
            part = Stretch(max(edge, wanted.start_ms), min(after, wanted.end_ms))
            if part.start_ms < part.end_ms:
                yield CalendarBucket(edge, (part,))
            edge = after


def _next_edge(edge_ms: int, grain: Grain, zone: tzinfo) -> int:
    if grain is Grain.QUARTER_HOUR:
        return (edge_ms // INTERVAL_MS + 1) * INTERVAL_MS
    wall = local(edge_ms, zone)
    into_hour = ((wall.minute * 60 + wall.second) * 1000 + wall.microsecond // 1000) % HOUR_MS
    return edge_ms + HOUR_MS - into_hour
