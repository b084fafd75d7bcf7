"""The simulated fleet."""

from collections import Counter

from infra.local.fleet_model import Fleet, simulate
from wattline.domain.instants import parse_instant

START = parse_instant("2024-06-14T00:00:00Z")


def fleet(seed: int = 1) -> Fleet:
    return simulate(vehicles=150, meters=140, minutes=120, start_ms=START, seed=seed)


def test_a_seed_gives_the_same_fleet_and_another_seed_another() -> None:
    assert fleet().readings == fleet().readings
    assert fleet().readings != fleet(2).readings


def test_most_chargers_lose_8_to_15_percent_and_a_few_are_faulty() -> None:
    losses = [pair.loss for pair in fleet().pairs]
    healthy = [loss for loss in losses if 0.08 <= loss <= 0.15]
    assert all(loss > 0.15 for loss in losses if loss not in healthy)
    assert 0 < len(losses) - len(healthy) < 20


def test_readings_are_dropped_repeated_late_and_bad() -> None:
    sent = fleet()
    assert 0 < sent.bad < 100
    assert sum("not a time" in reading["timestamp"] for reading in sent.readings) == sent.bad
    known = Counter(str(reading) for reading in sent.readings if reading["timestamp"] != "not a time")
    assert max(known.values()) == 2
    expected = sum(len(pair.dc) + len(pair.ac) for pair in sent.pairs)
    assert len(known) == expected < 120 * 290
    times = [reading["timestamp"] for reading in sent.readings if reading["timestamp"] != "not a time"]
    assert times != sorted(times)
