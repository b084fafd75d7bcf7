"""Cumulative energy registers: from what they show to the energy between.

A register only counts up. Where it shows less than before, one of three things happened, and none of them gave back
energy:

* **Rollover.** It passed the top of its counter, a power of ten, and went on from zero. Taken for one when the last
  reading was within 1 % of the top and the new one is within 1 % of zero. Meters may not come round in less than
  4,000 hours at full load (directive 2014/32/EU, annex V (MI-003), "Suitability"), of which 1 % is 40 hours: more
  than lies between two readings as a rule. Counters have five digits or more.
* **Set back** by less than 0.1 %: a correction, or a source that rounds. What it counts until it shows again what it
  showed before was counted already.
* **Restart** from zero, by a reset or another meter: what it shows was counted since. If it shows more than half of
  what it showed before it did not start from zero; then nothing is known of the time between, and it adds nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from wattline.domain.batteries import MICRO

_TOPS = tuple(10**digits * MICRO for digits in range(5, 13))
_EDGE = 100
_SET_BACK = 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """Readings of a register inside one bucket that never fall: the first and the last value, in millionths of kWh.

    A single reading is a run of one. Where a register falls inside a bucket, the bucket has several runs.
    """

    bucket_ms: int
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class RegisterBucket:
    """A bucket of a register: how many readings, the energy up to the last of them, and what that one shows.

    `difference` is None where no earlier reading is known. All amounts are in millionths of kWh. `level` is the
    mark that the register counts on from, which is above `last` after it was set back.
    """

    bucket_ms: int
    count: int
    difference: int | None
    last: int
    level: int
    fell: bool


def step(level: int, shown: int) -> tuple[int, int]:
    """The energy between the mark and what the register shows next, never negative, and the new mark."""
    if shown >= level:
        return shown - level, shown
    for top in _TOPS:
        if top - top // _EDGE <= level < top and shown <= top // _EDGE:
            return top - level + shown, shown
    if level - shown < level // _SET_BACK:
        return 0, level
    return (shown if 2 * shown <= level else 0), shown


def differences(runs: Iterable[Run], level: int | None) -> Iterator[RegisterBucket]:
    """The buckets of runs in time order; `level` is the mark before the first, None if nothing is known.

    Energy between two readings is credited to the bucket of the later one, so cutting time into other buckets moves
    energy and neither makes nor loses any.
    """
    for bucket_ms, of_bucket in groupby(runs, key=lambda run: run.bucket_ms):
        count = gained = last = 0
        fell, is_first = False, level is None
        for run in of_bucket:
            level = run.first if level is None else level
            fell = fell or run.first < level
            for shown in (run.first, run.last):
                energy, level = step(level, shown)
                gained += energy
            count, last = count + run.count, run.last
        if level is not None:
            yield RegisterBucket(bucket_ms, count, None if is_first and count == 1 else gained, last, level, fell)
