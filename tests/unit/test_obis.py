"""OBIS codes in both forms, what they mean, and what becomes of codes nobody knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattline.domain.obis import Direction, ObisCode, parse_obis

GROUP = st.integers(0, 255)


def test_the_codes_of_the_two_meters() -> None:
    found = parse_obis("0100011D00FF")
    assert found == parse_obis("1-0:1.29.0*255") == parse_obis("1-0:1.29.0") == parse_obis("1.29.0")
    assert (found.direction, found.unit, found.is_load_profile) == (Direction.IMPORT, "kWh", True)
    assert found.medium_name == "electricity"
    assert found.quantity_name == "active power +, all phases"
    assert found.processing_name == "time integral 5 (over recording period 1)"
    assert found.tariff_name == "total"
    export = parse_obis("0100021d00ff")
    assert (export.dotted, export.direction, export.unit) == ("1-0:2.29.0*255", Direction.EXPORT, "kWh")


@pytest.mark.parametrize(
    ("text", "direction", "unit", "profile"),
    [
        ("1-0:1.8.0", Direction.IMPORT, "kWh", False),
        ("1-0:1.8.1", Direction.IMPORT, "kWh", False),
        ("1-0:2.29.2", Direction.EXPORT, "kWh", False),
        ("1-0:1.7.0", Direction.IMPORT, "kW", False),
        ("1-0:3.29.0", Direction.IMPORT, "kvarh", False),
        ("1-0:4.8.0", Direction.EXPORT, "kvarh", False),
        ("1-0:9.8.0", Direction.IMPORT, "kVAh", False),
        ("1-0:32.7.0", None, "V", False),
        ("1-0:51.7.0", None, "A", False),
        ("1-0:61.7.0", Direction.IMPORT, "kW", False),
        ("1-0:14.7.0", None, "Hz", False),
        ("1-0:13.7.0", None, None, False),
        ("1-3:1.29.0", Direction.IMPORT, "kWh", True),
        ("7-0:3.1.0", None, None, False),
        ("1-0:200.29.0", None, None, False),
        ("1-0:1.222.0", Direction.IMPORT, None, False),
    ],
)
def test_quantities_units_and_directions(
    text: str, direction: Direction | None, unit: str | None, profile: bool
) -> None:
    found = parse_obis(text)
    assert (found.direction, found.unit, found.is_load_profile) == (direction, unit, profile)


def test_an_unknown_code_keeps_what_could_be_decoded() -> None:
    found = parse_obis("07030C630401")
    assert found == ObisCode(7, 3, 12, 99, 4, 1)
    assert (found.medium_name, found.channel, found.tariff_name) == ("gas", 3, "tariff 4")
    assert (found.quantity_name, found.processing_name, found.unit) == (None, None, None)
    assert ObisCode(250, 0, 1, 29, 0, 255).medium_name is None


@given(st.tuples(GROUP, GROUP, GROUP, GROUP, GROUP, GROUP))
def test_every_code_survives_both_forms(groups: tuple[int, int, int, int, int, int]) -> None:
    code = ObisCode(*groups)
    assert parse_obis(code.hex) == parse_obis(code.hex.lower()) == parse_obis(code.dotted) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0100011D00F",
        "0100011D00FF0",
        "0100011D00FG",
        "1-0:1.29",
        "1-0:256.29.0",
        "1-0:1.29.0*256",
        "\u0661.\u0662.\u0663",
        "1:1.2.3",
    ],
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an OBIS code"):
        parse_obis(text)
