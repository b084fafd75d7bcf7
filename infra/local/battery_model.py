"""A battery that ages at a known rate: what its vendor's API would say of it, the same for the same seed.

`python -m infra.local.battery_model FOLDER` writes a year as the vendor's responses, for `make sync-batteries`.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from wattline.domain.batteries import ENERGY_IN, ENERGY_OUT, STATE_OF_CHARGE
from wattline.domain.capacity import YEAR_MS
from wattline.domain.instants import DAY_MS, HOUR_MS, INTERVAL_MS, MINUTE_MS

HOURS = INTERVAL_MS / HOUR_MS


@dataclass(frozen=True)
class Truth:
    """What the readings hide: kWh that a full discharge delivers, its loss a year, and the round-trip efficiency."""

    capacity_kwh: float = 400.0
    fade_percent: float = 6.0
    efficiency: float = 0.88
    charge_noise: float = 0.3
    """Standard deviation of the battery's own estimate of its state of charge, %."""

    def capacity_after(self, elapsed_ms: float) -> float:
        """kWh, in a straight line from new."""
        return self.capacity_kwh * (1 - self.fade_percent / 100 * elapsed_ms / YEAR_MS)


@dataclass(frozen=True)
class Sample:
    """One moment's readings: registers in kWh, charge in whole %, power in W (positive: out)."""

    ts_ms: int
    energy_in: float
    energy_out: float
    charge: int
    power: int

    def by_metric(self) -> dict[str, float]:
        """Under the vendor's names."""
        return {
            ENERGY_IN: self.energy_in,
            ENERGY_OUT: self.energy_out,
            STATE_OF_CHARGE: self.charge,
            "BatteryPowerW": self.power,
        }


def simulate(truth: Truth, *, start_ms: int, days: int, seed: int) -> Iterator[Sample]:
    """A reading each quarter hour: charged at night, discharged in the evening, by another depth each day."""
    random = Random(seed)  # noqa: S311 - no secret
    charge, energy_in, energy_out = 50.0, 100_000.0, 90_000.0
    for day in range(days):
        floor, ceiling = random.uniform(10, 55), random.uniform(80, 98)
        charging_from, discharging_from = random.uniform(0, 4), random.uniform(15, 18)
        power = truth.capacity_kwh * random.uniform(0.18, 0.35)
        for quarter in range(DAY_MS // INTERVAL_MS):
            elapsed_ms = day * DAY_MS + quarter * INTERVAL_MS
            full, hour = truth.capacity_after(elapsed_ms), quarter * HOURS
            flow = 0.0
            if charging_from <= hour < charging_from + 8:
                flow = -min(power * HOURS, max(0.0, ceiling - charge) / 100 * full / truth.efficiency)
            elif discharging_from <= hour:
                flow = min(power * HOURS * random.uniform(0.6, 1.0), max(0.0, charge - floor) / 100 * full)
            charge -= 100 * (flow if flow > 0 else flow * truth.efficiency) / full
            energy_in, energy_out = energy_in + max(0.0, -flow), energy_out + max(0.0, flow)
            shown = round(min(100.0, max(0.0, charge + random.gauss(0, truth.charge_noise))))
            yield Sample(
                start_ms + elapsed_ms, round(energy_in, 2), round(energy_out, 2), shown, round(flow / HOURS * 1_000)
            )


def responses(device_id: str, samples: list[Sample]) -> tuple[dict[str, object], dict[str, object]]:
    """The list of assets, and the telemetry of this one."""
    assets = {"totalCount": 1, "items": [{"deviceId": device_id, "description": "An ageing battery", "state": "Ok"}]}
    readings = [(sample.ts_ms, sample.by_metric()) for sample in samples]
    names = readings[0][1] if readings else {}
    series = [{"name": name, "data": [[ts_ms, values[name]] for ts_ms, values in readings]} for name in names]
    return assets, {"series": series}


def main() -> None:
    """Write a folder like the one that `make sync-batteries` walks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    end_ms = int(time.time() * 1_000) // INTERVAL_MS * INTERVAL_MS - MINUTE_MS
    device_id = f"sim-battery-{asked.seed}"
    samples = list(simulate(Truth(), start_ms=end_ms - asked.days * DAY_MS, days=asked.days, seed=asked.seed))
    assets, telemetry = responses(device_id, samples)
    for name, content in (("assets/assets.json", assets), (f"telemetry/{device_id}.json", telemetry)):
        path = asked.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        print(f"wrote {path}")
    print(f"{len(samples):,} readings of {Truth()}")


if __name__ == "__main__":
    main()
