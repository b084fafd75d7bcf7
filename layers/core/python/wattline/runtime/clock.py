"""The clock, read at the edge and passed inwards."""

import time
from zlib import crc32

from wattline.ports import Received


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def received(at_ms: int, request_id: str) -> Received:
    """The mark of a request; its `seq` tells apart requests of one millisecond, the same for hot and history."""
    return Received(at_ms, crc32(request_id.encode()))
