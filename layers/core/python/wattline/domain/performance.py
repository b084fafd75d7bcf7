"""How much of the energy that a charger drew (AC) arrived in the vehicle's battery (DC)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wattline.domain.energy import NANO
from wattline.domain.fleet import BATTERY_TEMP, HEARTBEAT_MS, KWH_AC, KWH_DC, HeartbeatStatement, Kind, newest, value_at
from wattline.domain.links import Link

ENOUGH_AC_NANO = NANO // 10
"""0.1 kWh: below, a ratio says nothing."""
ENOUGH_COVERAGE = 0.5
FAULTY_BELOW = 0.85


class Status(StrEnum):
    """What the ratio means; the first that holds."""

    INSUFFICIENT_DATA = "insufficient_data"
    DATA_QUALITY = "data_quality"
    FAULT = "fault"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Performance:
    """Energies in nano-kWh, temperature in °C; `ratio` and `battery_temp` are None where nothing tells them."""

    ac: int
    dc: int
    ratio: float | None
    battery_temp: float | None
    vehicle_readings: int
    meter_readings: int
    coverage: float
    status: Status


def performance(
    vehicle: Iterable[HeartbeatStatement],
    meters: Iterable[HeartbeatStatement],
    links: Sequence[Link],
    start_ms: int,
    end_ms: int,
) -> Performance:
    """The performance of one vehicle in [start, end) from statements in any order, duplicates included.

    AC counts while the meter is linked to the vehicle. The ratio is DC / AC over the minutes in which the
    vehicle and every meter linked in that minute reported. Coverage is the smaller of two shares: minutes with
    a vehicle's heartbeat of all minutes, and minutes with a heartbeat of each linked meter of all linked minutes.
    """
    dc_at, ac_at = value_at(Kind.VEHICLE, KWH_DC), value_at(Kind.METER, KWH_AC)
    temp_at = value_at(Kind.VEHICLE, BATTERY_TEMP)
    driven = [said.heartbeat for said in newest(vehicle) if start_ms <= said.heartbeat.ts_ms < end_ms]
    fed = [
        said.heartbeat
        for said in newest(meters)
        if start_ms <= said.heartbeat.ts_ms < end_ms
        and any(link.meter_id == said.heartbeat.device_id and link.holds_at(said.heartbeat.ts_ms) for link in links)
    ]
    dc_by_minute: dict[int, int] = {}
    for beat in driven:
        minute = beat.ts_ms // HEARTBEAT_MS
        dc_by_minute[minute] = dc_by_minute.get(minute, 0) + beat.values[dc_at]
    ac_by_minute: dict[int, dict[str, int]] = {}
    for beat in fed:
        of_minute = ac_by_minute.setdefault(beat.ts_ms // HEARTBEAT_MS, {})
        of_minute[beat.device_id] = of_minute.get(beat.device_id, 0) + beat.values[ac_at]

    linked = _linked_minutes(links, start_ms, end_ms)
    matched = [
        minute
        for minute, by_meter in ac_by_minute.items()
        if minute in dc_by_minute and linked[minute] <= by_meter.keys()
    ]
    matched_ac = sum(sum(ac_by_minute[minute].values()) for minute in matched)
    ratio = sum(dc_by_minute[minute] for minute in matched) / matched_ac if matched_ac else None
    ac = sum(beat.values[ac_at] for beat in fed)
    coverage = _coverage(dc_by_minute.keys(), ac_by_minute, links, start_ms, end_ms)
    temperature = sum(beat.values[temp_at] for beat in driven) / len(driven) / BATTERY_TEMP.factor if driven else None
    return Performance(
        ac=ac,
        dc=sum(beat.values[dc_at] for beat in driven),
        ratio=ratio,
        battery_temp=temperature,
        vehicle_readings=len(driven),
        meter_readings=len(fed),
        coverage=coverage,
        status=_status(ac, ratio, coverage),
    )


def _linked_minutes(links: Sequence[Link], start_ms: int, end_ms: int) -> dict[int, set[str]]:
    """The meters linked in each minute of the window; a minute counts as linked when any of it is."""
    linked: dict[int, set[str]] = {}
    for link in links:
        first = max(link.from_ms, start_ms)
        last = min(end_ms if link.to_ms is None else link.to_ms, end_ms)
        for minute in range(first // HEARTBEAT_MS, -(-last // HEARTBEAT_MS)):
            linked.setdefault(minute, set()).add(link.meter_id)
    return linked


def _coverage(
    driven: Iterable[int], fed: dict[int, dict[str, int]], links: Sequence[Link], start_ms: int, end_ms: int
) -> float:
    of_vehicle = len(set(driven)) / max(1, _heartbeats(end_ms - start_ms))
    spans = [min(end_ms if link.to_ms is None else link.to_ms, end_ms) - max(link.from_ms, start_ms) for link in links]
    expected = sum(map(_heartbeats, spans))
    of_meters = sum(map(len, fed.values())) / expected if expected else 0.0
    return min(1.0, of_vehicle, of_meters)


def _heartbeats(span_ms: int) -> int:
    """How many are expected in a span."""
    return max(0, -(-span_ms // HEARTBEAT_MS))


def _status(ac: int, ratio: float | None, coverage: float) -> Status:
    if ratio is None or ac < ENOUGH_AC_NANO or coverage < ENOUGH_COVERAGE:
        return Status.INSUFFICIENT_DATA
    if ratio > 1:
        return Status.DATA_QUALITY
    return Status.FAULT if ratio < FAULTY_BELOW else Status.OK
