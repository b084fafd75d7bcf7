"""What the product's queries answer when they listed the lake at one moment and read it at a later one."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, cast

from infra.local.athena.server import Athena
from tests.emulated import BUCKET, Emulated
from wattline.adapters.athena import AthenaQueries
from wattline.adapters.fleet_history import AthenaFleetHistory
from wattline.domain.fleet import Heartbeat, Kind
from wattline.domain.instants import FOREVER_MS
from wattline.ports import HeartbeatRange

WORKGROUP, DATABASE = "workgroup", "database"

TWO = ("v07", "v08")
"""Vehicles of two buckets."""

Listing = Sequence[tuple[str, int]]
"""Keys of the history and the sizes of their objects."""

Answers = dict[str, list[tuple[Heartbeat, int]]]
"""Of each vehicle its heartbeats, and when they were received."""


def listing(emulated: Emulated) -> Listing:
    """The history as it is."""
    found = emulated.s3.list_objects_v2(Bucket=BUCKET, Prefix="history/").get("Contents", [])
    return [(item["Key"], item["Size"]) for item in found]


def answers(emulated: Emulated, listed: Listing, vehicles: Iterable[str]) -> Answers:
    """All heartbeats in force, by the product's adapter and the local Athena, whose first listing is the given one."""
    return {vehicle: _heartbeats(emulated, listed, vehicle) for vehicle in vehicles}


def _heartbeats(emulated: Emulated, listed: Listing, vehicle: str) -> list[tuple[Heartbeat, int]]:
    s3 = cast("Any", ListedBefore(emulated.s3, listed))
    athena = Athena(s3, bucket=BUCKET, workgroup=WORKGROUP, database=DATABASE)
    client = cast("Any", InProcess(athena))
    queries = AthenaQueries(
        client, emulated.s3, workgroup=WORKGROUP, database=DATABASE, pause=lambda _: time.sleep(0.001)
    )
    wanted = HeartbeatRange(vehicle, 0, FOREVER_MS, FOREVER_MS // 1000)
    found = AthenaFleetHistory(queries).read(Kind.VEHICLE, wanted)
    return [(said.heartbeat, said.received_s) for said in found.statements]


def _briefly(_: float) -> None:
    time.sleep(0.001)


class ListedBefore:
    """An S3 client whose first listing is an old one; later listings, and all reads, are of now."""

    def __init__(self, s3: Any, listed: Listing) -> None:
        self._s3 = s3
        self._old_pages = [[{"Contents": [{"Key": key, "Size": size} for key, size in listed]}]]

    def get_paginator(self, name: str) -> Any:
        return self if self._old_pages else self._s3.get_paginator(name)

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return self._old_pages.pop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)


class InProcess:
    """A client of the local Athena without a socket in between."""

    def __init__(self, athena: Athena) -> None:
        self._athena = athena

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        return self._athena.call("StartQueryExecution", request)

    def get_query_execution(self, **request: Any) -> dict[str, Any]:
        return self._athena.call("GetQueryExecution", request)
