"""Heartbeats of vehicles and meters, one a minute each, and which of several statements about one holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wattline.domain.energy import NANO
from wattline.domain.instants import HOUR_MS, MINUTE_MS

HEARTBEAT_MS = MINUTE_MS
"""Devices report once a minute."""

STALE_MS = 3 * HEARTBEAT_MS
"""A device that has been silent for longer is stale."""

HOT_WINDOW_MS = 72 * HOUR_MS
"""Every heartbeat younger than this is in the hot table, whenever it was received."""


class Kind(StrEnum):
    """What a heartbeat is of."""

    VEHICLE = "vehicle"
    METER = "meter"


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured quantity: its column, unit, range, and the power of ten that makes it an integer."""

    column: str
    unit: str
    scale: int
    minimum: float
    maximum: float

    @property
    def factor(self) -> int:
        """Integers in one unit."""
        return int(10**self.scale)


SOC = Measure("soc", "% state of charge", 2, 0, 100)
KWH_DC = Measure("kwh_dc", "kWh delivered to the battery (DC) in the heartbeat's minute", 9, 0, 999_999_999)
BATTERY_TEMP = Measure("battery_temp", "°C", 2, -60, 150)
KWH_AC = Measure("kwh_ac", "kWh drawn from the grid (AC) in the heartbeat's minute", 9, 0, 999_999_999)
VOLTAGE = Measure("voltage", "V", 2, 0, 1000)

MEASURES: dict[Kind, tuple[Measure, ...]] = {
    Kind.VEHICLE: (SOC, KWH_DC, BATTERY_TEMP),
    Kind.METER: (KWH_AC, VOLTAGE),
}

FIELDS: dict[Kind, dict[str, Measure]] = {
    Kind.VEHICLE: {"soc": SOC, "kwhDeliveredDc": KWH_DC, "batteryTemp": BATTERY_TEMP},
    Kind.METER: {"kwhConsumedAc": KWH_AC, "voltage": VOLTAGE},
}
"""What senders call the measures."""


def value_at(kind: Kind, measure: Measure) -> int:
    """Where a measure stands among a heartbeat's values."""
    return MEASURES[kind].index(measure)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a device said about one moment; `values` are scaled integers in the order of `MEASURES`."""

    device_id: str
    ts_ms: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HeartbeatStatement:
    """A heartbeat and when it was received: whole seconds, and an order within the second (see `sequence`)."""

    heartbeat: Heartbeat
    received_s: int
    seq: int

    @property
    def rank(self) -> tuple[int, int, tuple[int, ...]]:
        """The greatest rank holds; the values decide between two that no clock can tell apart."""
        return (self.received_s, self.seq, self.heartbeat.values)


@dataclass(frozen=True, slots=True)
class Run:
    """What was said at one time about one device: of each heartbeat its time (ms), its `seq` and its values.

    Files have millions of rows; this way they need no object each.
    """

    device_id: str
    received_s: int
    rows: Sequence[tuple[int, ...]]
    """In order of time."""

    @property
    def statements(self) -> list[HeartbeatStatement]:
        """The same, an object each."""
        return [
            HeartbeatStatement(Heartbeat(self.device_id, ts_ms, tuple(values)), self.received_s, seq)
            for ts_ms, seq, *values in self.rows
        ]


_REPEATS = 1_000
"""A request holds no more readings than this, so no more about one moment of one device."""


def state(heartbeats: Iterable[Heartbeat], received_ms: int) -> list[HeartbeatStatement]:
    """The heartbeats of one request as statements.

    `received_s` is in whole seconds, for it is stored with every reading; `seq` orders what came within the
    second: by its millisecond, then by how often the request had spoken of the moment before.
    """
    repeats: dict[tuple[str, int], int] = {}
    statements = []
    for heartbeat in heartbeats:
        key = (heartbeat.device_id, heartbeat.ts_ms)
        repeat = repeats[key] = repeats.get(key, -1) + 1
        statements.append(HeartbeatStatement(heartbeat, received_ms // 1000, received_ms % 1000 * _REPEATS + repeat))
    return statements


def newest(statements: Iterable[HeartbeatStatement]) -> list[HeartbeatStatement]:
    """The statement that holds about each moment of each device, by device and time."""
    holding: dict[tuple[str, int], HeartbeatStatement] = {}
    for said in statements:
        key = (said.heartbeat.device_id, said.heartbeat.ts_ms)
        if key not in holding or holding[key].rank < said.rank:
            holding[key] = said
    return [holding[key] for key in sorted(holding)]


def live(statements: Iterable[HeartbeatStatement]) -> list[HeartbeatStatement]:
    """The statement that holds about the latest moment of each device, by device."""
    latest: dict[str, HeartbeatStatement] = {}
    for said in statements:
        device, ts_ms = said.heartbeat.device_id, said.heartbeat.ts_ms
        known = latest.get(device)
        if known is None or (known.heartbeat.ts_ms, known.rank) < (ts_ms, said.rank):
            latest[device] = said
    return [latest[device] for device in sorted(latest)]


def is_charging(heartbeat: Heartbeat) -> bool:
    """Whether a vehicle's heartbeat says that its battery was being charged."""
    return heartbeat.values[value_at(Kind.VEHICLE, KWH_DC)] > 0


def to_scaled(value: float, measure: Measure) -> int:
    """A value as a scaled integer, rounded half up once.

    Exact for every float that stands for a decimal of `scale` digits below a million: its error times the
    factor is below 0.25.
    """
    return int(value * measure.factor + 0.5) if value >= 0 else -int(-value * measure.factor + 0.5)


def from_scaled(amount: int, measure: Measure) -> float:
    """Back again."""
    return amount / measure.factor


assert KWH_DC.factor == KWH_AC.factor == NANO  # noqa: S101 - energies of all kinds are compared
