"""The wire of the tariffs."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

from wattline.api.http import Answer, json_answer
from wattline.api.wire import Instant, QueryModel, from_query
from wattline.domain.instants import FOREVER_MS, format_instant
from wattline.domain.local_calendar import WEEKDAYS
from wattline.domain.tariffs import Tariff, Window
from wattline.services.tariffs import TariffSet


class PricingParameters(QueryModel):
    """The query string of `GET /v1/pricing`."""

    as_of: Instant | None = Field(default=None, description="Answer as if nothing received later had been.")


class WindowState(BaseModel, defer_build=True):
    """High price on these weekdays, local time; `to` is exclusive."""

    weekdays: list[str]
    from_: str = Field(alias="from")
    to: str


class TariffState(BaseModel, defer_build=True):
    """Prices of a kWh and a day, decimal texts, from the local midnight of `effective_from`."""

    name: str
    currency: str
    tz: str
    effective_from: str
    high: str
    low: str
    high_windows: list[WindowState]
    export: str
    standing_charge_per_day: str


class Pricing(BaseModel, defer_build=True):
    """The set in force; `received_at` is null for the built-in default."""

    tariffs: list[TariffState]
    received_at: str | None


def parse_pricing(event: APIGatewayProxyEvent) -> int:
    """The instant as of which the set is asked for."""
    as_of = from_query(PricingParameters, event.resolved_query_string_parameters).as_of
    return FOREVER_MS if as_of is None else as_of


def pricing_answer(found: TariffSet) -> Answer:
    """The set as JSON, in the form in which it is dropped."""
    received = None if found.received_ms is None else format_instant(found.received_ms)
    return json_answer(200, {"tariffs": [_tariff(tariff) for tariff in found.tariffs], "received_at": received})


def _tariff(tariff: Tariff) -> dict[str, object]:
    return {
        "name": tariff.name,
        "currency": tariff.currency,
        "tz": tariff.zone_name,
        "effective_from": tariff.effective_from.isoformat(),
        "high": str(tariff.high),
        "low": str(tariff.low),
        "high_windows": [_window(window) for window in tariff.high_windows],
        "export": str(tariff.export),
        "standing_charge_per_day": str(tariff.standing_charge),
    }


def _window(window: Window) -> dict[str, object]:
    return {
        "weekdays": [WEEKDAYS[day][:3] for day in sorted(window.weekdays)],
        "from": window.start.isoformat("minutes"),
        "to": "24:00" if window.end is None else window.end.isoformat("minutes"),
    }
