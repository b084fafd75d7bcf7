"""Energy statements from the history."""

from decimal import Decimal
from importlib.resources import files
from string import Template

from wattline.adapters.athena import AthenaQueries, Timestamp
from wattline.domain.energy import NANO, Basis, Piece, Statement
from wattline.domain.instants import parse_instant
from wattline.ports import EnergyRange, EnergySlice
from wattline.tables import ENERGY_INTERVALS, bucket_of

_SQL = Template((files("wattline.adapters") / "sql" / "energy_of_ship.sql").read_text())

_ROWS_AN_INTERVAL = 2
_MORE_ROWS = 16
"""Most intervals have one row or two; where a page was cut too early, it is read again with this many times more."""


class AthenaEnergyHistory:
    """`EnergyHistory` over Athena."""

    def __init__(self, queries: AthenaQueries) -> None:
        self._queries = queries

    def read(self, wanted: EnergyRange, at_least: int) -> EnergySlice:
        """One query as a rule."""
        row_limit = _ROWS_AN_INTERVAL * at_least
        while True:
            statements = self._query(wanted, row_limit)
            if len(statements) < row_limit:
                return EnergySlice(statements, wanted.end_ms)
            perhaps_cut = statements[-1].piece.interval_ms
            whole = [said for said in statements if said.piece.interval_ms < perhaps_cut]
            if len({said.piece.interval_ms for said in whole}) >= at_least:
                return EnergySlice(whole, perhaps_cut)
            row_limit *= _MORE_ROWS

    def _query(self, wanted: EnergyRange, row_limit: int) -> list[Statement]:
        sql = _SQL.substitute(latest=ENERGY_INTERVALS.latest_of_device(), row_limit=row_limit)
        result = self._queries.run(
            sql,
            [
                ENERGY_INTERVALS.dt_of(wanted.start_ms),
                ENERGY_INTERVALS.dt_of(wanted.end_ms - 1),
                bucket_of(wanted.spaceship_id),
                wanted.spaceship_id,
                Timestamp(wanted.start_ms),
                Timestamp(wanted.end_ms),
                Timestamp(wanted.as_of_ms),
            ],
        )
        return [_statement(row) for row in result.rows]


def _statement(row: dict[str, str]) -> Statement:
    interval, start, end = (_instant(row[name]) for name in ("interval_start", "span_start", "span_end"))
    amount = int(Decimal(row["kwh"]) * NANO)
    piece = Piece(interval, start - interval, end - start, amount, Basis(row["basis"]))
    return Statement(piece, _instant(row["received_at"]), int(row["seq"]))


def _instant(text: str) -> int:
    """Athena writes a timestamp as `2018-08-24 00:00:00.000`, in UTC by our convention."""
    return parse_instant(f"{text}Z")
