"""The performance of a vehicle over a window, from the hot table, the history, or both."""

from dataclasses import dataclass
from enum import StrEnum

from wattline.domain.fleet import HOT_WINDOW_MS, HeartbeatStatement, Kind
from wattline.domain.links import within
from wattline.domain.performance import Performance, performance
from wattline.errors import NotFound
from wattline.ports import FleetHistory, HeartbeatRange, HotFleet, Links


class Source(StrEnum):
    """Where the counted readings lay."""

    HOT = "hot"
    HISTORY = "history"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Measured:
    """The performance, where its readings came from, and what was read for it."""

    performance: Performance
    source: Source
    items: int
    scanned_bytes: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end) and the last second of receipt that counts."""

    vehicle_id: str
    start_ms: int
    end_ms: int
    as_of_s: int


def measure_performance(window: Window, now_ms: int, *, hot: HotFleet, history: FleetHistory, links: Links) -> Measured:
    """Read one device's keys, and for what is older than the hot window one device's row groups. Never a scan.

    Raises NotFound for a vehicle never heard of.
    """
    reader = _Reader(window, now_ms, hot, history)
    linked = within(links.of_vehicle(window.vehicle_id), window.start_ms, window.end_ms)
    vehicle = reader.read(Kind.VEHICLE, window.vehicle_id)
    if not vehicle and hot.live(Kind.VEHICLE, window.vehicle_id) is None:
        raise NotFound(f"no heartbeat of vehicle {window.vehicle_id} was ever received")
    meters = [
        said for meter_id in sorted({link.meter_id for link in linked}) for said in reader.read(Kind.METER, meter_id)
    ]
    # beats that cannot have come yet are not missing
    end_ms = max(window.start_ms + 1, min(window.end_ms, now_ms))
    found = performance(vehicle, meters, linked, window.start_ms, end_ms)
    return Measured(found, reader.source, reader.items, reader.scanned_bytes)


class _Reader:
    """Reads devices and keeps the account."""

    def __init__(self, window: Window, now_ms: int, hot: HotFleet, history: FleetHistory) -> None:
        self._window = window
        self._now_ms = now_ms
        self._hot = hot
        self._history = history
        self._old_end_ms = min(window.end_ms, now_ms - HOT_WINDOW_MS)
        self.items = 0
        self.scanned_bytes: int | None = None

    @property
    def source(self) -> Source:
        if self.scanned_bytes is None:
            return Source.HOT
        return Source.BOTH if self.items else Source.HISTORY

    def read(self, kind: Kind, device_id: str) -> list[HeartbeatStatement]:
        """The hot table always (it covers what was back-filled just now), the history for what is older."""
        window = self._window
        wanted = HeartbeatRange(device_id, window.start_ms, window.end_ms, window.as_of_s)
        recent = self._hot.read(kind, wanted, self._now_ms)
        self.items += len(recent)
        if window.start_ms >= self._old_end_ms:
            return recent
        old = self._history.read(kind, HeartbeatRange(device_id, window.start_ms, self._old_end_ms, window.as_of_s))
        self.scanned_bytes = (self.scanned_bytes or 0) + old.scanned_bytes
        return recent + old.statements
