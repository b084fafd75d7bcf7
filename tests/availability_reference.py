"""The availability of stores by the letter of its rules, slowly; shares no code with the product.

Works on the rows as the files have them, in exact fractions of an hour.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

HOUR = 3_600_000
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Span = tuple[int, int]


@dataclass(frozen=True)
class PollRow:
    """A row of the polls, and when it was received: the position in the file decides within a moment."""

    store: str
    ts_ms: int
    status: str
    received_ms: int = 0
    seq: int = 0


@dataclass(frozen=True)
class World:
    """All that was dropped; `hours` are (weekday, start, end) as texts, in local time."""

    polls: Sequence[PollRow]
    hours: Mapping[str, Sequence[tuple[int, str, str]]] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Availability:
    """Hours of the last hour, day and week."""

    up: tuple[Fraction, Fraction, Fraction]
    down: tuple[Fraction, Fraction, Fraction]


def availability(world: World, now_ms: int) -> dict[str, Availability]:
    """One entry a store polled in (now - 9 days, now]."""
    seen = [poll for poll in world.polls if now_ms - 9 * DAY < poll.ts_ms <= now_ms]
    return {store: _of_store(store, seen, world, now_ms) for store in {poll.store for poll in seen}}


def _of_store(store: str, seen: Iterable[PollRow], world: World, now_ms: int) -> Availability:
    by_time: dict[int, PollRow] = {}
    for poll in seen:
        held = by_time.get(poll.ts_ms)
        if poll.store == store and (held is None or (held.received_ms, held.seq) < (poll.received_ms, poll.seq)):
            by_time[poll.ts_ms] = poll
    spans = windows(world.hours.get(store), world.zones.get(store, "America/Chicago"), now_ms)
    totals = {status: [Fraction(0)] * 3 for status in ("active", "inactive")}
    for span in spans:
        inside = sorted(ts for ts in by_time if span[0] <= ts < span[1])
        for start, end, nearest in _pieces(span, inside):
            for at, length in enumerate((HOUR, DAY, 7 * DAY)):
                clipped = min(end, Fraction(now_ms)) - max(start, Fraction(now_ms - length))
                totals[by_time[nearest].status][at] += max(Fraction(0), clipped) / HOUR
    up, down = (tuple(totals[status]) for status in ("active", "inactive"))
    return Availability(up, down)  # type: ignore[arg-type]


def _pieces(span: Span, polls: Sequence[int]) -> list[tuple[Fraction, Fraction, int]]:
    """The span, cut wherever two polls are equally near, and whom each piece is nearest to."""
    if not polls:
        return []
    cuts = {Fraction(span[0]), Fraction(span[1])}
    cuts |= {Fraction(a + b, 2) for a in polls for b in polls}
    ordered = sorted(cut for cut in cuts if span[0] <= cut <= span[1])
    pieces = []
    for start, end in pairwise(ordered):
        middle = (start + end) / 2
        pieces.append((start, end, min(polls, key=lambda ts, middle=middle: abs(ts - middle))))  # type: ignore[misc]
    return pieces


def windows(hours: Sequence[tuple[int, str, str]] | None, zone: str, now_ms: int) -> list[Span]:
    """Every business window of the local days from that of (now - 9 days) to that of now."""
    day = _local(now_ms - 9 * DAY, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    spans = []
    while day.date() <= _local(now_ms, zone).date():
        rows = [(day.weekday(), "00:00:00", "24:00:00")] if hours is None else hours
        for weekday, start, end in rows:
            if weekday == day.weekday():
                begins = day + _after_midnight(start)
                ends = day + _after_midnight("24:00:00" if end == "23:59:59" else end)
                spans.append((_instant(begins, zone), _instant(ends if ends > begins else ends + timedelta(1), zone)))
        day += timedelta(1)
    return _unions([span for span in spans if span[0] < span[1]])


def _unions(spans: list[Span]) -> list[Span]:
    """Join any two that share more than an edge, until none do."""
    for one in range(len(spans)):
        for other in range(one):
            a, b = spans[one], spans[other]
            if min(a[1], b[1]) > max(a[0], b[0]):
                rest = [span for at, span in enumerate(spans) if at not in (one, other)]
                return _unions([*rest, (min(a[0], b[0]), max(a[1], b[1]))])
    return sorted(spans)


def _after_midnight(text: str) -> timedelta:
    hours, minutes, seconds = map(int, text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _local(ms: int, zone: str) -> datetime:
    return (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _instant(shown: datetime, zone: str) -> int:
    """The first instant at which the zone's clocks show it; where none does, what the offset a day earlier gives."""
    naive_ms = (shown.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    offsets = [_offset(naive_ms + shift, zone) for shift in (-DAY, DAY)]
    shows = [naive_ms - offset for offset in offsets if _local(naive_ms - offset, zone) == shown]
    return min(shows) if shows else naive_ms - offsets[0]


def _offset(ms: int, zone: str) -> int:
    return (_local(ms, zone).replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1) - ms
