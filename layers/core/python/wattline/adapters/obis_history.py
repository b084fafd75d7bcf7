"""Smart meters' readings from the history."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files
from string import Template

from wattline.adapters.athena import AthenaQueries, Timestamp, sql_literal
from wattline.domain.energy import NANO
from wattline.domain.instants import parse_instant
from wattline.domain.local_calendar import CalendarBucket
from wattline.domain.meter_series import BucketEnergy, MeterReading
from wattline.ports import RegisterRange
from wattline.tables import OBIS_READINGS, bucket_of

_SQL = files("wattline.adapters") / "sql"
_READINGS = Template((_SQL / "obis_readings.sql").read_text())
_SUMS = Template((_SQL / "obis_sums.sql").read_text())

MAX_PARTS = 2_000
"""Stretches in one query: 140 kB of the 262 kB that Athena takes."""


class AthenaObisHistory:
    """`ObisHistory` over Athena."""

    def __init__(self, queries: AthenaQueries) -> None:
        self._queries = queries

    def readings(self, wanted: RegisterRange, limit: int) -> list[MeterReading]:
        """One query."""
        sql = _READINGS.substitute(latest=OBIS_READINGS.latest_of_device(), row_limit=limit)
        rows = self._queries.run(sql, _parameters(wanted)).rows
        return [MeterReading(parse_instant(f"{row['ts']}Z"), _amount(row["amount"]), row["quality"]) for row in rows]

    def sums(self, wanted: RegisterRange, units: Sequence[CalendarBucket]) -> list[BucketEnergy]:
        """One query for each `MAX_PARTS` stretches."""
        found: list[BucketEnergy] = []
        chunk: list[CalendarBucket] = []
        parts = 0
        for unit in units:
            if chunk and parts + len(unit.parts) > MAX_PARTS:
                found += self._sums(wanted, chunk)
                chunk, parts = [], 0
            chunk.append(unit)
            parts += len(unit.parts)
        return found + (self._sums(wanted, chunk) if chunk else [])

    def _sums(self, wanted: RegisterRange, units: Sequence[CalendarBucket]) -> list[BucketEnergy]:
        lines = [
            f"({number}, {_timestamp(part.start_ms)}, {_timestamp(part.end_ms)})"
            for number, unit in enumerate(units)
            for part in unit.parts
        ]
        sql = _SUMS.substitute(latest=OBIS_READINGS.latest_of_device(), parts=",\n".join(lines))
        amounts: dict[int, int] = defaultdict(int)
        qualities: dict[int, dict[str, int]] = defaultdict(dict)
        for row in self._queries.run(sql, _parameters(wanted)).rows:
            amounts[int(row["unit"])] += _amount(row["amount"])
            qualities[int(row["unit"])][row["quality"]] = int(row["readings"])
        return [
            BucketEnergy(unit.start_ms, amounts.get(number), unit.quarter_hours, qualities.get(number, {}))
            for number, unit in enumerate(units)
        ]


def _parameters(wanted: RegisterRange) -> list[str | int]:
    return [
        OBIS_READINGS.dt_of(wanted.start_ms),
        OBIS_READINGS.dt_of(wanted.end_ms - 1),
        bucket_of(wanted.muid),
        wanted.muid,
        Timestamp(wanted.start_ms),
        Timestamp(wanted.end_ms),
        Timestamp(wanted.as_of_ms),
        wanted.code.hex,
    ]


def _timestamp(instant_ms: int) -> str:
    return f"TIMESTAMP {sql_literal(Timestamp(instant_ms))}"


def _amount(text: str) -> int:
    return int(Decimal(text) * NANO)
