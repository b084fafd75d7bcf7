"""The hot table's stream, as far as alerts are concerned: live states of vehicles, and transitions in the outbox."""

from collections.abc import Mapping
from typing import Any

from wattline.adapters.hot_alerts import TRANSITION, event_id_of
from wattline.adapters.hot_fleet import live_statement
from wattline.domain.alerts import LiveChange
from wattline.ports import FeedRecord


def stream_record(record: Mapping[str, Any]) -> FeedRecord:
    """A record as Lambda delivers it, with both images. The event source's filters let nothing else through."""
    of_item = record["dynamodb"]
    pk, sk = of_item["Keys"]["pk"]["S"], of_item["Keys"]["sk"]["S"]
    if sk.startswith(TRANSITION):
        return FeedRecord(of_item["SequenceNumber"], pk, None, event_id_of(pk, sk))
    old, new = of_item.get("OldImage"), of_item["NewImage"]
    before = live_statement(old) if old else None
    alone = new.get("alone") == {"BOOL": True}
    return FeedRecord(of_item["SequenceNumber"], pk, LiveChange(before, live_statement(new), alone), None)
