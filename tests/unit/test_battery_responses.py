"""A vendor's responses are judged item by item."""

from decimal import Decimal
from typing import Any

import pytest

from wattline.domain.batteries import MICRO, Description, Point
from wattline.domain.battery_responses import SeriesJudge, judge_asset
from wattline.domain.instants import parse_instant

NOW = parse_instant("2025-02-06T15:00:00Z")
THEN_S = 1_738_850_562


def judged(item: Any, name: Any = "BatteryPowerW", seq: int = 0) -> Point:
    return SeriesJudge(name, NOW).point(item, seq)


def test_a_point_is_taken_exactly() -> None:
    assert judged([THEN_S * 1000, Decimal("222300.12")], "BatteryExportKwh", 7) == Point(
        "BatteryExportKwh", THEN_S * 1000, 222_300_120_000, 7
    )


@pytest.mark.parametrize(
    ("epoch", "ts_ms"),
    [
        (THEN_S * 1000, THEN_S * 1000),
        (THEN_S, THEN_S * 1000),
        (Decimal(THEN_S) + Decimal("0.25"), THEN_S * 1000 + 250),
        (THEN_S + 0.25, THEN_S * 1000 + 250),
        (THEN_S * 1000 + 0.75, THEN_S * 1000),
        (0, 0),
        (10**11, 10**11),
    ],
)
def test_milliseconds_and_seconds_are_told_apart(epoch: Any, ts_ms: int) -> None:
    assert judged([epoch, 1]).ts_ms == ts_ms


def test_the_greatest_epoch_in_seconds_lies_ahead() -> None:
    with pytest.raises(ValueError, match="ahead"):
        judged([10**11 - 1, 1])


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ([THEN_S, None], "value: is null"),
        ([None, 1], "time: is null"),
        ([THEN_S, "1"], "value: is not a number"),
        ([THEN_S, True], "value: is not a number"),
        ([THEN_S, [1]], "value: is not a number"),
        (["2025-02-06T14:00:00Z", 1], "time: is not a number"),
        ([THEN_S, float("nan")], "value: is not a finite number"),
        ([THEN_S, Decimal("Infinity")], "value: is not a finite number"),
        ([float("inf"), 1], "time: is not a finite number"),
        ([THEN_S, Decimal("1e999999999")], "value: has more than 18 digits"),
        ([Decimal("1e999999999"), 1], "time: has more than 18 digits"),
        ([THEN_S, -(10**12)], "value: is beyond"),
        ([THEN_S, 10**12], "value: is beyond"),
        ([-1, 1], "before 1970"),
        ([Decimal("-0.0001"), 1], "before 1970"),
        ([NOW + 600_001, 1], "ahead"),
        ([THEN_S], "pair"),
        ([THEN_S, 1, 2], "pair"),
        ({"time": THEN_S, "value": 1}, "pair"),
        (None, "pair"),
    ],
)
def test_a_bad_point_is_refused_with_its_series_and_a_reason(item: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refusal:
        judged(item)
    assert str(refusal.value).startswith("BatteryPowerW: ")


def test_what_is_just_not_ahead_is_taken() -> None:
    assert judged([NOW + 600_000, 1]).ts_ms == NOW + 600_000


@pytest.mark.parametrize(
    ("name", "value", "is_good"),
    [
        ("StateOfChargePercentage", 100, True),
        ("StateOfChargePercentage", Decimal("100.000001"), False),
        ("StateOfChargePercentage", Decimal("-0.1"), False),
        ("GridImportKwh-mainmeter", 0, True),
        ("GridImportKwh-mainmeter", Decimal("-0.1"), False),
        ("BatteryPowerW", -5, True),
        ("BatteryPowerW", 999_999_999_999, True),
    ],
)
def test_charge_and_registers_have_their_limits(name: str, value: Any, is_good: bool) -> None:
    if is_good:
        assert judged([THEN_S, value], name).value == value * MICRO
    else:
        with pytest.raises(ValueError, match="value"):
            judged([THEN_S, value], name)


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        (Decimal("1.0000005"), 1_000_001),
        (Decimal("-1.0000005"), -1_000_001),
        (Decimal("0.0000004"), 0),
        (479186.66, 479_186_660_000),
        (Decimal("999999999999.999999"), 999_999_999_999_999_999),
        (Decimal("0.00000049999999999999999999999999999999"), 0),
    ],
)
def test_values_are_rounded_once_half_away_from_zero(value: Any, micro: int) -> None:
    assert judged([THEN_S, value]).value == micro


@pytest.mark.parametrize("name", [None, "", " x", "x ", "a\nb", "\ud800", "x" * 101, 3])
def test_a_series_needs_a_printable_name(name: Any) -> None:
    with pytest.raises(ValueError, match="name"):
        judged([THEN_S, 1], name)


@pytest.mark.parametrize(
    ("item", "device_id", "text", "state"),
    [
        ({"deviceId": "b-1", "description": "Utrecht", "state": "Warning"}, "b-1", "Utrecht", "Warning"),
        ({"deviceId": 17, "more": []}, "17", None, None),
        ({"deviceId": "b", "description": None, "state": ""}, "b", None, ""),
    ],
)
def test_an_asset_is_taken(item: Any, device_id: str, text: str | None, state: str | None) -> None:
    assert judge_asset(item, 123, 4) == (device_id, Description(text, state, 123, 4))


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({"deviceId": "a/b"}, "deviceId"),
        ({"deviceId": True}, "deviceId"),
        ({"description": "x"}, "deviceId"),
        ("b-2", "deviceId"),
        ({"deviceId": "b-3", "state": 4}, "state"),
        ({"deviceId": "b-3", "description": "x" * 1_001}, "description"),
        ({"deviceId": "b-3", "description": "\ud800"}, "description"),
    ],
)
def test_a_bad_asset_is_refused_with_a_reason(item: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        judge_asset(item, 0, 0)
