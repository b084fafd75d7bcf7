"""Energy by quarter hours: how a post is split into pieces, and how pieces fold into an interval's value.

The same two pure functions serve the hot table and the history, so both give the same answers.

* A reading at t covers [t, t + step). `split` cuts what one post says at the quarter hours.
* `fold` lays the statements about one quarter hour over each other in the order they were received: a later
  one replaces what earlier ones said about the time it covers, and the rest of an earlier piece keeps its
  even share.

Laws (tests/property/test_energy_laws.py): energy in = energy out; the order inside a post is irrelevant;
posts about disjoint times commute; a series split into posts equals one post; a repeat changes nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, pairwise
from math import lcm

from wattline.domain.instants import INTERVAL_MS, interval_ceil, interval_floor

NANO = 10**9
"""nano-kWh in a kWh."""

CAPACITY_NANO = 10**18 - 1
"""The largest energy the column DECIMAL(18, 9) holds: 999,999,999.999999999 kWh."""


class Basis(StrEnum):
    """What the sender measured. It decides whether pieces of an interval add up or average."""

    ENERGY = "energy"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class Reading:
    """One good reading of a post.

    `amount` is in nano-kWh: for `Basis.ENERGY` the energy of the whole span; for `Basis.POWER` the energy of
    a quarter hour at that power (kW x 0.25 h), so that whatever is averaged stays an exact fraction.
    """

    at_ms: int
    amount: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What one post says about one stretch of one quarter hour.

    `offset_ms` and `length_ms` place it inside the interval that starts at `interval_ms`. `amount` is in
    nano-kWh: the energy of the stretch (`Basis.ENERGY`), or the energy a whole quarter hour has at the
    stretch's mean power (`Basis.POWER`); for a piece that fills its interval the two are the same thing.
    """

    interval_ms: int
    offset_ms: int
    length_ms: int
    amount: int
    basis: Basis


@dataclass(frozen=True, slots=True)
class Statement:
    """A piece and when it was received. Newer `(received_ms, seq)` win; all pieces of one post share theirs."""

    piece: Piece
    received_ms: int
    seq: int


@dataclass(frozen=True, slots=True)
class IntervalEnergy:
    """The folded value of a quarter hour: nano-kWh, and how many of its milliseconds were measured."""

    interval_ms: int
    amount: int
    covered_ms: int

    @property
    def coverage(self) -> float:
        """The measured share of the interval, 0 to 1."""
        return self.covered_ms / INTERVAL_MS


