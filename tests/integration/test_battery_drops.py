"""Batteries' responses through the loader's own entry, on moto: what is stored, what is rejected, what is live."""

import gzip
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.loader import Loader, counts, running_loader
from wattline.adapters import drops
from wattline.domain.batteries import Battery
from wattline.domain.loads import Load

THEN = 1_738_850_562_000
KEY = "drops/battery/telemetry/b-1.json"


@pytest.fixture
def loader() -> Iterator[Loader]:
    with running_loader() as running:
        yield running


def series(name: Any, *data: Any) -> dict[str, Any]:
    return {"name": name, "data": list(data)}


def telemetry(loader: Loader, *of: Any, key: str = KEY) -> Load:
    return loader.drop(json.dumps({"series": of}), key)


def stored(loader: Loader) -> list[tuple[str, str, str, float, int]]:
    return sorted(
        (row["device_id"], row["metric"], str(row["ts"]), float(row["value"]), row["seq"])
        for row in loader.rows("battery_telemetry")
    )


def live(loader: Loader, device_id: str = "b-1") -> dict[str, float]:
    battery = loader.means.stores.batteries.get(device_id) or Battery(device_id)
    return {name: latest.value / 1e6 for name, latest in battery.latest.items()}


def test_every_series_goes_to_the_history_and_its_latest_point_to_the_live_state(loader: Loader) -> None:
    load = telemetry(
        loader,
        series("BatteryExportKwh", [THEN + 4_000, 222300.12], [THEN, 222300]),
        series("BatteryPowerW", [THEN / 1000, -1350]),
        series("Empty"),
    )
    assert counts(load) == ("complete", 3, 3, 0)
    assert stored(loader) == [
        ("b-1", "BatteryExportKwh", "2025-02-06 14:02:42", 222300.0, 1),
        ("b-1", "BatteryExportKwh", "2025-02-06 14:02:46", 222300.12, 0),
        ("b-1", "BatteryPowerW", "2025-02-06 14:02:42", -1350.0, 2),
    ]
    assert live(loader) == {"BatteryExportKwh": 222300.12, "BatteryPowerW": -1350}


def test_bad_points_are_rejected_by_their_position_and_cost_no_good_one(loader: Loader) -> None:
    load = telemetry(
        loader,
        series("P", [THEN, 1], [THEN + 1, None], [THEN + 2], "x", {"a": [1]}, [THEN + 3, 4]),
        series(None, [THEN, 1], [THEN + 1, 2]),
        {"name": "no list", "data": {"a": [1, 2]}},
        7,
        [[1, 2]],
        {"data": [[THEN, 5.5]], "unit": "W", "name": "named at the end"},
    )
    assert counts(load) == ("complete_with_rejects", 12, 3, 9)
    told = [(int(each["line"]), each["reason"].split(":")[0], each["raw"]) for each in loader.rejects(load)]
    assert told == [
        (2, "P", f"[{THEN + 1}, null]"),
        (3, "P", f"[{THEN + 2}]"),
        (4, "P", '"x"'),
        (5, "P", '{"a": [1]}'),
        (7, "name", f"[{THEN}, 1]"),
        (8, "name", f"[{THEN + 1}, 2]"),
        (9, "no list", ""),
        (10, "a series", ""),
        (11, "a series", ""),
    ]
    assert all(each["reason"].endswith("has no list of data") for each in loader.rejects(load)[-3:])
    assert [(metric, value, seq) for _, metric, _, value, seq in stored(loader)] == [
        ("P", 1.0, 0),
        ("P", 4.0, 5),
        ("named at the end", 5.5, 11),
    ]


def test_of_points_about_one_moment_the_last_of_the_response_is_live(loader: Loader) -> None:
    telemetry(loader, series("P", [THEN, 1], [THEN, 2]))
    assert live(loader) == {"P": 2}


def test_numbers_that_fit_nowhere_cost_their_own_point_only(loader: Loader) -> None:
    text = f'{{"series": [{{"name": "P", "data": [[{THEN}, 1e999999999], [{"9" * 400}, 1], [{THEN}, 2.5]]}}]}}'
    load = loader.drop(text, KEY)
    assert counts(load) == ("complete_with_rejects", 3, 1, 2)
    assert live(loader) == {"P": 2.5}


