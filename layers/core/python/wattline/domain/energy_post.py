"""A post of energy readings, judged item by item: what is good is kept, what is not is told why."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from itertools import pairwise

from wattline.domain.energy import CAPACITY_NANO, NANO, Basis, Piece, Reading, split
from wattline.domain.instants import (
    EARLIEST_MS,
    INTERVAL_MS,
    MINUTE_MS,
    interval_ceil,
    interval_floor,
    reading_instant,
)
from wattline.errors import FieldError, InvalidRequest, TooLarge

MAX_STEP_MINUTES = 1_440
MAX_INTERVALS = 5_000
"""What one post may cover: 52 days."""
MAX_READINGS = 15 * MAX_INTERVALS
"""One-minute readings for as many quarter hours as a post may cover."""

FILE_DROP_HINT = (
    "send more as a file drop: a CSV with the columns spaceship_id, units, datetime and value, put into the bucket "
    "under drops/energy/"
)


class Units(StrEnum):
    """The units a sender may use."""

    KW = "kW"
    KWH = "kWh"

    @property
    def basis(self) -> Basis:
        """kW says power, kWh says energy."""
        return Basis.POWER if self is Units.KW else Basis.ENERGY


class Missing:
    """The type of `MISSING`: an item without a value is not an item whose value is null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()

RawItem = tuple[object, object]
"""`(datetime, value)` as they came, `MISSING` where there was none."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Item `index` of the post (counted from 0) was not stored, and why."""

    index: int
    reason: str
    datetime: object
    value: object


@dataclass(frozen=True, slots=True)
class JudgedPost:
    """The outcome: pieces to store, what was rejected, and the half-open range of quarter hours touched."""

    step_ms: int
    accepted: int
    rejections: list[Rejection]
    pieces: list[Piece]

    @property
    def intervals(self) -> int:
        """How many quarter hours the post speaks of."""
        return len({piece.interval_ms for piece in self.pieces})

    @property
    def start_ms(self) -> int:
        """The start of the first quarter hour."""
        return self.pieces[0].interval_ms

    @property
    def end_ms(self) -> int:
        """The end of the last quarter hour."""
        return self.pieces[-1].interval_ms + INTERVAL_MS


def judge(items: Iterable[RawItem], units: Units, interval_minutes: int | None, now_ms: int) -> JudgedPost:
    """Judge every item, find the step and split the good readings into pieces.

    Raises InvalidRequest when no reading is good or the step cannot be told, and TooLarge when the post
    covers too much.
    """
    items = list(items)
    if not items:
        raise InvalidRequest.of_field("data", "has no readings; send at least one")
    if len(items) > MAX_READINGS:
        raise TooLarge(
            f"a post holds at most {MAX_READINGS:,} readings and this one has {len(items):,}; {FILE_DROP_HINT}"
        )

    times: set[int] = set()
    kept: dict[int, tuple[int, Reading]] = {}
    rejections: list[Rejection] = []
    for index, (when, value) in enumerate(items):
        try:
            at_ms = reading_time(when, now_ms)
            times.add(at_ms)
            reading = Reading(at_ms, reading_amount(value, units))
        except ValueError as refusal:
            rejections.append(Rejection(index, str(refusal), when, value))
            continue
        if at_ms in kept:
            earlier = kept[at_ms][0]
            reason = f"datetime: given again by item {index}; the later one is kept"
            rejections.append(Rejection(earlier, reason, *items[earlier]))
        kept[at_ms] = (index, reading)

    if not kept:
        raise InvalidRequest("no reading of the post is good", _field_errors(rejections))
    step_ms = interval_minutes * MINUTE_MS if interval_minutes else infer_step(times)
    _check_intervals((reading.at_ms for _, reading in kept.values()), step_ms)
    pieces, overfull = split_within_capacity(kept, step_ms, units.basis)
    rejections += [Rejection(index, reason, *items[index]) for index, reason in overfull.items()]
    if not pieces:
        raise InvalidRequest("no reading of the post is good", _field_errors(rejections))
    rejections.sort(key=lambda rejection: rejection.index)
    return JudgedPost(step_ms, len(kept) - len(overfull), rejections, pieces)


def _field_errors(rejections: list[Rejection]) -> list[FieldError]:
    return [FieldError("data", rejection.reason, rejection.index) for rejection in rejections]


