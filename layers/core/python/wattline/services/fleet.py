"""Take heartbeats, and link meters to vehicles."""

from collections.abc import Callable, Sequence

from wattline.batches import Batch
from wattline.domain.fleet import Heartbeat, HeartbeatStatement, Kind, state
from wattline.domain.links import Link, put_link, remove_link
from wattline.errors import TransientError
from wattline.ports import HistoryQueue, HotFleet, Links, Received
from wattline.tables import HEARTBEATS

LINK_ATTEMPTS = 8


def post_heartbeats(
    heartbeats: dict[Kind, list[Heartbeat]], received: Received, now_ms: int, *, queue: HistoryQueue, hot: HotFleet
) -> None:
    """Store the heartbeats of one request: history queue, hot rows, live states. Raises TransientError."""
    said = {kind: state(beats, received.at_ms) for kind, beats in heartbeats.items() if beats}
    for kind, statements in said.items():
        queue.send(heartbeat_batch(kind, statements))
    for kind, statements in said.items():
        hot.put(kind, statements, received.seq, now_ms)
    for kind, statements in said.items():
        hot.update_live(kind, statements)


def heartbeat_batch(kind: Kind, statements: Sequence[HeartbeatStatement]) -> Batch:
    """The statements as rows of the kind's history table."""
    return Batch(
        HEARTBEATS[kind],
        tuple(
            (said.heartbeat.device_id, said.heartbeat.ts_ms, *said.heartbeat.values, said.received_s, said.seq)
            for said in statements
        ),
    )


def link_meter(wanted: Link, *, links: Links) -> None:
    """Link a meter to a vehicle, or change the end of that link. Raises Conflict, InvalidRequest, TransientError."""
    _change(wanted.meter_id, lambda before: put_link(before, wanted), links)


def unlink_meter(meter_id: str, vehicle_id: str, from_ms: int, *, links: Links) -> None:
    """Take a link away. Raises NotFound or TransientError."""
    _change(meter_id, lambda before: remove_link(before, vehicle_id, from_ms), links)


def _change(meter_id: str, change: Callable[[list[Link]], list[Link]], links: Links) -> None:
    """Read, decide, and replace if nobody else did in between; else decide again on what they left."""
    for _ in range(LINK_ATTEMPTS):
        before, version = links.of_meter(meter_id)
        after = change(before)
        if after == before or links.replace(meter_id, after, version):
            return
    raise TransientError(f"the links of meter {meter_id} are being changed by others; repeat the request")