def test_a_large_response_is_stored_in_blocks(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattline.loading.kinds.batteries.POINTS", 7)
    load = telemetry(loader, *(series(f"m{n}", *([THEN + 1_000 * t, n * t] for t in range(10))) for n in range(5)))
    assert counts(load) == ("complete", 50, 50, 0)
    assert [seq for *_, seq in stored(loader)] == list(range(50))
    assert live(loader) == {f"m{n}": 9 * n for n in range(5)}


def test_the_same_response_again_changes_nothing(loader: Loader) -> None:
    first = telemetry(loader, series("P", [THEN, 1]))
    assert telemetry(loader, series("P", [THEN, 1])) == first
    assert len(stored(loader)) == 1


@pytest.mark.parametrize(
    ("key", "device_id"),
    [
        ("drops/battery/telemetry/b-1.json.gz", "b-1"),
        ("drops/battery/telemetry/b-1/2025-02-06.json.gz", "b-1"),
        ("drops/battery/telemetry/B.JSON.GZ", "B"),
        ("drops/battery/telemetry/b.json.x.json.gz", "b.json.x"),
    ],
)
def test_the_key_tells_the_battery(loader: Loader, key: str, device_id: str) -> None:
    body = gzip.compress(json.dumps({"series": [series("P", [THEN, 1])]}).encode())
    assert loader.drop(body, key).reason is None
    assert live(loader, device_id) == {"P": 1}


@pytest.mark.parametrize(
    ("key", "content", "says"),
    [
        (KEY, "{", "not JSON"),
        (KEY, '{"series": [{"name": "P", "data": [[1738850562000, 1], [1738850562000,', "not JSON"),
        (KEY, '{"items": []}', "list of series"),
        (KEY, '{"series": {}}', "list of series"),
        (KEY, "[]", "list of series"),
        (KEY, "", "empty"),
        ("drops/battery/telemetry/a b.json", '{"series": []}', "<deviceId>.json"),
        ("drops/battery/telemetry/b.csv", "deviceId,value\n", ".json"),
        ("drops/battery/assets/assets.csv", "deviceId\n", ".json"),
        ("drops/battery/assets/assets.json", '{"series": []}', "list of items"),
        ("drops/battery/assets/assets.json", '{"items": [{"deviceId": "b"}', "not JSON"),
    ],
)
def test_what_is_no_response_fails_with_its_reason_and_stores_nothing(
    loader: Loader, key: str, content: str, says: str
) -> None:
    load = loader.drop(content, key)
    assert load.state.value == "failed"
    assert load.reason is not None
    assert says in load.reason
    assert stored(loader) == []
    assert loader.means.stores.batteries.page(after=None, limit=10).batteries == []


def test_assets_are_listed_with_what_the_vendor_says_of_them(loader: Loader) -> None:
    items = [
        {"deviceId": "b-1", "description": "Utrecht", "state": "Warning"},
        {"deviceId": "a/b"},
        {"deviceId": 17},
        {"deviceId": "b-1", "description": "Zwolle", "state": "Ok"},
    ]
    load = loader.drop(json.dumps({"totalCount": 4, "items": items}), "drops/battery/assets/assets.json")
    assert counts(load) == ("complete_with_rejects", 4, 3, 1)
    assert [(each["line"], each["raw"]) for each in loader.rejects(load)] == [("2", '{"deviceId": "a/b"}')]
    page = loader.means.stores.batteries.page(after=None, limit=10).batteries
    described = {battery.device_id: battery.description for battery in page}
    assert described.keys() == {"b-1", "17"}
    assert described["b-1"] is not None
    assert (described["b-1"].text, described["b-1"].state) == ("Zwolle", "Ok")


def test_a_state_that_comes_back_holds_again_though_the_file_is_an_earlier_one(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def assets(state: str) -> str:
        return json.dumps({"items": [{"deviceId": "b-1", "state": state}, {"deviceId": "?"}]})

    def held() -> str | None:
        (battery,) = loader.means.stores.batteries.page(after=None, limit=10).batteries
        assert battery.description is not None
        return battery.description.state

    key = "drops/battery/assets/{}.json".format
    seconds = count(1_700_000_000)
    monkeypatch.setattr(drops, "_milliseconds", lambda _: next(seconds) * 1_000)
    first = loader.drop(assets("ok"), key("ok"))
    loader.drop(assets("fault"), key("fault"))
    assert held() == "fault"
    assert loader.drop(assets("ok"), key("ok")) == first, "the load is the one that was"
    assert held() == "ok"
    loader.drop(assets("fault"), key("ok"))  # the same name, other content
    loader.drop(assets("ok"), key("ok"))
    assert held() == "ok"


def test_a_low_charge_anywhere_in_a_file_raises_an_alert_and_the_same_file_again_changes_nothing(
    loader: Loader,
) -> None:
    def open_alerts() -> list[tuple[str, str, float]]:
        page = loader.means.stores.alerts.page(rule="low_soc", state=None, after=None, limit=10)
        return [(alert.device.id, alert.state.value, alert.value) for alert in page.alerts]

    charge = series("StateOfChargePercentage", [THEN + 120_000, 21], [THEN + 60_000, 15], [THEN, 80])
    telemetry(loader, charge)
    assert open_alerts() == [("b-1", "firing", 15)]
    late = series("StateOfChargePercentage", [THEN - 60_000, 90])
    telemetry(loader, late, charge)
    assert open_alerts() == [("b-1", "firing", 15)]
    telemetry(loader, series("StateOfChargePercentage", [THEN + 180_000, 60]))
    assert open_alerts() == []