def split_within_capacity(
    kept: dict[int, tuple[int, Reading]], step_ms: int, basis: Basis
) -> tuple[list[Piece], dict[int, str]]:
    """Split, setting aside (by index, with a reason) readings whose sum in a quarter hour the column cannot hold.

    `kept` holds, by time, the index of a reading in its post or file, and the reading.
    """
    pieces = split((reading for _, reading in kept.values()), step_ms, basis)
    overfull = {piece.interval_ms for piece in pieces if piece.amount > CAPACITY_NANO}
    if not overfull:
        return pieces, {}
    reason = "value: together with others it gives a quarter hour more than 999,999,999 kWh"
    refused = {
        index: reason
        for index, reading in kept.values()
        if not overfull.isdisjoint(range(interval_floor(reading.at_ms), reading.at_ms + step_ms, INTERVAL_MS))
    }
    good = [reading for index, reading in kept.values() if index not in refused]
    return split(good, step_ms, basis), refused


def _check_intervals(times: Iterable[int], step_ms: int) -> None:
    intervals = 0
    reached = EARLIEST_MS
    for at_ms in sorted(times):
        first = max(interval_floor(at_ms), reached)
        reached = max(reached, interval_ceil(at_ms + step_ms))
        intervals += max(0, reached - first) // INTERVAL_MS
    if intervals > MAX_INTERVALS:
        raise TooLarge(
            f"a post covers at most {MAX_INTERVALS:,} quarter hours (52 days) and this one covers {intervals:,}; "
            + FILE_DROP_HINT
        )


def reading_time(when: object, now_ms: int) -> int:
    """The instant of a reading. Raises ValueError with the reason it cannot be taken."""
    if isinstance(when, Missing) or when is None:
        raise ValueError("datetime: is missing")
    try:
        return reading_instant(when, now_ms)
    except ValueError as error:
        raise ValueError(f"datetime: {error}") from error


_EXACTLY = Context(prec=200)
"""More digits than a numeric text may have, so that nothing is rounded before the one rounding."""

NUMERIC = re.compile(r"\s*[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,4})?\s*", re.ASCII)


def reading_amount(value: object, units: Units) -> int:
    """The amount of a reading in nano-kWh (see `Reading`), rounded once, half up.

    Numbers and numeric texts are taken. Raises ValueError with the reason for anything else.
    """
    number = _number(value)
    if number < 0:
        raise ValueError("value: is negative")
    amount = _EXACTLY.multiply(number, NANO if units is Units.KWH else NANO // 4)
    if amount > CAPACITY_NANO:
        raise ValueError("value: is more than 999,999,999 kWh in a quarter hour, the most that can be stored")
    return int(amount.to_integral_value(ROUND_HALF_UP))


def _number(value: object) -> Decimal:
    if isinstance(value, Missing):
        raise ValueError("value: is missing")
    if value is None:
        raise ValueError("value: is null")
    if isinstance(value, bool):
        raise ValueError("value: is a boolean")
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        number = Decimal(repr(value))
        if not number.is_finite():
            raise ValueError("value: is not a finite number")
        return number
    if isinstance(value, str | Decimal):
        if NUMERIC.fullmatch(str(value)):
            return Decimal(value)
        raise ValueError("value: is text that is not a number (a decimal point is a point)")
    raise ValueError("value: is not a number")


def infer_step(times: Iterable[int]) -> int:
    """The most frequent spacing between the distinct times (ties: the smaller); a single time covers 15 minutes.

    Raises InvalidRequest when that is over a day: the gaps of a sparse series say nothing of what a reading
    covers.
    """
    return most_frequent(Counter(later - earlier for earlier, later in pairwise(sorted(set(times)))))


def most_frequent(spacings: Mapping[int, int]) -> int:
    """`infer_step` of the spacings (milliseconds) between distinct times, and how often each occurs."""
    if not spacings:
        return INTERVAL_MS
    step_ms = min(spacings, key=lambda spacing: (-spacings[spacing], spacing))
    if step_ms > MAX_STEP_MINUTES * MINUTE_MS:
        raise InvalidRequest.of_field(
            "interval_minutes",
            f"the readings lie {step_ms / MINUTE_MS:g} minutes apart, over {MAX_STEP_MINUTES}; "
            "say with interval_minutes what one reading covers",
        )
    return step_ms
