"""Readings of smart meters as their APIs write them, judged one by one.

An item is `{measurement: "energy", timestamp, tags: {muid, quality}, "<OBIS code>": value, ...}`, with one key for
each register that was read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from wattline.domain.energy_post import Units, reading_amount
from wattline.domain.instants import INTERVAL_MS, reading_instant
from wattline.domain.obis import ObisCode, parse_obis

_MUID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_QUALITY = re.compile(r"[A-Za-z0-9_ -]{1,32}")
_ENVELOPE = frozenset({"measurement", "timestamp", "tags"})

UNSPECIFIED = "unspecified"
"""The quality of a reading that came without one."""


@dataclass(frozen=True, slots=True)
class ObisReading:
    """A register at an instant; `amount` is in billionths of the code's unit (nano-kWh for active energy).

    A load profile's reading covers the quarter hour that begins at `ts_ms`.
    """

    muid: str
    ts_ms: int
    code: ObisCode
    amount: int
    quality: str


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """The good readings of an item, and why the others are not."""

    readings: tuple[ObisReading, ...]
    reasons: tuple[str, ...]


def judge_item(item: object, now_ms: int) -> JudgedItem:
    """The readings of one item. Never raises: what cannot be taken is among the reasons."""
    try:
        muid, ts_ms, quality, registers = _envelope(item, now_ms)
    except ValueError as refusal:
        return JudgedItem((), (str(refusal),))
    readings: dict[ObisCode, ObisReading] = {}
    reasons: list[str] = []
    for name, value in registers.items():
        try:
            code = parse_obis(name)
            amount = _amount(value)
            _check_grid(code, ts_ms)
        except ValueError as refusal:
            reasons.append(f"{name[:40]}: {refusal}")
            continue
        if code in readings:
            reasons.append(f"{name}: is the same register as another key of this reading")
        readings.setdefault(code, ObisReading(muid, ts_ms, code, amount, quality))
    return JudgedItem(tuple(readings.values()), tuple(reasons))


def _envelope(item: object, now_ms: int) -> tuple[str, int, str, Mapping[str, object]]:
    if not isinstance(item, Mapping):
        raise ValueError("is not an object")
    if item.get("measurement", "energy") != "energy":
        raise ValueError("measurement: must be energy")
    tags = item.get("tags")
    if not isinstance(tags, Mapping):
        raise ValueError("tags: is missing, or not an object")
    muid = tags.get("muid")
    if type(muid) is int:
        muid = str(muid)
    if not isinstance(muid, str) or not _MUID.fullmatch(muid):
        raise ValueError(f"tags.muid: must match ^{_MUID.pattern}$")
    quality = tags.get("quality", UNSPECIFIED)
    if not isinstance(quality, str) or not _QUALITY.fullmatch(quality):
        raise ValueError(f"tags.quality: must match ^{_QUALITY.pattern}$")
    try:
        ts_ms = reading_instant(item.get("timestamp"), now_ms)
    except ValueError as refusal:
        raise ValueError(f"timestamp: {refusal}") from refusal
    registers = {name: value for name, value in item.items() if name not in _ENVELOPE}
    if not registers:
        raise ValueError("holds no register: a key that is an OBIS code, like 0100011D00FF")
    return muid, ts_ms, quality.lower(), registers


def _amount(value: object) -> int:
    try:
        return reading_amount(value, Units.KWH)
    except ValueError as refusal:
        raise ValueError(str(refusal).removeprefix("value: ")) from refusal


def _check_grid(code: ObisCode, ts_ms: int) -> None:
    """A load profile off the grid would count a quarter hour twice."""
    if code.is_load_profile and ts_ms % INTERVAL_MS:
        raise ValueError("is a load profile, whose timestamps begin a quarter hour")
