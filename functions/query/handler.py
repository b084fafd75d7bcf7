"""Answer reads of readings, live states, links, batteries, smart meters, tariffs, loads and alerts.

Wire models and AWS clients are imported at a route's first request: a cold start pays for the route that woke it.
"""

from functools import cache
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.api import routes
from wattline.api.http import Answer, HttpApi
from wattline.domain.fleet import Kind
from wattline.ports import (
    Alerts,
    BatteryHistory,
    EnergyHistory,
    HotBatteries,
    HotEnergy,
    HotFleet,
    Links,
    Loads,
    ObisHistory,
    SmartMeters,
    TariffSets,
)
from wattline.runtime.clock import now_ms
from wattline.runtime.observability import logger, metrics
from wattline.services.energy import HOT_WINDOW_MS, read_energy

api = HttpApi(logger, metrics)


class Stores(NamedTuple):
    """Where readings and links lie."""

    energy: HotEnergy
    fleet: HotFleet
    links: Links
    loads: Loads
    batteries: HotBatteries
    alerts: Alerts


@cache
def stores() -> Stores:
    from wattline.adapters import aws
    from wattline.adapters.hot_alerts import DynamoAlerts
    from wattline.adapters.hot_batteries import DynamoHotBatteries
    from wattline.adapters.hot_energy import DynamoHotEnergy
    from wattline.adapters.hot_fleet import DynamoHotFleet
    from wattline.adapters.hot_links import DynamoLinks
    from wattline.adapters.hot_loads import DynamoLoads
    from wattline.adapters.hot_table import HotTable
    from wattline.runtime.settings import QuerySettings, load

    settings = load(QuerySettings)
    table = HotTable(aws.dynamodb(), settings.hot_table)
    return Stores(
        DynamoHotEnergy(table, HOT_WINDOW_MS),
        DynamoHotFleet(table),
        DynamoLinks(table),
        DynamoLoads(table, aws.s3(), settings.bucket),
        DynamoHotBatteries(table),
        DynamoAlerts(table),
    )


class MeterStores(NamedTuple):
    """What is known of smart meters beside their readings."""

    meters: SmartMeters
    tariffs: TariffSets


@cache
def meter_stores() -> MeterStores:
    from wattline.adapters import aws
    from wattline.adapters.hot_obis import DynamoSmartMeters, DynamoTariffSets
    from wattline.adapters.hot_table import HotTable
    from wattline.runtime.settings import QuerySettings, load

    table = HotTable(aws.dynamodb(), load(QuerySettings).hot_table)
    return MeterStores(DynamoSmartMeters(table), DynamoTariffSets(table))


def energy_history() -> EnergyHistory:
    """With the patience of one request."""
    from wattline.adapters.energy_history import AthenaEnergyHistory
    from wattline.runtime.history import queries

    return AthenaEnergyHistory(queries().for_request())


def battery_history() -> BatteryHistory:
    """With the patience of one request."""
    from wattline.adapters.battery_history import AthenaBatteryHistory
    from wattline.runtime.history import queries

    return AthenaBatteryHistory(queries().for_request())


def obis_history() -> ObisHistory:
    """With the patience of one request."""
    from wattline.adapters.obis_history import AthenaObisHistory
    from wattline.runtime.history import queries

    return AthenaObisHistory(queries().for_request())


@api.route(routes.GET_DATA)
def get_data(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import energy

    query = energy.parse_read(event)
    page = read_energy(query, now_ms(), hot=stores().energy, history=energy_history())
    return energy.series_answer(event, query, page)


@api.route(routes.GET_VEHICLES)
def get_vehicles(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import telemetry

    return telemetry.fleet_answer(event, Kind.VEHICLE, now_ms(), stores().fleet.page)


@api.route(routes.GET_VEHICLE)
def get_vehicle(event: APIGatewayProxyEvent, vehicleId: str) -> Answer:  # noqa: N803 - a name of the path
    from wattline.api import telemetry

    return telemetry.live_answer(Kind.VEHICLE, vehicleId, stores().fleet.live(Kind.VEHICLE, vehicleId), now_ms())


@api.route(routes.GET_METERS)
def get_meters(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import telemetry

    return telemetry.fleet_answer(event, Kind.METER, now_ms(), stores().fleet.page)


@api.route(routes.GET_METER)
def get_meter(event: APIGatewayProxyEvent, meterId: str) -> Answer:  # noqa: N803 - a name of the path
    from wattline.api import telemetry

    return telemetry.live_answer(Kind.METER, meterId, stores().fleet.live(Kind.METER, meterId), now_ms())


@api.route(routes.GET_LINKS)
def get_links(event: APIGatewayProxyEvent, vehicleId: str) -> Answer:  # noqa: N803 - a name of the path
    from wattline.api import links

    return links.links_answer(stores().links.of_vehicle(vehicleId))


@api.route(routes.GET_ALERTS)
def get_alerts(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import alerts

    return alerts.alerts_answer(event, stores().alerts.page)


@api.route(routes.GET_METER_READINGS)
def get_meter_readings(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import meter_readings
    from wattline.services.meter_readings import read_meter

    asked, query = meter_readings.parse_query(event)
    at = meter_stores()
    page = read_meter(query, history=obis_history(), meters=at.meters, tariffs=at.tariffs)
    return meter_readings.readings_answer(event, asked, query, page)


@api.route(routes.GET_PRICING)
def get_pricing(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import pricing
    from wattline.services.tariffs import tariffs_in_force

    return pricing.pricing_answer(tariffs_in_force(pricing.parse_pricing(event), sets=meter_stores().tariffs))


@api.route(routes.GET_LOADS)
def get_loads(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import loads

    return loads.loads_answer(event, stores().loads, now_ms())


@api.route(routes.GET_LOAD)
def get_load(event: APIGatewayProxyEvent, loadId: str) -> Answer:  # noqa: N803 - a name of the path
    from wattline.api import loads

    return loads.load_answer(loadId, stores().loads, now_ms())


@api.route(routes.GET_BATTERIES)
def get_batteries(event: APIGatewayProxyEvent) -> Answer:
    from wattline.api import batteries

    return batteries.list_answer(event, stores().batteries)


@api.route(routes.GET_BATTERY)
def get_battery(event: APIGatewayProxyEvent, deviceId: str) -> Answer:  # noqa: N803 - a name of the path
    from wattline.api import batteries
    from wattline.services.batteries import known_battery

    return batteries.state_answer(known_battery(deviceId, hot=stores().batteries))


@api.route(routes.GET_BATTERY_TELEMETRY)
def get_battery_telemetry(event: APIGatewayProxyEvent, deviceId: str) -> Answer:  # noqa: N803 - a name of the path
    from wattline.api import batteries
    from wattline.services.batteries import read_telemetry

    query = batteries.parse_telemetry(event, deviceId)
    page = read_telemetry(query, hot=stores().batteries, history=battery_history())
    return batteries.telemetry_answer(event, query, page)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return api.resolver.resolve(event, context)
