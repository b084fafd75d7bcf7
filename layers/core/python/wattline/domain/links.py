"""Which meter feeds which vehicle, over time: the links of one meter never overlap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wattline.domain.instants import format_instant
from wattline.errors import Conflict, InvalidRequest, NotFound

MAX_LINKS = 3_000
"""Of a meter: they are changed as a whole."""


@dataclass(frozen=True, slots=True)
class Link:
    """The meter feeds the vehicle in [from_ms, to_ms); None is open-ended. A link is (meter, from)."""

    meter_id: str
    vehicle_id: str
    from_ms: int
    to_ms: int | None

    def overlaps(self, other: "Link") -> bool:
        """Whether both hold at some instant."""
        return (self.to_ms is None or other.from_ms < self.to_ms) and (
            other.to_ms is None or self.from_ms < other.to_ms
        )

    def holds_at(self, instant_ms: int) -> bool:
        """Whether it holds at the instant."""
        return self.from_ms <= instant_ms and (self.to_ms is None or instant_ms < self.to_ms)


def put_link(links: Sequence[Link], wanted: Link) -> list[Link]:
    """The meter's links with one more, or with the same one's end changed.

    Raises InvalidRequest for an empty link and for one too many, Conflict when another link of the meter holds at the
    same time.
    """
    if wanted.to_ms is not None and wanted.to_ms <= wanted.from_ms:
        raise InvalidRequest.of_field("to", "must lie after from")
    others = [link for link in links if (link.from_ms, link.vehicle_id) != (wanted.from_ms, wanted.vehicle_id)]
    for link in others:
        if link.overlaps(wanted):
            until = "on" if link.to_ms is None else f"to {format_instant(link.to_ms)}"
            raise Conflict(
                f"meter {link.meter_id} feeds vehicle {link.vehicle_id} from {format_instant(link.from_ms)} {until}; "
                "end that link first"
            )
    if len(others) >= MAX_LINKS:
        raise InvalidRequest(f"meter {wanted.meter_id} has {MAX_LINKS:,} links, the most there may be; delete old ones")
    return sorted([*others, replace(wanted)], key=lambda link: link.from_ms)


def remove_link(links: Sequence[Link], vehicle_id: str, from_ms: int) -> list[Link]:
    """The meter's links without one. Raises NotFound."""
    left = [link for link in links if (link.vehicle_id, link.from_ms) != (vehicle_id, from_ms)]
    if len(left) == len(links):
        raise NotFound(f"there is no link to vehicle {vehicle_id} from {format_instant(from_ms)}")
    return left


def within(links: Iterable[Link], start_ms: int, end_ms: int) -> list[Link]:
    """The links that hold at some instant of [start, end)."""
    return [link for link in links if link.from_ms < end_ms and (link.to_ms is None or start_ms < link.to_ms)]
