"""The judges of columns say what the domain's functions say of each text, whatever stands beside it."""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wattline.domain import fleet
from wattline.domain.energy_post import NUMERIC
from wattline.domain.fleet import Measure, to_scaled
from wattline.domain.ids import ID_PATTERN
from wattline.domain.instants import FOREVER_MS, format_instant, parse_instant, reading_instant
from wattline.loading import judging
from wattline.loading.judging import Identifier, Instant, Judge, Number

NOW = parse_instant("2024-06-14T12:00:00Z")
SETTINGS = settings(max_examples=100)


def judged(judge: Judge, texts: list[str]) -> list[Any]:
    """The value of each text, None where there is a reason."""
    raw = pa.array([text.encode() for text in texts], pa.binary()).cast(judge.raw)
    found = judge(raw, NOW)
    values = found.values.to_pylist()
    assert len(values) == len(texts)
    return [None if row in found.reasons else value for row, value in enumerate(values)]


def expected(check: Callable[[str], Any], texts: list[str]) -> list[Any]:
    def value(text: str) -> Any:
        try:
            return check(text)
        except ValueError:
            return None

    return [value(text) for text in texts]


@pytest.fixture(autouse=True, scope="module", params=[3, 1024])
def _slices(request: pytest.FixtureRequest) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "SLICE", request.param)
        yield


def mutated(texts: st.SearchStrategy[str], letters: str) -> st.SearchStrategy[str]:
    """Texts, some with a letter put in, replaced or taken out."""

    def change(text: str, at: int, letter: str, kind: int) -> str:
        at %= len(text) + 1
        return text[:at] + letter + text[at + kind :]

    changes = st.builds(change, texts, st.integers(0, 40), st.sampled_from([*letters, ""]), st.integers(0, 1))
    return st.one_of(texts, changes)


moments = st.builds(
    lambda instant, form: form(format_instant(instant)),
    st.integers(-(10**10), FOREVER_MS),
    st.sampled_from([
        lambda text: text,
        lambda text: text.replace("T", " "),
        lambda text: text.replace(":", "-"),
        lambda text: text.lower(),
        lambda text: text.replace("Z", "+02:00"),
        lambda text: text.replace("Z", "-23:59"),
        lambda text: text.replace("Z", "+24:00"),
        lambda text: text.replace("Z", "+0200"),
        lambda text: text.replace("Z", "+02"),
        lambda text: text.replace("Z", ""),
        lambda text: text.replace("Z", ".123456789Z"),
        lambda text: text.replace("Z", ".1Z"),
        lambda text: text.replace("Z", "123Z"),
    ]),
)  # fmt: skip
times = mutated(moments, "0129:-+.TZ tz")


@SETTINGS
@given(st.lists(st.one_of(times, st.text(max_size=30)), max_size=20))
@example(["2024-02-29T24:00:00Z", "2023-02-29T00:00:00Z", "2024-06-14T11:59:60Z", "9999-01-01T00:00:00Z"])
@example(["2024-06-14T12:10:00.0009Z", "2024-06-14T12:10:00.001Z", "2024-06-14T12:10:00Z"])
@example(["1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00+00:01", "0000-01-01T00:00:00Z"])
@example(["2024-06-14T12:00:00\n", "2024-06-14T12:00:00Z\n", "2024-06-14T12:00:00.Z", "", "\x00"])
def test_times_are_read_as_the_domain_reads_them(texts: list[str]) -> None:
    # the form with " UTC" is the files' own
    texts = [text for text in texts if not text.endswith(" UTC")]
    assert judged(Instant(), texts) == expected(lambda text: reading_instant(text, NOW), texts)
    assert judged(Instant(may_lie_ahead=True), texts) == expected(lambda text: reading_instant(text, FOREVER_MS), texts)


@SETTINGS
@given(st.lists(times, max_size=10))
def test_utc_spelled_out_is_z(texts: list[str]) -> None:
    texts = [text[:-1] for text in texts]
    spelled = judged(Instant(), [f"{text} UTC" for text in texts])
    assert spelled == expected(lambda text: reading_instant(text, NOW), [f"{text}Z" for text in texts])


MEASURES = [
    fleet.SOC,
    fleet.KWH_DC,
    fleet.BATTERY_TEMP,
    Measure("wide", "any", 3, -1e12, 1e12),
]


def number(text: str, measure: Measure) -> int:
    """A text judged as the domain judges numbers."""
    if not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", text, re.ASCII):
        raise ValueError(text)
    value = float(text)
    if not measure.minimum <= value <= measure.maximum:
        raise ValueError(text)
    return to_scaled(value, measure)


numbers = st.one_of(
    st.floats().map(str),
    st.floats(-200, 2000).map(str),
    st.integers(-(10**30), 10**30).map(str),
    st.decimals(-100, 1000, places=3).map(str),
    st.tuples(st.integers(-(10**6), 10**6), st.sampled_from([0.005, 0.4999999999999999, 0.5])).map(
        lambda parts: repr(parts[0] / 100 + parts[1] / 100)
    ),
)


@SETTINGS
@given(st.lists(st.one_of(mutated(numbers, "0159+-.eE_ ,xn"), st.text(max_size=12)), max_size=20))
@example(
    [".5", "5.", "+5", " 5 ", "5e0", "5E+00", "-0", "--5", ".", "e5", "5e", "1_0", "0x1", "inf", "nan", "Infinity"]
)
@example(["0.49999999999999994", "0.00499999999999999", "-0.005", "0.005", "-59.995", "1" * 60, "0." + "1" * 60, "٣"])
@example(["5\n", "5\x00", "5\x1c", "5\u00a0", "\t5", "5d", "5f", "1e-400", "1e308", "1e400"])
def test_numbers_are_read_and_rounded_as_the_domain_does(texts: list[str]) -> None:
    for measure in MEASURES:
        assert judged(Number(measure), texts) == expected(lambda text, m=measure: number(text, m), texts)  # type: ignore[misc]


@SETTINGS
@given(st.lists(st.one_of(numbers, st.text(max_size=8)), max_size=20))
def test_every_numeric_text_of_a_post_is_a_number_of_a_file(texts: list[str]) -> None:
    texts = [text for text in texts if NUMERIC.fullmatch(text) and -1e15 <= float(text) <= 1e15]
    assert None not in judged(Number(Measure("wide", "any", 0, -1e15, 1e15)), texts)


@SETTINGS
@given(
    st.lists(st.one_of(st.text("aZ0_.:- /é\n", max_size=5), st.text(max_size=66), st.just("x" * 64), st.just("x" * 65)))
)
@example(["a\n", "ä", "", " a", "a.b_c:d-e", "a\x00"])
def test_ids_are_those_of_the_pattern(texts: list[str]) -> None:
    def check(text: str) -> str:
        if re.fullmatch(ID_PATTERN, text):
            return text
        raise ValueError(text)

    assert judged(Identifier(), texts) == expected(check, texts)
