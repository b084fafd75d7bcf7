"""Post and read the energy of spaceships."""

from dataclasses import dataclass, replace

from wattline.batches import Batch, Row
from wattline.domain.energy import Piece, fold_intervals
from wattline.domain.energy_post import JudgedPost, RawItem, Units, judge
from wattline.domain.energy_series import LINEAR_REACH_MS, Fill, Point, series
from wattline.domain.instants import DAY_MS, INTERVAL_MS, interval_ceil, interval_floor
from wattline.errors import NotFound
from wattline.ports import EnergyHistory, EnergyRange, EnergySlice, HistoryQueue, HotEnergy, Received
from wattline.tables import ENERGY_INTERVALS

HOT_WINDOW_MS = 35 * DAY_MS
"""Every statement about a younger quarter hour is in the hot table, whenever it was received."""


@dataclass(frozen=True, slots=True)
class EnergyPost:
    """What a spaceship sent."""

    spaceship_id: str
    units: Units
    items: list[RawItem]
    interval_minutes: int | None


def post_energy(
    post: EnergyPost, received: Received, now_ms: int, *, queue: HistoryQueue, hot: HotEnergy
) -> JudgedPost:
    """Store a post; when it returns the good readings are durable and in the next read.

    The history queue comes first: a crash in between leaves a statement that the sender, unanswered, makes
    again. Raises InvalidRequest, TooLarge or TransientError.
    """
    judged = judge(post.items, post.units, post.interval_minutes, now_ms)
    queue.send(energy_batch(post.spaceship_id, judged.pieces, received))
    hot.put(post.spaceship_id, judged.pieces, received, now_ms)
    return judged


def energy_batch(spaceship_id: str, pieces: list[Piece], received: Received) -> Batch:
    """The pieces of a post as rows of `energy_intervals`."""
    return Batch(ENERGY_INTERVALS, tuple(_row(spaceship_id, piece, received) for piece in pieces))


def _row(spaceship_id: str, piece: Piece, received: Received) -> Row:
    start = piece.interval_ms + piece.offset_ms
    return (
        spaceship_id,
        piece.interval_ms,
        start,
        start + piece.length_ms,
        piece.amount,
        piece.basis.value,
        received.at_ms,
        received.seq,
    )


@dataclass(frozen=True, slots=True)
class EnergyQuery:
    """A page of a range; quarter hours belong to it by their start."""

    spaceship_id: str
    start_ms: int
    end_ms: int
    fill: Fill
    as_of_ms: int
    limit: int


@dataclass(frozen=True, slots=True)
class EnergyPage:
    """The points, and where the next page starts (None at the end)."""

    points: list[Point]
    next_start_ms: int | None


def read_energy(query: EnergyQuery, now_ms: int, *, hot: HotEnergy, history: EnergyHistory) -> EnergyPage:
    """Read a page, folded from hot and history alike. Raises NotFound for a ship never heard of."""
    start_ms, end_ms = interval_ceil(query.start_ms), interval_ceil(query.end_ms)
    if start_ms >= end_ms:
        _known(query.spaceship_id, hot)
        return EnergyPage([], None)
    if query.fill is not Fill.NONE:
        end_ms = min(end_ms, start_ms + query.limit * INTERVAL_MS)
    margin = LINEAR_REACH_MS if query.fill is Fill.LINEAR else 0
    wanted = EnergyRange(query.spaceship_id, start_ms - margin, end_ms + margin, query.as_of_ms)
    at_least = query.limit + 1 + 2 * margin // INTERVAL_MS

    found = _statements(wanted, now_ms, at_least, hot, history)
    until_ms = min(found.complete_until_ms - margin, end_ms)
    points = series(fold_intervals(found.statements), start_ms, until_ms, query.fill)
    if len(points) > query.limit:
        return EnergyPage(points[: query.limit], points[query.limit].interval_ms)
    return EnergyPage(points, until_ms if until_ms < interval_ceil(query.end_ms) else None)


def _statements(wanted: EnergyRange, now_ms: int, at_least: int, hot: HotEnergy, history: EnergyHistory) -> EnergySlice:
    """The hot table's, and for quarter hours older than the hot window the history's as well."""
    recent = hot.read(wanted, now_ms, at_least)
    if not recent.statements:
        _known(wanted.spaceship_id, hot)
    seam_ms = interval_floor(now_ms - HOT_WINDOW_MS) + INTERVAL_MS
    old_end_ms = min(wanted.end_ms, seam_ms, recent.complete_until_ms)
    if wanted.start_ms >= old_end_ms:
        return recent
    old = history.read(replace(wanted, end_ms=old_end_ms), at_least)
    whole = old.complete_until_ms >= old_end_ms
    return EnergySlice(recent.statements + old.statements, recent.complete_until_ms if whole else old.complete_until_ms)


def _known(spaceship_id: str, hot: HotEnergy) -> None:
    if not hot.knows(spaceship_id):
        raise NotFound(f"no reading of spaceship {spaceship_id} was ever received")
