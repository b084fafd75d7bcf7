"""A fleet that charges: what its vehicles and meters would send, the same for the same seed."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from wattline.domain.instants import MINUTE_MS, format_instant

FAULTY_SHARE = 0.04
DROPPED_SHARE = 0.01
REPEATED_SHARE = 0.01
LATE_SHARE = 0.02
BAD_SHARE = 0.001
CHARGER_KW = (7.4, 11.0, 22.0)

Reading = dict[str, Any]


@dataclass
class Pair:
    """A vehicle and, perhaps, the meter of its charger; `truth` is what a reader should find, by time."""

    name: str
    has_meter: bool
    loss: float
    phase_s: int
    power_kw: float
    soc: float
    charges_from: int
    charges_to: int
    dc: dict[int, float] = field(default_factory=dict)
    ac: dict[int, float] = field(default_factory=dict)
    last: Reading | None = None

    @property
    def vehicle_id(self) -> str:
        """Of the vehicle."""
        return f"{self.name}-vehicle"

    @property
    def meter_id(self) -> str:
        """Of its charger's meter."""
        return f"{self.name}-meter"


@dataclass
class Fleet:
    """All pairs, and the requests in the order they are sent; `bad` counts readings that must be rejected."""

    pairs: list[Pair]
    readings: list[Reading]
    bad: int


def simulate(*, vehicles: int, meters: int, minutes: int, start_ms: int, seed: int) -> Fleet:
    """Charging sessions with losses of 8 to 15 %, some chargers below 85 %, drop-outs, repeats and late readings."""
    random = Random(seed)  # noqa: S311 - no secret
    # A run's own names: an earlier run's heartbeats would else be found in the minutes this one drops.
    names = [f"sim-{start_ms // MINUTE_MS}-{number:05d}" for number in range(vehicles)]
    pairs = [_pair(name, number < meters, minutes, random) for number, name in enumerate(names)]
    sent: list[tuple[float, Reading]] = []
    bad = 0
    for minute in range(minutes):
        for pair in pairs:
            for reading in _beats(pair, minute, start_ms, random):
                if random.random() < DROPPED_SHARE:
                    continue
                if random.random() < BAD_SHARE:
                    bad += 1
                    sent.append((minute, reading | {"timestamp": "not a time"}))
                    continue
                _remember(pair, reading, start_ms, minute)
                late = random.uniform(5, 30) if random.random() < LATE_SHARE else 0
                sent.append((minute + random.random() + late, reading))
                if random.random() < REPEATED_SHARE:
                    sent.append((minute + random.random() + late, reading))
    sent.sort(key=lambda each: each[0])
    return Fleet(pairs, [reading for _, reading in sent], bad)


def _pair(name: str, has_meter: bool, minutes: int, random: Random) -> Pair:
    loss = random.uniform(0.18, 0.3) if random.random() < FAULTY_SHARE else random.uniform(0.08, 0.15)
    begins = random.randrange(max(1, minutes // 2))
    ends = begins + random.randrange(max(1, minutes // 4), minutes + 1)
    return Pair(
        name, has_meter, loss, random.randrange(60), random.choice(CHARGER_KW), random.uniform(10, 70), begins, ends
    )


def _beats(pair: Pair, minute: int, start_ms: int, random: Random) -> list[Reading]:
    charging = pair.charges_from <= minute < pair.charges_to
    ac = round(pair.power_kw / 60 * random.uniform(0.95, 1.0), 4) if charging else 0.0
    dc = round(ac * (1 - pair.loss), 4)
    pair.soc = min(100.0, pair.soc + dc / 0.6) if charging else max(0.0, pair.soc - random.uniform(0, 0.2))
    timestamp = format_instant(start_ms + minute * MINUTE_MS + pair.phase_s * 1000)
    temperature = round(25 + (8 if charging else 0) + random.uniform(-1, 1), 1)
    beats: list[Reading] = [
        {
            "vehicleId": pair.vehicle_id,
            "soc": round(pair.soc, 1),
            "kwhDeliveredDc": dc,
            "batteryTemp": temperature,
            "timestamp": timestamp,
        }
    ]
    if pair.has_meter:
        voltage = round(random.uniform(226, 234), 1)
        beats.append({"meterId": pair.meter_id, "kwhConsumedAc": ac, "voltage": voltage, "timestamp": timestamp})
    return beats


def _remember(pair: Pair, reading: Reading, start_ms: int, minute: int) -> None:
    if "vehicleId" in reading:
        pair.dc[minute] = reading["kwhDeliveredDc"]
        pair.last = reading
    else:
        pair.ac[minute] = reading["kwhConsumedAc"]
