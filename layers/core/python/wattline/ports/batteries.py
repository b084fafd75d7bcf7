"""Batteries."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from wattline.domain.batteries import Battery, MetricBucket, MetricPoint
from wattline.domain.registers import Run


@dataclass(frozen=True, slots=True)
class BatteryPage:
    """Batteries as they are now, and where the next page goes on (None at the end)."""

    batteries: list[Battery]
    next: str | None


class HotBatteries(Protocol):
    """What is known of each battery now."""

    def merge(self, said: Battery) -> None:
        """Keep what is newer than what is there. Raises TransientError."""

    def get(self, device_id: str) -> Battery | None:
        """One battery; None for one never heard of."""

    def page(self, *, after: str | None, limit: int) -> BatteryPage:
        """A page of all batteries."""


@dataclass(frozen=True, slots=True)
class MetricRange:
    """Which points of a battery's metric to read: those in [start, end), received up to `as_of_ms`."""

    device_id: str
    metric: str
    start_ms: int
    end_ms: int
    as_of_ms: int


Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class MetricSlice(Generic[Found]):
    """What was found, in time order, complete up to `complete_until_ms`, and the bytes that were read for it."""

    found: list[Found]
    complete_until_ms: int
    scanned_bytes: int


class BatteryHistory(Protocol):
    """All telemetry of batteries.

    Every read may end early, but not before it is complete for `at_least` points or buckets. Buckets are whole
    multiples of `step_ms` since 1970, UTC. Raises QueryFailed, QueryTimeout or TransientError.
    """

    def points(self, wanted: MetricRange, at_least: int) -> MetricSlice[MetricPoint]:
        """The values themselves."""

    def buckets(self, wanted: MetricRange, step_ms: int, at_least: int) -> MetricSlice[MetricBucket]:
        """The values summed up by bucket; the range consists of whole buckets."""

    def runs(self, wanted: MetricRange, step_ms: int, before_ms: int, at_least: int) -> MetricSlice[Run]:
        """A register by bucket; what it showed in the `before_ms` before the range comes first, as one bucket."""
