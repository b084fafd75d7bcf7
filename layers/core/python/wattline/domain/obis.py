"""OBIS codes: what a meter's register measures (IEC 62056-61, `A-B:C.D.E*F`).

Meters and their APIs write a code as six bytes in hex (`0100011D00FF`) or dotted (`1-0:1.29.0*255`, often without
`*F` or `A-B:`). Every code of six bytes is taken; a group whose number we do not know has no name.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

MEDIA = {
    0: "abstract",
    1: "electricity",
    4: "heat cost allocator",
    5: "cooling",
    6: "heat",
    7: "gas",
    8: "cold water",
    9: "hot water",
}
"""Value group A."""

ELECTRICITY = 1


class Direction(StrEnum):
    """Whose energy it is: import flows from the grid to the customer, export into the grid."""

    IMPORT = "import"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Value group C: its name, the units of its momentary value and of its time integral, and its direction."""

    name: str
    unit: str | None = None
    integral_unit: str | None = None
    direction: Direction | None = None


_PHASE_QUANTITIES = {
    1: Quantity("active power +", "kW", "kWh", Direction.IMPORT),
    2: Quantity("active power -", "kW", "kWh", Direction.EXPORT),
    3: Quantity("reactive power +", "kvar", "kvarh", Direction.IMPORT),
    4: Quantity("reactive power -", "kvar", "kvarh", Direction.EXPORT),
    5: Quantity("reactive power, quadrant I", "kvar", "kvarh"),
    6: Quantity("reactive power, quadrant II", "kvar", "kvarh"),
    7: Quantity("reactive power, quadrant III", "kvar", "kvarh"),
    8: Quantity("reactive power, quadrant IV", "kvar", "kvarh"),
    9: Quantity("apparent power +", "kVA", "kVAh", Direction.IMPORT),
    10: Quantity("apparent power -", "kVA", "kVAh", Direction.EXPORT),
    11: Quantity("current", "A", "Ah"),
    12: Quantity("voltage", "V", "Vh"),
    13: Quantity("power factor"),
    14: Quantity("supply frequency", "Hz"),
    15: Quantity("active power, absolute sum", "kW", "kWh"),
    16: Quantity("active power, net", "kW", "kWh"),
}

_PHASES = {0: "all phases", 20: "phase L1", 40: "phase L2", 60: "phase L3"}
"""The same sixteen quantities of each phase follow at C = 21, 41 and 61."""

QUANTITIES: dict[int, Quantity] = {
    offset + number: Quantity(f"{each.name}, {phase}", each.unit, each.integral_unit, each.direction)
    for offset, phase in _PHASES.items()
    for number, each in _PHASE_QUANTITIES.items()
} | {91: Quantity("current, neutral", "A", "Ah"), 92: Quantity("voltage, neutral", "V", "Vh")}
"""Value group C of electricity."""

PROCESSINGS = {
    0: "billing period average",
    1: "cumulative minimum 1",
    2: "cumulative maximum 1",
    3: "minimum 1",
    4: "current average 1",
    5: "last average 1",
    6: "maximum 1",
    7: "instantaneous value",
    8: "time integral 1 (since the start of measurement)",
    9: "time integral 2 (since the start of the billing period)",
    10: "time integral 3 (over a limit)",
    27: "current average 5 (recording period 1)",
    28: "current average 6 (recording period 2)",
    29: "time integral 5 (over recording period 1)",
    30: "time integral 6 (over recording period 2)",
}
"""Value group D of electricity."""

_TIME_INTEGRALS = frozenset({8, 9, 10, 29, 30})
LOAD_PROFILE = 29
"""Energy of each recording period, which for the meters taken here is a quarter hour."""

ALL_TARIFFS = 0
NO_BILLING_PERIOD = 255
_CHANNEL_0 = 0

_HEX = re.compile(r"[0-9A-Fa-f]{12}")
_DOTTED = re.compile(r"(?:(\d{1,3})-(\d{1,3}):)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[*.](\d{1,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class ObisCode:
    """The six value groups, 0 to 255 each: medium, channel, quantity, processing, tariff, billing period."""

    medium: int
    channel: int
    quantity: int
    processing: int
    tariff: int
    billing: int

    @property
    def hex(self) -> str:
        """`0100011D00FF`."""
        return bytes(self._groups).hex().upper()

    @property
    def dotted(self) -> str:
        """`1-0:1.29.0*255`."""
        return "{}-{}:{}.{}.{}*{}".format(*self._groups)

    @property
    def _groups(self) -> tuple[int, ...]:
        return self.medium, self.channel, self.quantity, self.processing, self.tariff, self.billing

    @property
    def medium_name(self) -> str | None:
        """`electricity`; None for a medium that is not in `MEDIA`."""
        return MEDIA.get(self.medium)

    @property
    def _known_quantity(self) -> Quantity | None:
        return QUANTITIES.get(self.quantity) if self.medium == ELECTRICITY else None

    @property
    def quantity_name(self) -> str | None:
        """`active power +, all phases`."""
        known = self._known_quantity
        return None if known is None else known.name

    @property
    def processing_name(self) -> str | None:
        """`instantaneous value`."""
        return PROCESSINGS.get(self.processing) if self.medium == ELECTRICITY else None

    @property
    def tariff_name(self) -> str:
        """`total`, or the meter's own tariff register."""
        return "total" if self.tariff == ALL_TARIFFS else f"tariff {self.tariff}"

    @property
    def direction(self) -> Direction | None:
        """Import for C = 1, export for C = 2, likewise by phase and for reactive and apparent power."""
        known = self._known_quantity
        return None if known is None else known.direction

    @property
    def unit(self) -> str | None:
        """`kWh` for a time integral of active power, `kW` for its momentary value; None where it is not known."""
        known = self._known_quantity
        if known is None or self.processing not in PROCESSINGS:
            return None
        return known.integral_unit if self.processing in _TIME_INTEGRALS else known.unit

    @property
    def is_load_profile(self) -> bool:
        """Whether it is a quarter hour's active energy over all phases and tariffs, which can be summed."""
        return (
            self.medium == ELECTRICITY
            and self.quantity in (1, 2)
            and self.processing == LOAD_PROFILE
            and self.tariff == ALL_TARIFFS
        )


def parse_obis(text: str) -> ObisCode:
    """A code in hex or dotted form; what a dotted one leaves out is electricity, channel 0, no billing period.

    Raises ValueError.
    """
    if _HEX.fullmatch(text):
        return ObisCode(*bytes.fromhex(text))
    match = _DOTTED.fullmatch(text)
    if match is None:
        raise ValueError("is not an OBIS code like 0100011D00FF or 1-0:1.29.0*255")
    left_out = (ELECTRICITY, _CHANNEL_0, 0, 0, 0, NO_BILLING_PERIOD)
    groups = [default if group is None else int(group) for group, default in zip(match.groups(), left_out, strict=True)]
    if max(groups) > 255:
        raise ValueError("is not an OBIS code: each group is 0 to 255")
    return ObisCode(*groups)
