"""The laws of the autocorrelation, and hours from quarter hours."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattline.domain.autocorrelation import autocorrelation, hourly
from wattline.domain.instants import HOUR_MS, INTERVAL_MS
from wattline.domain.meter_series import MeterReading


def test_an_hour_needs_its_four_quarter_hours() -> None:
    quarters = [*range(8), 9, 10, 11, *range(16, 20)]
    readings = [MeterReading(5 * HOUR_MS + n * INTERVAL_MS, 10, "measured") for n in quarters]
    assert hourly(readings, 10) == [4.0, 4.0, None, None, 4.0]
    assert hourly([], 10) == []


def test_a_wave_of_24_hours_peaks_at_24() -> None:
    wave = [math.sin(hour / 24 * 2 * math.pi) for hour in range(24 * 14)]
    lags = {lag.hours: lag.correlation or 0 for lag in autocorrelation(wave)}
    assert lags[24] == pytest.approx(1)
    assert lags[12] == pytest.approx(-1)


@pytest.mark.parametrize("series", [[], [1.0], [2.0] * 50, [None] * 50, [0.1] * 50 + [None] * 50])
def test_what_does_not_vary_has_no_correlation(series: list[float | None]) -> None:
    assert all(lag.correlation is None for lag in autocorrelation(series, 10))


VALUES = st.lists(st.none() | st.floats(0, 1000, allow_subnormal=False), max_size=40)


@given(VALUES)
def test_it_is_a_correlation_of_the_pairs_there_are(series: list[float | None]) -> None:
    for lag in autocorrelation(series, 20):
        pairs = [
            (early, late)
            for early, late in zip(series, series[lag.hours :], strict=False)
            if early is not None and late is not None
        ]
        assert lag.pairs == len(pairs)
        assert lag.correlation is None or -1 <= lag.correlation <= 1
        assert (lag.band is None) == (len(pairs) < 2)


@given(st.lists(st.none() | st.integers(0, 1000), max_size=40), st.integers(1, 100), st.integers(0, 1000))
def test_neither_scale_nor_offset_matters(series: list[int | None], scale: int, offset: int) -> None:
    plain = autocorrelation(series, 10)
    moved = autocorrelation([None if value is None else value * scale + offset for value in series], 10)
    for one, other in zip(plain, moved, strict=True):
        assert one.correlation == pytest.approx(other.correlation, abs=1e-6)
