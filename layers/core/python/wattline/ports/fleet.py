"""Vehicles, meters, and which feeds which."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from wattline.domain.fleet import HeartbeatStatement, Kind, Run
from wattline.domain.links import Link


@dataclass(frozen=True, slots=True)
class HeartbeatRange:
    """Which heartbeats of a device to read: those in [start, end), received up to `as_of_s`."""

    device_id: str
    start_ms: int
    end_ms: int
    as_of_s: int


@dataclass(frozen=True, slots=True)
class DevicePage:
    """Live states, and where the next page goes on (None at the end)."""

    devices: list[HeartbeatStatement]
    next: str | None


class HotFleet(Protocol):
    """Live states, and the heartbeats of the last days."""

    def put(self, kind: Kind, statements: Sequence[HeartbeatStatement], request: int, now_ms: int) -> None:
        """Store the heartbeats of one request. Raises TransientError when some may not be stored."""

    def put_runs(self, kind: Kind, runs: Sequence[Run], request: int, now_ms: int) -> None:
        """The same, of a part of a file."""

    def update_live(self, kind: Kind, statements: Iterable[HeartbeatStatement], *, complete: bool = True) -> None:
        """Make the newest heartbeat of each device its live state, unless a newer one is. Raises TransientError.

        Alerts judge what was `put` between two live states, so put first. `complete` says that these are all the
        statements that were put, and not only the newest of them.
        """

    def read(self, kind: Kind, wanted: HeartbeatRange, now_ms: int) -> list[HeartbeatStatement]:
        """All statements of the range."""

    def live(self, kind: Kind, device_id: str) -> HeartbeatStatement | None:
        """The live state; None for a device never heard of."""

    def page(self, kind: Kind, *, charging: bool, after: str | None, limit: int) -> DevicePage:
        """A page of live states; `charging` keeps the vehicles that are being charged."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Statements read from the history, and the bytes that took."""

    statements: list[HeartbeatStatement]
    scanned_bytes: int


class FleetHistory(Protocol):
    """All heartbeats, a minute or so after they were received."""

    def read(self, kind: Kind, wanted: HeartbeatRange) -> Scan:
        """The statements in force. Raises QueryFailed, QueryTimeout or TransientError."""


class Links(Protocol):
    """Which meter feeds which vehicle."""

    def of_meter(self, meter_id: str) -> tuple[list[Link], int]:
        """All links of a meter, and their version."""

    def replace(self, meter_id: str, links: Sequence[Link], version: int) -> bool:
        """Put the links of a meter in place of those of the version; False when that is no longer the newest."""

    def of_vehicle(self, vehicle_id: str) -> list[Link]:
        """All links of a vehicle, by time."""
