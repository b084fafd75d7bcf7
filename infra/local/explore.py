"""`make explore`: draw what load profiles tell, and print the figures behind it.

The numbers are those of the product: the same functions that answer `GET /v1/meter_readings?include=...`.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infra.local.cloud import ROOT
from infra.local.load_profiles import LoadProfile, from_api, from_files
from infra.local.processes import LocalRunError
from wattline.domain.autocorrelation import Lag, autocorrelation, hourly
from wattline.domain.energy import NANO
from wattline.domain.local_calendar import WEEKDAYS, LocalRange, local, time_zone
from wattline.domain.meter_series import MeterReading, Patterns, Totals, patterns, totals
from wattline.domain.tariffs import SWISS_DUAL, cost_of, shown

QUARTER_HOURS_AN_HOUR = 4
BANDS_KW = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Lower edges; power is the mean of a quarter hour."""

BLUE, ORANGE, GREY = "#33658a", "#e07a1f", "#999999"


def main() -> int:
    """Exit code 0, or 1 with a message that says what to do."""
    asked = _arguments()
    try:
        zone = time_zone(asked.tz)
        asked.out.mkdir(parents=True, exist_ok=True)
        for profile in _profiles(asked):
            path = asked.out / f"{profile.code.direction}-{profile.muid[:8]}.png"
            _draw(profile, zone, asked.tz).savefig(path, dpi=80)
            print("\n".join(_told(profile, zone)))
            print(f"figure: {path}\n")
    except (LocalRunError, ValueError) as error:
        print(f"wattline: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="a folder of *.json, or the address of an API")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tz", default="Europe/Zurich")
    parser.add_argument("--muids", default="")
    parser.add_argument("--start", default="")
    parser.add_argument("--end", default="")
    return parser.parse_args()


def _profiles(asked: argparse.Namespace) -> Iterable[LoadProfile]:
    if not asked.source.startswith(("http://", "https://")):
        return from_files(Path(asked.source))
    muids = [muid for muid in asked.muids.split(",") if muid]
    return from_api(asked.source, _token(), muids, asked.start, asked.end)


def _token() -> str:
    """`TOKEN`, or the local stack's."""
    if token := os.environ.get("TOKEN"):
        return token
    try:
        return str(json.loads((ROOT / ".local" / "outputs.json").read_text())["token"])
    except FileNotFoundError as error:
        raise LocalRunError("say TOKEN=<token>, or start the local stack with `make up`") from error


def _told(profile: LoadProfile, zone: tzinfo) -> list[str]:
    """A line a finding."""
    readings = profile.readings
    all_of = _totals(profile, zone)
    spread = all_of.spread
    lags = {lag.hours: lag for lag in autocorrelation(hourly(readings, NANO))}
    found = f"{len(readings):,} readings of {all_of.expected:,}, {len(all_of.gaps)} gaps"
    lines = [
        f"{profile.muid}: {profile.code.dotted} ({profile.code.quantity_name}, {profile.code.direction})",
        f"  {all_of.amount / NANO:.10g} kWh in {found}",
    ]
    if spread is not None and all_of.peak_hour is not None:
        peak = local(all_of.peak_hour.start_ms, zone)
        lines += [
            f"  a quarter hour: {spread.minimum:g} to {spread.maximum:g} kWh, mean {spread.mean:.4f}",
            f"  the highest hour: {peak:%Y-%m-%d %H:%M}, {(all_of.peak_hour.amount or 0) / NANO:.4f} kWh",
        ]
    for hours in (1, 12, 24, 48, 168):
        lag = lags[hours]
        if lag.correlation is not None:
            lines.append(
                f"  autocorrelation at {hours} h: {lag.correlation:+.3f} (n {lag.pairs}, 95 % +-{lag.band:.3f})"
            )
    for lower, time_share, energy_share in bands(readings):
        lines.append(f"  from {lower:g} kW: {time_share:6.1%} of the time, {energy_share:6.1%} of the energy")
    direction = profile.code.direction
    if direction is not None:
        cost = cost_of(readings, readings[0].ts_ms, profile.end_ms, direction, [SWISS_DUAL])
        parts = ", ".join(f"{line.period} {line.amount / NANO:g} kWh ({line.share:.1%})" for line in cost.lines)
        lines.append(f"  at the {SWISS_DUAL.name}: {shown(cost.total)} {cost.currency}: {parts}")
    return lines


