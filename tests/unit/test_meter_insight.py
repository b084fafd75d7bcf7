"""Two weeks of the sample meters against an independent computation in pandas, by the clocks of Zurich.

pandas has zone rules, grouping and correlation of its own; nothing is shared but the sample files.
"""

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.local.meter_model import EXPORT_METER, FOLDER, IMPORT_METER, render, sample_files
from tests.meter_fakes import FakeObisHistory, FakeSmartMeters, FakeTariffSets
from wattline.domain.energy import NANO
from wattline.domain.instants import FOREVER_MS, parse_instant
from wattline.domain.local_calendar import Days, Grain, LocalRange, time_zone
from wattline.domain.obis_readings import judge_item
from wattline.services.meter_readings import Include, MeterPage, MeterQuery, read_meter, reading_row

START, END = "2023-03-18T00:00:00Z", "2023-04-01T00:00:00Z"
NOW = parse_instant("2024-01-01T00:00:00Z")
FREQUENCIES = {Grain.QUARTER_HOUR: "15min", Grain.HOUR: "1h", Grain.DAY: "1D", Grain.WEEK: "W-MON", Grain.MONTH: "1MS"}


def items(muid: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{muid}.json").read_text())["data"]
    return found


def frame(muid: str) -> "pd.Series[float]":
    rows = {
        pd.Timestamp(item["timestamp"]): next(value for key, value in item.items() if key.startswith("01"))
        for item in items(muid)
    }
    return pd.Series(rows).sort_index().tz_convert("Europe/Zurich")


def read(muid: str, **changes: Any) -> MeterPage:
    readings = [reading for item in items(muid) for reading in judge_item(item, NOW).readings]
    history = FakeObisHistory([reading_row(each, NOW, 0) for each in readings])
    meters = FakeSmartMeters({muid: {each.code for each in readings}})
    query: dict[str, Any] = {
        "start": START,
        "end": END,
        "days": Days.ALL,
        "grain": None,
        "include": frozenset(),
        "limit": 10_000,
    } | changes
    whole = LocalRange(
        parse_instant(query["start"]), parse_instant(query["end"]), time_zone("Europe/Zurich"), query["days"]
    )
    asked = MeterQuery(muid, whole, whole.start_ms, None, query["grain"], query["include"], FOREVER_MS, query["limit"])
    return read_meter(asked, history=history, meters=meters, tariffs=FakeTariffSets())


def of_days(series: "pd.Series[float]", days: Days) -> "pd.Series[float]":
    index = pd.DatetimeIndex(series.index)
    if days is Days.ALL:
        return series
    kept: pd.Series[float] = series[(index.day_of_week < 5) == (days is Days.WEEKDAYS)]
    return kept


def test_the_sample_files_are_what_the_model_makes() -> None:
    for muid, made in sample_files().items():
        assert (FOLDER / f"{muid}.json").read_text() == render(made), "run `python -m infra.local.meter_model`"


@pytest.mark.parametrize("days", Days)
@pytest.mark.parametrize("grain", Grain)
@pytest.mark.parametrize("muid", [IMPORT_METER, EXPORT_METER])
def test_buckets_are_those_of_pandas(muid: str, grain: Grain, days: Days) -> None:
    found = read(muid, grain=grain, days=days).buckets
    series = of_days(frame(muid), days)
    if grain is Grain.WEEK:
        resampled = series.resample("W-MON", closed="left", label="left")
    else:
        resampled = series.resample(FREQUENCIES[grain])
    sums, counts = resampled.sum(), resampled.count()
    expected = {int(at.timestamp() * 1000): (sums[at], counts[at]) for at in sums.index if counts[at]}
    assert {each.start_ms: each.count for each in found if each.count} == {at: n for at, (_, n) in expected.items()}
    for each in found:
        if each.amount is not None:
            assert each.amount / NANO == pytest.approx(expected[each.start_ms][0])
        assert each.count <= each.expected


def test_the_sunday_of_the_change_has_92_quarter_hours_and_the_gap_shows() -> None:
    days = {each.start_ms: each for each in read(IMPORT_METER, grain=Grain.DAY).buckets}
    assert days[parse_instant("2023-03-25T23:00:00Z")].expected == 92
    with_gap = days[parse_instant("2023-03-22T23:00:00Z")]
    assert (with_gap.count, with_gap.expected, with_gap.by_quality) == (90, 96, {"measured": 87, "estimated": 3})


@pytest.mark.parametrize("days", Days)
def test_stats_and_patterns_are_those_of_pandas(days: Days) -> None:
    insight = read(IMPORT_METER, days=days, include=frozenset({Include.STATS, Include.HEATMAP})).insight
    assert insight is not None and insight.totals is not None and insight.patterns is not None
    series = of_days(frame(IMPORT_METER), days)
    totals, spread = insight.totals, insight.totals.spread
    assert spread is not None
    assert totals.amount / NANO == pytest.approx(series.sum())
    assert (spread.count, spread.minimum, spread.maximum) == (series.count(), series.min(), series.max())
    assert [spread.mean, spread.deviation] == pytest.approx([series.mean(), series.std()])
    hours = series.resample("1h").sum()
    assert totals.peak_hour is not None
    assert totals.peak_hour.start_ms == int(pd.DatetimeIndex(hours.index)[int(hours.argmax())].timestamp() * 1000)
    index = pd.DatetimeIndex(series.index)
    for hour, each in series.groupby(index.hour):
        found = insight.patterns.by_hour[int(str(hour))]
        assert found is not None
        assert [found.mean, found.deviation] == pytest.approx([each.mean(), each.std()])
        assert (found.minimum, found.maximum, found.count) == (each.min(), each.max(), each.count())
    for weekday, each in series.groupby(index.day_of_week):
        found = insight.patterns.by_weekday[int(str(weekday))]
        assert found is not None and found.mean == pytest.approx(each.mean())
    table = series.groupby([index.day_of_week, index.hour]).mean()
    for weekday in range(7):
        for hour in range(24):
            cell = insight.patterns.heatmap[weekday][hour]
            assert (cell is None) == ((weekday, hour) not in table.index)
            assert cell is None or cell.mean == pytest.approx(table[weekday, hour])


def test_the_gap_and_the_expected_readings_are_told() -> None:
    insight = read(IMPORT_METER, include=frozenset({Include.STATS})).insight
    assert insight is not None and insight.totals is not None
    (gap,) = insight.totals.gaps
    assert (gap.start_ms, gap.quarter_hours) == (parse_instant("2023-03-23T10:00:00Z"), 6)
    assert insight.totals.expected == sum(insight.totals.by_quality.values()) + 6 == 14 * 96


def test_autocorrelation_is_that_of_pandas_with_gaps_left_out_pairwise() -> None:
    insight = read(IMPORT_METER, include=frozenset({Include.AUTOCORRELATION})).insight
    assert insight is not None and insight.autocorrelation is not None
    resampled = frame(IMPORT_METER).tz_convert("UTC").resample("1h")
    hours = resampled.sum().where(resampled.count() == 4)
    for lag in insight.autocorrelation:
        assert lag.correlation == pytest.approx(hours.autocorr(lag.hours))
        pairs = int((hours.notna() & hours.shift(lag.hours).notna()).sum())
        assert lag.pairs == pairs
        assert lag.band == pytest.approx(1.96 / np.sqrt(pairs), rel=1e-4)
    assert len(insight.autocorrelation) == 168


def test_the_sun_comes_back_after_24_hours() -> None:
    insight = read(EXPORT_METER, include=frozenset({Include.AUTOCORRELATION})).insight
    assert insight is not None and insight.autocorrelation is not None
    by_lag = {lag.hours: lag.correlation or 0 for lag in insight.autocorrelation}
    assert by_lag[24] == max(by_lag[hours] for hours in range(12, 37))
    assert by_lag[12] < 0


def test_cost_is_that_of_pandas_in_exact_money() -> None:
    insight = read(IMPORT_METER, include=frozenset({Include.COST})).insight
    assert insight is not None and insight.cost is not None
    cost, series = insight.cost, frame(IMPORT_METER)
    index = pd.DatetimeIndex(series.index)
    is_high = (index.day_of_week < 5) & (index.hour >= 7) & (index.hour < 20)
    exact = [Decimal(str(value)) for value in series]
    high = sum((kwh for kwh, is_so in zip(exact, is_high, strict=True) if is_so), Decimal(0))
    low = sum(exact, Decimal(0)) - high
    assert cost.total == high * Decimal("0.32") + low * Decimal("0.22")
    assert cost.saving == high * Decimal("0.10")
    assert cost.if_all_high == (high + low) * Decimal("0.32")
    assert [(line.period.value, line.amount) for line in cost.lines] == [
        ("high", int(high * NANO)),
        ("low", int(low * NANO)),
    ]
    assert sum(line.share for line in cost.lines) == pytest.approx(1)
