"""The energy of spaceships."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wattline.domain.energy import Piece, Statement


@dataclass(frozen=True, slots=True)
class Received:
    """When a request came in; `seq` orders requests of one millisecond, and tells them apart."""

    at_ms: int
    seq: int


@dataclass(frozen=True, slots=True)
class EnergyRange:
    """Which statements to read: those about quarter hours starting in [start, end), received up to `as_of`."""

    spaceship_id: str
    start_ms: int
    end_ms: int
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class EnergySlice:
    """Statements found, complete for every quarter hour that starts before `complete_until_ms`."""

    statements: list[Statement]
    complete_until_ms: int


class HotEnergy(Protocol):
    """The recent statements about spaceships, readable the moment they are written."""

    def put(self, spaceship_id: str, pieces: Sequence[Piece], received: Received, now_ms: int) -> None:
        """Store what one post says. Raises TransientError when some of it may not be stored."""

    def read(self, wanted: EnergyRange, now_ms: int, at_least: int) -> EnergySlice:
        """Statements in time order; may end early, but not before `at_least` quarter hours are complete."""

    def knows(self, spaceship_id: str) -> bool:
        """Whether the spaceship was ever heard of."""


class EnergyHistory(Protocol):
    """All statements about spaceships, minutes after they were received."""

    def read(self, wanted: EnergyRange, at_least: int) -> EnergySlice:
        """Like `HotEnergy.read`. Raises QueryFailed, QueryTimeout or TransientError."""
