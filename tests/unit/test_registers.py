"""From what a cumulative register shows to the energy between; amounts in kWh."""

import pytest

from wattline.domain.batteries import MICRO, is_register
from wattline.domain.registers import Run, differences, step


def stepped(before: float, after: float) -> tuple[float, float]:
    energy, level = step(round(before * MICRO), round(after * MICRO))
    return energy / MICRO, level / MICRO


@pytest.mark.parametrize(
    ("before", "after", "energy", "level"),
    [
        (100, 101.5, 1.5, 101.5),
        (100, 100, 0, 100),
        # rollover: near the top of a counter, then near zero
        (99_999.5, 0.5, 1, 0.5),
        (999_990, 12, 22, 12),
        (99_000, 1_000, 2_000, 1_000),
        # not one: too far from the top, or from zero, or too few digits
        (98_999, 10, 10, 10),
        (99_500, 1_001, 1_001, 1_001),
        (9_999, 1, 1, 1),
        # restart
        (250_000, 40, 40, 40),
        (10, 5, 5, 5),
        (10, 0, 0, 0),
        # another meter, which did not begin at zero
        (250_000, 180_000, 0, 180_000),
        (10, 5.1, 0, 5.1),
        # set back a little: the mark stays
        (250_000, 249_999.9, 0, 250_000),
        (250_000, 249_751, 0, 250_000),
        (250_000, 249_749, 0, 249_749),
    ],
)
def test_a_step_is_never_negative(before: float, after: float, energy: float, level: float) -> None:
    assert stepped(before, after) == pytest.approx((energy, level))


def test_after_a_small_set_back_nothing_is_counted_twice() -> None:
    shown = [1_000.0, 1_010, 1_009.98, 1_009.99, 1_010.5]
    runs = [Run(0, 1, round(value * MICRO), round(value * MICRO)) for value in shown]
    (bucket,) = differences(runs, None)
    assert bucket.difference == 10_500_000
    assert (bucket.last, bucket.fell) == (1_010_500_000, True)


def test_energy_is_credited_to_the_bucket_of_the_later_reading() -> None:
    runs = [Run(0, 1, 100, 100), Run(60, 3, 101, 110), Run(120, 1, 150, 150)]
    assert [(b.bucket_ms, b.difference, b.last) for b in differences(runs, 70)] == [
        (0, 30, 100),
        (60, 10, 110),
        (120, 40, 150),
    ]


def test_the_first_reading_of_all_tells_no_difference() -> None:
    assert [b.difference for b in differences([Run(0, 1, 100, 100), Run(60, 1, 130, 130)], None)] == [None, 30]
    assert [b.difference for b in differences([Run(0, 2, 100, 104)], None)] == [4]
    assert [b.difference for b in differences([Run(0, 1, 0, 0)], 0)] == [0]
    assert list(differences([], 5)) == []


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("BatteryImportKwh", True),
        ("GridExportKwh-submeter", True),
        ("StateOfChargePercentage", False),
        ("GridPowerW-mainmeter", False),
        ("KwhPrice", False),
        ("Power-Kwh", False),
    ],
)
def test_registers_are_known_by_their_names(metric: str, expected: bool) -> None:
    assert is_register(metric) is expected
