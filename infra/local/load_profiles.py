"""Load profiles to explore, from files as a smart-meter API writes them or from a deployment of wattline."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from infra.local.processes import LocalRunError
from wattline.domain.energy import NANO
from wattline.domain.instants import INTERVAL_MS, parse_instant
from wattline.domain.meter_series import MeterReading
from wattline.domain.obis import ObisCode, parse_obis
from wattline.domain.obis_readings import judge_item
from wattline.runtime.clock import now_ms


@dataclass(frozen=True)
class LoadProfile:
    """The readings of a meter's register, by time."""

    muid: str
    code: ObisCode
    readings: list[MeterReading]

    @property
    def end_ms(self) -> int:
        """The end of the last quarter hour."""
        return self.readings[-1].ts_ms + INTERVAL_MS


def from_files(folder: Path) -> Iterator[LoadProfile]:
    """Every register of every `*.json` of a folder. Raises LocalRunError when there is none."""
    registers: dict[tuple[str, ObisCode], dict[int, MeterReading]] = {}
    for path in sorted(folder.glob("*.json")):
        for item in json.loads(path.read_text(), parse_float=Decimal)["data"]:
            for reading in judge_item(item, now_ms()).readings:
                said = MeterReading(reading.ts_ms, reading.amount, reading.quality)
                registers.setdefault((reading.muid, reading.code), {})[reading.ts_ms] = said
    if not registers:
        raise LocalRunError(f"there are no readings in {folder}/*.json; say SOURCE=<folder or address of an API>")
    for (muid, code), by_time in registers.items():
        if code.is_load_profile:
            yield LoadProfile(muid, code, [by_time[ts] for ts in sorted(by_time)])


def from_api(url: str, token: str, muids: list[str], start: str, end: str) -> Iterator[LoadProfile]:
    """The readings of some meters, read page by page. Raises LocalRunError."""
    if not (muids and start and end):
        raise LocalRunError("an API needs to be told what to read: MUIDS=a,b START=2023-02-01T00:00:00Z END=...")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        for muid in muids:
            pages = list(_pages(client, {"muid": muid, "start": start, "end": end}))
            readings = [_reading(bucket) for page in pages for bucket in page["data"]]
            if not readings:
                raise LocalRunError(f"meter {muid} has no readings from {start} to {end}")
            yield LoadProfile(muid, parse_obis(pages[0]["register"]["code"]), readings)


def _pages(client: httpx.Client, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        answer = client.get("/v1/meter_readings", params={**query, **({"cursor": cursor} if cursor else {})})
        if answer.status_code != httpx.codes.OK:
            raise LocalRunError(f"the API answered {answer.status_code}: {answer.text}")
        page: dict[str, Any] = json.loads(answer.text, parse_float=Decimal)
        yield page
        cursor = page["next_cursor"]


def _reading(bucket: Mapping[str, Any]) -> MeterReading:
    (quality,) = bucket["by_quality"]
    return MeterReading(parse_instant(bucket["start"]), int(bucket["value"] * NANO), quality)
