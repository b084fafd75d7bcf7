"""Columns of raw text, judged: typed values of the good ones, and the reason each of the others is bad.

A column is judged by Arrow in slices; only the texts of a slice that Arrow refuses are looked at one by one. Where a
column holds few distinct texts (ids, times), each is judged once.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa

from wattline.adapters.arrow import Array, pc
from wattline.domain.fleet import Measure
from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import (
    CLOCK_TOLERANCE_MS,
    EARLIEST_MS,
    FOREVER_MS,
    reading_instant,
)

SLICE = 4096
"""Texts that are cast at once."""

PARTS = 8
"""Slices that hold a bad text are cut into so many, until the bad one is found."""

DISTINCT = pa.dictionary(pa.int32(), pa.binary())
"""The raw type of a column that repeats itself."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Values row by row (of bad rows, anything), and the reasons of the bad ones by row."""

    values: Array
    reasons: dict[int, str]


class Judge(Protocol):
    """How the texts of a column are judged."""

    @property
    def raw(self) -> pa.DataType:
        """The Arrow type it wants them in: binary, or a dictionary of binary."""

    @property
    def json(self) -> tuple[type, ...]:
        """The types of JSON values that are judged by their text; values of others are refused."""

    def __call__(self, texts: Array, now_ms: int) -> Judged:
        """Judge an array of texts."""


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None


def _each(texts: Array, judge: Callable[[str], Any], placeholder: Any) -> tuple[list[Any], dict[int, str]]:
    values, reasons = [], {}
    for at, raw in enumerate(texts.to_pylist()):
        try:
            values.append(judge(_decoded(raw)))
        except ValueError as refusal:
            values.append(placeholder)
            reasons[at] = str(refusal)
    return values, reasons


def _spread(texts: Array, bad: dict[int, str]) -> dict[int, str]:
    """From the reasons of distinct texts to those of rows."""
    if not bad:
        return {}
    hits = pc.is_in(texts.indices, pa.array(list(bad), pa.int32()))
    rows = pc.indices_nonzero(hits).to_pylist()
    return {row: bad[texts.indices[row].as_py()] for row in rows}


@dataclass(frozen=True)
class Text:
    """A text judged once where it repeats; `check` returns what is stored or raises ValueError."""

    check: Callable[[str], str]
    raw: pa.DataType = DISTINCT
    json: tuple[type, ...] = (str, int)

    def __call__(self, texts: Array, now_ms: int) -> Judged:
        """A dictionary array of texts."""
        values, bad = _each(texts.dictionary, self.check, "")
        return Judged(pa.DictionaryArray.from_arrays(texts.indices, pa.array(values, pa.string())), _spread(texts, bad))


@dataclass(frozen=True)
class Identifier:
    """An id of a device, store or meter; of JSON, a text or an integer."""

    raw: pa.DataType = DISTINCT
    json: tuple[type, ...] = (str, int)

    def __call__(self, texts: Array, now_ms: int) -> Judged:
        """All distinct texts at once."""
        good = pc.match_substring_regex(texts.dictionary, ID_PATTERN)
        ids = pc.if_else(good, texts.dictionary, b"").cast(pa.string())
        bad = {
            at: _reason(texts.dictionary[at].as_py(), f"must match {ID_PATTERN}")
            for at in pc.indices_nonzero(pc.invert(good)).to_pylist()
        }
        return Judged(pa.DictionaryArray.from_arrays(texts.indices, ids), _spread(texts, bad))


def identifier() -> Identifier:
    """An id."""
    return Identifier()


def _reason(raw: bytes, fault: str) -> str:
    return fault if raw.strip() else "is missing"


def choice(**meanings: str) -> Text:
    """One of some words, whatever their case; the value is the word's meaning."""

    def check(text: str) -> str:
        meaning = meanings.get(text.strip().lower())
        if meaning is None:
            raise ValueError(f"must be one of {', '.join(meanings)}" if text else "is missing")
        return meaning

    return Text(check, json=(str,))


_UTC_SUFFIX = b" UTC"