def split(readings: Iterable[Reading], step_ms: int, basis: Basis) -> list[Piece]:
    """The pieces that one post gives, in time order: one where it covers a quarter hour whole, else one a stretch.

    Where spans overlap inside the post, energies add up and powers average over the time. Rounding (half up,
    to a nano-kWh) is cumulative for energies, so that the pieces of a reading always sum to the reading.

    `readings` have distinct times, in any order; `step_ms` is positive.
    """
    stretches = _stretches(sorted(readings, key=lambda reading: reading.at_ms), step_ms)
    pieces = _energy_pieces(stretches, step_ms) if basis is Basis.ENERGY else _power_pieces(stretches)
    return [piece for _, group in groupby(pieces, lambda piece: piece.interval_ms) for piece in _whole(list(group))]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A time inside one quarter hour that the same `count` readings cover; `total` sums their amounts."""

    start_ms: int
    end_ms: int
    total: int
    count: int


def _stretches(readings: Sequence[Reading], step_ms: int) -> Iterator[_Stretch]:
    cuts = sorted({edge for reading in readings for edge in (reading.at_ms, reading.at_ms + step_ms)})
    beginning = ending = total = 0
    for start, end in pairwise(cuts):
        while beginning < len(readings) and readings[beginning].at_ms == start:
            total += readings[beginning].amount
            beginning += 1
        while readings[ending].at_ms + step_ms == start:
            total -= readings[ending].amount
            ending += 1
        if beginning > ending:
            for low, high in pairwise([start, *range(interval_floor(start) + INTERVAL_MS, end, INTERVAL_MS), end]):
                yield _Stretch(low, high, total, beginning - ending)


def _energy_pieces(stretches: Iterable[_Stretch], step_ms: int) -> Iterator[Piece]:
    so_far = rounded = 0
    for stretch in stretches:
        so_far += stretch.total * (stretch.end_ms - stretch.start_ms)
        up_to_here = round_half_up(so_far, step_ms)
        yield _piece(stretch, up_to_here - rounded, Basis.ENERGY)
        rounded = up_to_here


def _power_pieces(stretches: Iterable[_Stretch]) -> Iterator[Piece]:
    """The mean power of a quarter hour that is covered whole is rounded once, from exact fractions."""
    for interval, group in groupby(stretches, lambda stretch: interval_floor(stretch.start_ms)):
        inside = list(group)
        if sum(stretch.end_ms - stretch.start_ms for stretch in inside) == INTERVAL_MS:
            sums = [(stretch.total * (stretch.end_ms - stretch.start_ms), stretch.count) for stretch in inside]
            numerator, denominator = _sum_of_fractions(sums)
            yield Piece(interval, 0, INTERVAL_MS, round_half_up(numerator, denominator * INTERVAL_MS), Basis.POWER)
        else:
            for stretch in inside:
                yield _piece(stretch, round_half_up(stretch.total, stretch.count), Basis.POWER)


def _whole(pieces: list[Piece]) -> list[Piece]:
    """The pieces of one quarter hour as a single one if together they fill it."""
    if len(pieces) == 1 or sum(piece.length_ms for piece in pieces) < INTERVAL_MS:
        return pieces
    first = pieces[0]
    return [Piece(first.interval_ms, 0, INTERVAL_MS, sum(piece.amount for piece in pieces), first.basis)]


def _piece(stretch: _Stretch, amount: int, basis: Basis) -> Piece:
    interval = interval_floor(stretch.start_ms)
    return Piece(interval, stretch.start_ms - interval, stretch.end_ms - stretch.start_ms, amount, basis)


def fold(statements: Iterable[Statement]) -> IntervalEnergy:
    """The value of one quarter hour from all that was said about it (at least one statement, in any order).

    If any remaining piece is energy, the value is the sum of what remains. If all are power, it is the mean
    power over the covered time x 0.25 h: `amount x coverage` is then the energy that was measured.
    """
    # Within a post in time order, so that the free time is cut from its beginning.
    newest_first = sorted(statements, key=lambda said: (-said.received_ms, -said.seq, said.piece.offset_ms))
    remaining: list[tuple[Piece, int]] = []
    free = [(0, INTERVAL_MS)]
    for said in newest_first:
        piece = said.piece
        taken = _take(free, piece.offset_ms, piece.offset_ms + piece.length_ms)
        if taken:
            remaining.append((piece, taken))
        if not free:
            break
    covered = sum(taken for _, taken in remaining)
    return IntervalEnergy(newest_first[0].piece.interval_ms, _value(remaining, covered), covered)


def _take(free: list[tuple[int, int]], start: int, end: int) -> int:
    """Cut [start, end) out of the free times, which are disjoint and in order; says how many milliseconds that took."""
    first = bisect_right(free, start, key=lambda part: part[1])
    last = bisect_left(free, end, lo=first, key=lambda part: part[0])
    if first == last:
        return 0
    overlaps = free[first:last]
    edges = ((overlaps[0][0], start), (end, overlaps[-1][1]))
    free[first:last] = [edge for edge in edges if edge[0] < edge[1]]
    return sum(min(high, end) - max(low, start) for low, high in overlaps)


def _value(remaining: list[tuple[Piece, int]], covered: int) -> int:
    if all(piece.basis is Basis.POWER for piece, _ in remaining):
        return round_half_up(sum(piece.amount * taken for piece, taken in remaining), covered)
    energies = [
        (piece.amount * taken, INTERVAL_MS if piece.basis is Basis.POWER else piece.length_ms)
        for piece, taken in remaining
    ]
    return round_half_up(*_sum_of_fractions(energies))


def fold_intervals(statements: Iterable[Statement]) -> list[IntervalEnergy]:
    """Every quarter hour that is spoken of, in time order. Equal statements (from hot and history) count once."""
    by_interval: dict[int, set[Statement]] = {}
    for said in statements:
        by_interval.setdefault(said.piece.interval_ms, set()).add(said)
    return [fold(by_interval[interval]) for interval in sorted(by_interval)]


def intervals_of(start_ms: int, end_ms: int) -> range:
    """The starts of the quarter hours that begin in [start, end)."""
    return range(interval_ceil(start_ms), end_ms, INTERVAL_MS)


def _sum_of_fractions(fractions: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The exact sum of (numerator, denominator) pairs, as one such pair."""
    denominator = lcm(*{each for _, each in fractions})
    return sum(numerator * (denominator // each) for numerator, each in fractions), denominator


def round_half_up(numerator: int, denominator: int) -> int:
    """Rounded division of non-negative integers, halves up: adding a whole number never changes the rounding."""
    return (2 * numerator + denominator) // (2 * denominator)
