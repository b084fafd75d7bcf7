"""Judging the items of a smart-meter API."""

from decimal import Decimal
from typing import Any

import pytest

from wattline.domain.instants import parse_instant
from wattline.domain.obis import parse_obis
from wattline.domain.obis_readings import JudgedItem, ObisReading, judge_item

NOW = parse_instant("2023-03-01T00:00:00Z")
LAST = parse_instant("2023-02-28T23:45:00Z")
IMPORT = "0100011D00FF"


def item(**overrides: Any) -> dict[str, Any]:
    tags = {"muid": "m-1", "quality": "measured"}
    return {"measurement": "energy", "timestamp": "2023-02-28T23:45:00.000Z", "tags": tags, IMPORT: 0.0117} | overrides


def judge(**overrides: Any) -> JudgedItem:
    return judge_item(item(**overrides), NOW)


def test_a_good_item_is_a_reading_for_each_register() -> None:
    found = judge(**{"1-0:2.29.0": "0.5", "0100010800FF": Decimal("12.25")})
    assert found.reasons == ()
    assert [(each.code.dotted, each.amount) for each in found.readings] == [
        ("1-0:1.29.0*255", 11_700_000),
        ("1-0:2.29.0*255", 500_000_000),
        ("1-0:1.8.0*255", 12_250_000_000),
    ]
    assert found.readings[0] == ObisReading("m-1", LAST, parse_obis(IMPORT), 11_700_000, "measured")


def test_an_unknown_code_is_kept_and_a_quality_may_be_missing() -> None:
    found = judge(tags={"muid": "m"}, **{"01006363FF01": 5})
    assert [each.quality for each in found.readings] == ["unspecified"] * 2


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({IMPORT: None}, f"{IMPORT}: is null"),
        ({IMPORT: True}, f"{IMPORT}: is a boolean"),
        ({IMPORT: -0.1}, f"{IMPORT}: is negative"),
        ({IMPORT: float("nan")}, f"{IMPORT}: is not a finite number"),
        ({IMPORT: Decimal("Infinity")}, f"{IMPORT}: is text that is not a number"),
        ({IMPORT: "N/A"}, f"{IMPORT}: is text that is not a number"),
        ({IMPORT: 1e12}, f"{IMPORT}: is more than"),
        ({"note": 1}, "note: is not an OBIS code"),
        ({"1-0:1.29.0": 3}, "1-0:1.29.0: is the same register as another key"),
    ],
)
def test_a_bad_register_never_stops_a_good_one(overrides: dict[str, Any], reason: str) -> None:
    found = judge(**{"0100021D00FF": 0} | overrides)
    assert "1-0:2.29.0*255" in [each.code.dotted for each in found.readings]
    (said,) = found.reasons
    assert said.startswith(reason)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("no object", "is not an object"),
        (item(measurement="power"), "measurement: must be energy"),
        (item(tags=None), "tags: is missing"),
        (item(tags={}), "tags.muid: must match"),
        (item(tags={"muid": "a/b"}), "tags.muid: must match"),
        (item(tags={"muid": "m", "quality": 7}), "tags.quality: must match"),
        (item(timestamp=None), "timestamp: is not a text"),
        (item(timestamp="2023-03-01T00:15:00Z"), "timestamp: lies more than 10 minutes ahead"),
        (item(timestamp="2023-02-28T23:50:00Z"), f"{IMPORT}: is a load profile"),
        ({key: value for key, value in item().items() if key != IMPORT}, "holds no register"),
    ],
)
def test_a_bad_item_is_told_apart(bad: object, reason: str) -> None:
    found = judge_item(bad, NOW)
    assert found.readings == ()
    assert found.reasons[0].startswith(reason)


def test_a_cumulative_register_may_be_read_at_any_time() -> None:
    found = judge_item({"timestamp": "2023-02-28T23:50:07Z", "tags": {"muid": "m"}, "1-0:1.8.0": 5}, NOW)
    assert len(found.readings) == 1
