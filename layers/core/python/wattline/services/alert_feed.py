"""Follow the hot table's stream."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from wattline.errors import TransientError
from wattline.ports import FeedRecord

THREADS = 16
"""Devices handled at once: each waits for the table and the topic nearly all of its time."""


@dataclass(frozen=True, slots=True)
class Again:
    """From which record on the stream shall deliver again, and why."""

    number: str
    reason: str


def follow(records: Sequence[FeedRecord], handle: Callable[[FeedRecord], None]) -> Again | None:
    """Handle the records of each device in their order, devices side by side.

    After a TransientError the device's later records are left alone, for they must not overtake. The answer is the
    first record that failed: the stream delivers all from there on again, which does no harm to those that are done.
    """
    of_device: dict[str, list[int]] = defaultdict(list)
    for position, record in enumerate(records):
        of_device[record.key].append(position)

    def first_failure(positions: Sequence[int]) -> tuple[int, str] | None:
        for position in positions:
            try:
                handle(records[position])
            except TransientError as error:
                return position, error.detail
        return None

    with ThreadPoolExecutor(THREADS) as threads:
        failures = [failure for failure in threads.map(first_failure, of_device.values()) if failure]
    if not failures:
        return None
    position, reason = min(failures)
    return Again(records[position].number, reason)
