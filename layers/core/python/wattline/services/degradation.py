"""How a battery ages, from its history."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from wattline.domain.batteries import ENERGY_IN, ENERGY_OUT, STATE_OF_CHARGE
from wattline.domain.degradation import Degradation, degradation, quarters
from wattline.domain.instants import DAY_MS, INTERVAL_MS, interval_ceil
from wattline.domain.registers import RegisterBucket, Run, differences
from wattline.ports import BatteryHistory, HotBatteries, MetricRange, MetricSlice
from wattline.services.batteries import REGISTER_REACH_MS, known_battery

MAX_WINDOW_MS = 366 * DAY_MS


@dataclass(frozen=True, slots=True)
class AgeingQuery:
    """The quarter hours that start in [start, end), at most `MAX_WINDOW_MS`; what was received later is left out."""

    device_id: str
    start_ms: int
    end_ms: int
    as_of_ms: int


@dataclass(frozen=True, slots=True)
class Ageing:
    """What was found, and the bytes that were read for it."""

    degradation: Degradation
    scanned_bytes: int


def measure_degradation(query: AgeingQuery, *, hot: HotBatteries, history: BatteryHistory) -> Ageing:
    """Three queries at once, each of one metric in quarter hours. Raises NotFound for an unknown battery."""
    known_battery(query.device_id, hot=hot)
    start_ms, end_ms = interval_ceil(query.start_ms), interval_ceil(query.end_ms)
    if start_ms >= end_ms:
        return Ageing(degradation([]), 0)
    most = (end_ms - start_ms) // INTERVAL_MS + 1

    def wanted(metric: str) -> MetricRange:
        return MetricRange(query.device_id, metric, start_ms, end_ms, query.as_of_ms)

    def energy(runs: MetricSlice[Run]) -> list[RegisterBucket]:
        return [bucket for bucket in differences(runs.found, None) if bucket.bucket_ms >= start_ms]

    with ThreadPoolExecutor(2) as threads:
        reads = [
            threads.submit(history.runs, wanted(metric), INTERVAL_MS, REGISTER_REACH_MS, most)
            for metric in (ENERGY_IN, ENERGY_OUT)
        ]
        charge = history.buckets(wanted(STATE_OF_CHARGE), INTERVAL_MS, most)
        taken, delivered = (read.result() for read in reads)
    timeline = quarters(energy(taken), energy(delivered), {bucket.bucket_ms: bucket.last for bucket in charge.found})
    scanned = taken.scanned_bytes + delivered.scanned_bytes + charge.scanned_bytes
    return Ageing(degradation(timeline), scanned)