def bands(readings: Sequence[MeterReading]) -> list[tuple[float, float, float]]:
    """By the lower edge of a band of power: its share of the time and of the energy."""
    total = sum(reading.amount for reading in readings)
    found = []
    for lower, upper in zip(BANDS_KW, (*BANDS_KW[1:], float("inf")), strict=True):
        inside = [each.amount for each in readings if lower <= each.amount * QUARTER_HOURS_AN_HOUR / NANO < upper]
        found.append((lower, len(inside) / len(readings), sum(inside) / total if total else 0.0))
    return found


def _totals(profile: LoadProfile, zone: tzinfo) -> Totals:
    return totals(profile.readings, LocalRange(profile.readings[0].ts_ms, profile.end_ms, zone), NANO)


def _draw(profile: LoadProfile, zone: tzinfo, zone_name: str) -> Figure:
    mpl.use("Agg")
    figure = Figure(figsize=(11, 10), layout="constrained")
    total = sum(reading.amount for reading in profile.readings) / NANO
    figure.suptitle(f"{profile.code.dotted}  {profile.code.direction}  {total:.2f} kWh, {zone_name}")
    (by_hour, by_weekday), (heat, duration), (correlation, shares) = figure.subplots(3, 2)
    found = patterns(profile.readings, zone, NANO)
    _draw_hours(by_hour, found)
    _draw_weekdays(by_weekday, found)
    _draw_heatmap(heat, figure, found)
    _draw_duration(duration, profile.readings)
    _draw_autocorrelation(correlation, autocorrelation(hourly(profile.readings, NANO)))
    _draw_bands(shares, profile.readings)
    return figure


def _draw_hours(axes: Axes, found: Patterns) -> None:
    hours = [(hour, each) for hour, each in enumerate(found.by_hour) if each]
    means = [each.mean * QUARTER_HOURS_AN_HOUR for _, each in hours]
    axes.bar([hour for hour, _ in hours], means, color=BLUE)
    axes.set(title="mean power by hour of the day", xlabel="hour, local", ylabel="kW", xlim=(-0.6, 23.6))


def _draw_weekdays(axes: Axes, found: Patterns) -> None:
    days = [(name[:3], each) for name, each in zip(WEEKDAYS, found.by_weekday, strict=True) if each]
    axes.bar([name for name, _ in days], [each.mean * QUARTER_HOURS_AN_HOUR for _, each in days], color=BLUE)
    axes.set(title="mean power by weekday", ylabel="kW")


def _draw_heatmap(axes: Axes, figure: Figure, found: Patterns) -> None:
    cells = [
        [float("nan") if cell is None else cell.mean * QUARTER_HOURS_AN_HOUR for cell in row] for row in found.heatmap
    ]
    image = axes.imshow(cells, aspect="auto", cmap="viridis")
    axes.set(title="mean power by weekday and hour, kW", xlabel="hour, local")
    axes.set_yticks(range(len(WEEKDAYS)), [name[:3] for name in WEEKDAYS])
    figure.colorbar(image, ax=axes)


def _draw_duration(axes: Axes, readings: Sequence[MeterReading]) -> None:
    powers = sorted((reading.amount * QUARTER_HOURS_AN_HOUR / NANO for reading in readings), reverse=True)
    axes.plot([100 * position / len(powers) for position in range(len(powers))], powers, color=BLUE)
    axes.set(title="load duration", xlabel="% of the time above", ylabel="kW", ylim=(0, None))


def _draw_autocorrelation(axes: Axes, lags: Sequence[Lag]) -> None:
    known = [lag for lag in lags if lag.correlation is not None and lag.band is not None]
    hours = [lag.hours for lag in known]
    axes.plot(hours, [lag.correlation or 0 for lag in known], color=BLUE)
    band = [lag.band or 0 for lag in known]
    axes.fill_between(hours, [-each for each in band], band, color=GREY, alpha=0.4, label="95 % without memory")
    axes.set_xticks(range(0, 169, 24))
    axes.axhline(0, color=GREY, linewidth=0.5)
    axes.set(title="autocorrelation of hourly energy", xlabel="lag in hours")
    axes.legend(loc="upper right")


def _draw_bands(axes: Axes, readings: Sequence[MeterReading]) -> None:
    found = bands(readings)
    places = range(len(found))
    axes.bar([place - 0.2 for place in places], [100 * time for _, time, _ in found], 0.4, color=GREY, label="time")
    axes.bar([place + 0.2 for place in places], [100 * kwh for *_, kwh in found], 0.4, color=ORANGE, label="energy")
    axes.set_xticks(list(places), [f"{lower:g}" for lower, *_ in found])
    axes.set(title="load bands", xlabel="from kW", ylabel="%")
    axes.legend()


if __name__ == "__main__":
    sys.exit(main())
