"""The wire of links between vehicles and meters."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic import BaseModel, Field

from wattline.api.http import Answer, body_of, json_answer
from wattline.api.wire import Instant, QueryModel, device_id, from_json, from_query
from wattline.domain.instants import format_instant
from wattline.domain.links import Link


class LinkBody(BaseModel):
    """From when to when the meter feeds the vehicle; without `to`, until further notice."""

    start: Instant = Field(alias="from")
    to: Instant | None = None


class LinkParameters(QueryModel):
    """Which of the meter's links: a link is known by its beginning."""

    start: Instant = Field(alias="from")


class LinkState(BaseModel, defer_build=True):
    """A link; `to` is null while it is open-ended."""

    vehicleId: str
    meterId: str
    start: str = Field(alias="from")
    to: str | None


class LinkList(BaseModel, defer_build=True):
    """All links of a vehicle, by time."""

    links: list[LinkState]


def parse_link(event: APIGatewayProxyEvent, vehicle_id: str, meter_id: str) -> Link:
    """The link of a PUT."""
    body = from_json(LinkBody, body_of(event))
    return Link(device_id(meter_id, "meterId"), device_id(vehicle_id, "vehicleId"), body.start, body.to)


def parse_unlink(event: APIGatewayProxyEvent) -> int:
    """The beginning that a DELETE names."""
    return from_query(LinkParameters, event.resolved_query_string_parameters).start


def link_answer(link: Link) -> Answer:
    """One link."""
    return json_answer(200, _state(link))


def links_answer(links: list[Link]) -> Answer:
    """All links of a vehicle."""
    return json_answer(200, {"links": [_state(link) for link in links]})


def _state(link: Link) -> dict[str, object]:
    return {
        "vehicleId": link.vehicle_id,
        "meterId": link.meter_id,
        "from": format_instant(link.from_ms),
        "to": None if link.to_ms is None else format_instant(link.to_ms),
    }
