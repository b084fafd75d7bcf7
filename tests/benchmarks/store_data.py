"""Stores at full size, the same at every run: hours and zones like real ones, and eight days of polls.

11,116 of 13,559 stores with hours, 1,840 distinct weeks, 86,198 openings, 11 zones: the proportions of a real data set.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from wattline.adapters.parquet_files import arrow_schema
from wattline.domain.instants import DAY_MS, HOUR_MS, MINUTE_MS
from wattline.domain.stores import DAY_S, Opening, WeeklyHours
from wattline.tables import STORE_STATUS

NOW_MS = 1_674_670_299_622
"""2023-01-25T18:11:39.622Z, the newest poll."""
DAYS = 8
POLLED = 0.67
"""The share of hours in which a store is polled: 1.8 million polls of 14,000 stores."""

_ZONES = {
    "America/New_York": 8191,
    "America/Los_Angeles": 3224,
    "America/Chicago": 1517,
    "America/Phoenix": 418,
    "America/Denver": 127,
    "America/Detroit": 62,
    "America/Indiana/Indianapolis": 15,
    "America/Edmonton": 2,
    "America/Boise": 1,
    "Asia/Beirut": 1,
    "Pacific/Honolulu": 1,
}
_OPENS = (0, 0, 0, 6, 6.5, 7, 8, 10, 10.5, 11, 11, 11, 12)
_CLOSES = (DAY_S, DAY_S, DAY_S - 60, DAY_S - 60, 19 * 3600, 20.5 * 3600, 21 * 3600, 21.5 * 3600, 22 * 3600, 23 * 3600)


@dataclass(frozen=True)
class Stores:
    """`polls` are rows of `store_status`, sorted; ids are decimal numbers, as the real ones."""

    ids: list[str]
    hours: dict[str, WeeklyHours]
    zones: dict[str, str]
    polls: pa.Table


def generate(stores: int = 14_000, *, seed: int = 1) -> Stores:
    """The same arguments give the same data."""
    random = Random(seed)
    ids = sorted(str(random.randrange(10**14, 10**19)) for _ in range(stores))
    weeks = [_week(random) for _ in range(max(1, stores * 1_840 // 14_000))]
    hours = {store: random.choice(weeks) for store in ids if random.random() < 11_116 / 14_000}
    names, weights = list(_ZONES), list(_ZONES.values())
    zones = {store: random.choices(names, weights)[0] for store in ids if random.random() < 13_559 / 14_000}
    return Stores(ids, hours, zones, _polls(ids, np.random.default_rng(seed)))


def _week(random: Random) -> WeeklyHours:
    usual = [_day(random), _day(random)]
    open_days = range(7) if random.random() < 0.8 else sorted(random.sample(range(7), random.randint(1, 6)))
    return tuple(
        sorted(
            Opening(weekday, opens, closes)
            for weekday in open_days
            for opens, closes in (usual[0] if random.random() < 0.8 else usual[1])
        )
    )


def _day(random: Random) -> list[tuple[int, int]]:
    opens, closes = int(random.choice(_OPENS) * 3600), int(random.choice(_CLOSES))
    opens += random.choice((0, 0, 0, 600, 1800))
    if random.random() < 0.15:  # closed in the afternoon, or open a while after midnight
        return [(opens, 15 * 3600), (16 * 3600 + 1800, closes)] if random.random() < 0.7 else [(opens, 2 * 3600)]
    return [(opens, closes)]


def _polls(ids: list[str], random: np.random.Generator) -> pa.Table:
    hours = DAYS * 24
    polled = random.random((len(ids), hours)) < POLLED
    polled[0, -1] = True
    store, hour = np.nonzero(polled)
    minutes = random.integers(0, 40 * MINUTE_MS, len(store))
    ts: npt.NDArray[np.int64] = NOW_MS - DAYS * DAY_MS + hour * HOUR_MS + minutes
    ts[np.flatnonzero(store == 0)[-1]] = NOW_MS
    down = random.random((len(ids), 1)) < 0.3  # some stores are often down, others hardly ever
    inactive = random.random(len(store)) < np.where(down[store, 0], 0.35, 0.02)
    statuses = pa.array(["active", "inactive"])
    received = np.full(len(store), NOW_MS + HOUR_MS)
    return pa.table(
        [
            pa.array(ids).take(pa.array(store, pa.int64())),
            pa.array(ts).cast(pa.timestamp("ms")),
            statuses.take(pa.array(inactive.astype(np.int64), pa.int64())),
            pa.array(received).cast(pa.timestamp("ms")),
            pa.array(np.arange(len(store))),
        ],
        schema=arrow_schema(STORE_STATUS),
    )
