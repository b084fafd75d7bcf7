"""A vendor's responses are judged point by point."""

from typing import Any

import pytest

from wattline.domain.batteries import MICRO, Description, Point
from wattline.domain.battery_responses import judge_assets, judge_telemetry
from wattline.domain.instants import parse_instant
from wattline.errors import InvalidRequest

NOW = parse_instant("2025-02-06T15:00:00Z")
THEN_S = 1_738_850_562


def telemetry(*data: Any, name: Any = "BatteryPowerW") -> dict[str, Any]:
    return {"series": [{"name": name, "data": list(data)}]}


def test_all_series_of_a_response_are_taken_with_their_positions() -> None:
    response = {
        "series": [
            {"name": "BatteryExportKwh", "data": [[THEN_S * 1000, 222300], [THEN_S * 1000 + 4000, 222300.12]]},
            {"name": "GridPowerW-mainmeter", "data": [[THEN_S * 1000, -1385]], "unit": "W"},
            {"name": "Empty", "data": []},
        ],
        "more": 1,
    }
    judged = judge_telemetry(response, NOW)
    assert judged.points == [
        Point("BatteryExportKwh", THEN_S * 1000, 222_300 * MICRO, 0),
        Point("BatteryExportKwh", THEN_S * 1000 + 4000, 222_300_120_000, 1),
        Point("GridPowerW-mainmeter", THEN_S * 1000, -1385 * MICRO, 2),
    ]
    assert (judged.read, judged.rejections) == (3, [])


@pytest.mark.parametrize(
    ("epoch", "ts_ms"),
    [
        (THEN_S * 1000, THEN_S * 1000),
        (THEN_S, THEN_S * 1000),
        (THEN_S + 0.25, THEN_S * 1000 + 250),
        (THEN_S * 1000.0, THEN_S * 1000),
        (THEN_S * 1000 + 0.75, THEN_S * 1000),
        (0, 0),
        (10**11 - 1, None),
        (10**11, 10**11),
    ],
)
def test_milliseconds_and_seconds_are_told_apart(epoch: float, ts_ms: int | None) -> None:
    judged = judge_telemetry(telemetry([epoch, 1]), NOW)
    assert [point.ts_ms for point in judged.points] == ([] if ts_ms is None else [ts_ms])


def test_points_may_be_unsorted_and_repeat_each_other() -> None:
    judged = judge_telemetry(telemetry([THEN_S + 4, 1], [THEN_S, 2], [THEN_S + 4, 1], [THEN_S, 3]), NOW)
    assert [(p.ts_ms // 1000 - THEN_S, p.value // MICRO, p.seq) for p in judged.points] == [
        (4, 1, 0), (0, 2, 1), (4, 1, 2), (0, 3, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ([THEN_S, None], "value: is null"),
        ([None, 1], "time: is null"),
        ([THEN_S, "1"], "value: is not a number"),
        ([THEN_S, True], "value: is not a number"),
        (["2025-02-06T14:00:00Z", 1], "time: is not a number"),
        ([THEN_S, float("nan")], "value: is not a finite number"),
        ([float("inf"), 1], "time: is not a finite number"),
        ([THEN_S, 1e300], "value: is beyond"),
        ([THEN_S, -(10**12)], "value: is beyond"),
        ([-1, 1], "before 1970"),
        ([-0.0001, 1], "before 1970"),
        ([NOW + 600_001, 1], "ahead"),
        ([10**400, 1], "ahead"),
        ([THEN_S], "pair"),
        ([THEN_S, 1, 2], "pair"),
        ({"time": THEN_S, "value": 1}, "pair"),
        (None, "pair"),
    ],
)
def test_a_bad_point_is_rejected_and_costs_no_good_one(item: Any, says: str) -> None:
    judged = judge_telemetry(telemetry([THEN_S, 1], item, [THEN_S + 1, 2]), NOW)
    assert [point.seq for point in judged.points] == [0, 2]
    (rejection,) = judged.rejections
    assert rejection.position == 1
    assert rejection.reason.startswith("BatteryPowerW: ")
    assert says in rejection.reason
    assert judged.read == 3


def test_what_is_just_not_ahead_is_taken() -> None:
    assert len(judge_telemetry(telemetry([NOW + 600_000, 1]), NOW).points) == 1


@pytest.mark.parametrize(
    ("name", "value", "is_good"),
    [
        ("StateOfChargePercentage", 100, True),
        ("StateOfChargePercentage", 100.1, False),
        ("StateOfChargePercentage", -0.1, False),
        ("GridImportKwh-mainmeter", 0, True),
        ("GridImportKwh-mainmeter", -0.1, False),
        ("BatteryPowerW", -5, True),
        ("BatteryPowerW", 999_999_999_999, True),
    ],
)
def test_charge_and_registers_have_their_limits(name: str, value: float, is_good: bool) -> None:
    judged = judge_telemetry(telemetry([THEN_S, value], name=name), NOW)
    assert (len(judged.points), len(judged.rejections)) == ((1, 0) if is_good else (0, 1))


@pytest.mark.parametrize(
    ("value", "micro"), [(1.0000005, 1_000_001), (-1.0000005, -1_000_001), (0.0000004, 0), (479186.66, 479_186_660_000)]
)
def test_values_are_rounded_half_away_from_zero_to_six_decimals(value: float, micro: int) -> None:
    assert [point.value for point in judge_telemetry(telemetry([THEN_S, value]), NOW).points] == [micro]


@pytest.mark.parametrize("name", [None, "", " x", "x ", "a\nb", "\ud800", "x" * 101, 3])
def test_a_series_without_a_good_name_is_one_rejection(name: Any) -> None:
    response = {
        "series": [*telemetry([THEN_S, 1], [THEN_S, 2], name=name)["series"], *telemetry([THEN_S, 5])["series"]]
    }
    judged = judge_telemetry(response, NOW)
    assert [(r.position, "name" in r.reason) for r in judged.rejections] == [(0, True)]
    assert [point.seq for point in judged.points] == [1]


@pytest.mark.parametrize("series", [None, 1, {"name": "x"}, {"name": "x", "data": {}}])
def test_a_series_that_is_none_is_one_rejection(series: Any) -> None:
    judged = judge_telemetry({"series": [series]}, NOW)
    assert (len(judged.rejections), judged.read) == (1, 1)


@pytest.mark.parametrize("response", [None, [], {}, {"series": {}}, {"items": []}, "x"])
def test_what_is_no_response_is_refused_with_its_shape(response: Any) -> None:
    with pytest.raises(InvalidRequest, match="series"):
        judge_telemetry(response, NOW)


def test_assets_are_taken_and_bad_ones_come_back() -> None:
    items = [
        {"deviceId": "b-1", "description": "Utrecht", "state": "Warning"},
        {"deviceId": 17},
        {"deviceId": "a/b"},
        {"description": "x"},
        "b-2",
        {"deviceId": "b-3", "state": 4},
        {"deviceId": "b-1", "description": "Zwolle", "state": None},
    ]
    judged = judge_assets({"totalCount": 7, "items": items}, 123)
    assert judged.assets == {"b-1": Description("Zwolle", None, 123, 6), "17": Description(None, None, 123, 1)}
    assert [rejection.position for rejection in judged.rejections] == [2, 3, 4, 5]
    assert judged.read == 7


@pytest.mark.parametrize("response", [None, [], {"items": None}, {"series": []}])
def test_what_is_no_list_of_assets_is_refused_with_its_shape(response: Any) -> None:
    with pytest.raises(InvalidRequest, match="items"):
        judge_assets(response, 0)