@dataclass(frozen=True)
class Instant:
    """An RFC 3339 time; ` UTC` instead of the `Z` is taken too. Values are milliseconds, int64."""

    raw: pa.DataType = DISTINCT
    json: tuple[type, ...] = (str,)
    may_lie_ahead: bool = False

    def __call__(self, texts: Array, now_ms: int) -> Judged:
        """Each distinct text once; Arrow reads the usual forms, `parse_instant` the rest."""
        latest = FOREVER_MS - 1 if self.may_lie_ahead else now_ms + CLOCK_TOLERANCE_MS
        distinct = pc.if_else(
            pc.ends_with(texts.dictionary, _UTC_SUFFIX),
            pc.binary_join_element_wise(_without_suffix(texts.dictionary), b"Z", b""),
            texts.dictionary,
        )
        slices = [_rfc3339(distinct.slice(first, SLICE), latest) for first in range(0, len(distinct), SLICE)]
        read = pa.concat_arrays(slices) if slices else pa.array([], pa.int64())
        unread = pc.is_null(read)
        places = pc.indices_nonzero(unread)
        values, reasons = _each(distinct.take(places), lambda text: self._instant(text, now_ms), EARLIEST_MS)
        by_code = pc.replace_with_mask(read, unread, pa.array(values, pa.int64()))
        bad = {places[at].as_py(): reason for at, reason in reasons.items()}
        return Judged(by_code.take(texts.indices), _spread(texts, bad))

    def _instant(self, text: str, now_ms: int) -> int:
        if not text:
            raise ValueError("is missing")
        return reading_instant(text, FOREVER_MS if self.may_lie_ahead else now_ms)


def _without_suffix(texts: Array) -> Array:
    return pc.binary_slice(texts, 0, -len(_UTC_SUFFIX))


_USUAL = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$"
"""What Arrow reads exactly as `parse_instant` does."""


def _rfc3339(texts: Array, latest_ms: int) -> Array:
    """Milliseconds; null where a text needs a second look, and for all of them where Arrow refuses one."""
    usual = pc.match_substring_regex(texts, _USUAL)
    try:
        instants = pc.if_else(usual, texts, None).cast(pa.string()).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.nulls(len(texts), pa.int64())
    in_range = pc.and_(pc.greater_equal(instants, EARLIEST_MS), pc.less_equal(instants, latest_ms * 1000))
    return pc.if_else(in_range, pc.divide(instants, 1000), None)


_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True)
class Number:
    """A number within a measure's range. Values are integers of its scale, rounded as `to_scaled` rounds."""

    measure: Measure
    raw: pa.DataType = pa.binary()  # noqa: RUF009 - a type, not a call with state
    json: tuple[type, ...] = (int, float, Decimal)

    def __call__(self, texts: Array, now_ms: int) -> Judged:
        """Arrow casts slice by slice."""
        blank = pc.equal(pc.binary_length(texts), 0)
        filled = pc.if_else(blank, b"nan", texts) if pc.any(blank).as_py() else texts
        slices = [_floats(filled.slice(at, SLICE)) for at in range(0, len(texts), SLICE)]
        numbers = pa.concat_arrays(slices) if slices else pa.array([], pa.float64())
        measure = self.measure
        # NaN fails both comparisons, and so do infinities
        good = pc.and_(pc.greater_equal(numbers, measure.minimum), pc.less_equal(numbers, measure.maximum))
        reasons = {}
        if not pc.all(good).as_py():
            for row in pc.indices_nonzero(pc.invert(good)).to_pylist():
                reasons[row] = _reason(texts[row].as_py(), self._fault(numbers[row].as_py()))
            numbers = pc.if_else(good, numbers, 0.0)
        return Judged(_scaled(numbers, measure), reasons)

    def _fault(self, number: float) -> str:
        if math.isnan(number) or math.isinf(number):
            return "is not a finite number"
        return f"must be from {self.measure.minimum:g} to {self.measure.maximum:,g}"


def _scaled(numbers: Array, measure: Measure) -> Array:
    """As `wattline.domain.fleet.to_scaled`."""
    scaled = pc.multiply(numbers, float(measure.factor))
    if measure.minimum >= 0:
        return pc.floor(pc.add(scaled, 0.5)).cast(pa.int64())
    return pc.trunc(pc.add(scaled, pc.multiply(pc.sign(scaled), 0.5))).cast(pa.int64())


def _floats(texts: Array) -> Array:
    """Numbers; NaN for what is none."""
    try:
        # a view: what is no UTF-8 is no number either
        return texts.view(pa.string()).cast(pa.float64())
    except pa.ArrowInvalid:
        if len(texts) <= PARTS:
            return pa.array([_float(raw) for raw in texts.to_pylist()], pa.float64())
        part = -(-len(texts) // PARTS)
        return pa.concat_arrays([_floats(texts.slice(at, part)) for at in range(0, len(texts), part)])


def _float(raw: bytes) -> float:
    text = raw.decode(errors="replace")
    return float(text) if _NUMBER.fullmatch(text) else math.nan


@dataclass(frozen=True)
class Exactly:
    """A numeric text judged by a function of the domain that wants its digits; values are integers."""

    check: Callable[[str], int | None]
    raw: pa.DataType = DISTINCT
    json: tuple[type, ...] = (str, int, float, Decimal)

    def __call__(self, texts: Array, now_ms: int) -> Judged:
        """Each distinct text once."""
        values, bad = _each(texts.dictionary, self.check, 0)
        return Judged(pa.array(values, pa.int64()).take(texts.indices), _spread(texts, bad))
