"""Carrying queued rows into the history, over fakes."""

from tests.fakes import FakeDeadLetters, FakeLake
from wattline.batches import Batch, Row, encode
from wattline.services.history import QueueMessage, write_history
from wattline.tables import ENERGY_INTERVALS

FEBRUARY, MARCH = 1_580_515_200_000, 1_583_020_800_000


def row(ship: str, interval_ms: int) -> Row:
    return (ship, interval_ms, interval_ms, interval_ms + 900_000, 5, "energy", 1_600_000_000_000, 7)


def message(message_id: str, *rows: Row) -> QueueMessage:
    (body,) = encode(Batch(ENERGY_INTERVALS, rows))
    return QueueMessage(message_id, body)


def test_a_delivery_becomes_one_object_a_partition() -> None:
    lake = FakeLake()
    messages = [message("a", row("x", FEBRUARY), row("x", MARCH)), message("b", row("y", FEBRUARY))]
    outcome = write_history(messages, lake=lake, dead_letters=FakeDeadLetters())
    assert (outcome.rows, outcome.buried, outcome.retry) == (3, 0, [])
    assert sorted((dt, len(rows)) for (_, dt, _), rows in lake.objects.items()) == [
        ("2020-02-01", 2),
        ("2020-03-01", 1),
    ]


def test_the_same_delivery_again_writes_the_same_objects() -> None:
    lake = FakeLake()
    messages = [message("a", row("x", FEBRUARY)), message("b", row("y", FEBRUARY))]
    write_history(messages, lake=lake, dead_letters=FakeDeadLetters())
    once = dict(lake.objects)
    write_history(messages[::-1], lake=lake, dead_letters=FakeDeadLetters())
    assert lake.objects.keys() == once.keys()
    assert {key: sorted(rows) for key, rows in lake.objects.items()} == {k: sorted(v) for k, v in once.items()}


def test_a_message_that_cannot_be_read_is_buried_with_its_reason_and_holds_up_nobody() -> None:
    lake, dead_letters = FakeLake(), FakeDeadLetters()
    messages = [QueueMessage("bad", "not ours"), message("good", row("x", FEBRUARY))]
    outcome = write_history(messages, lake=lake, dead_letters=dead_letters)
    assert (outcome.rows, outcome.buried, outcome.retry) == (1, 1, [])
    ((body, reason),) = dead_letters.buried
    assert body == "not ours"
    assert "not a history message" in reason


def test_a_message_that_cannot_even_be_buried_comes_again() -> None:
    outcome = write_history(
        [QueueMessage("bad", "not ours")], lake=FakeLake(), dead_letters=FakeDeadLetters(broken=True)
    )
    assert outcome.retry == ["bad"]


def test_all_messages_come_again_when_the_lake_is_down() -> None:
    messages = [message("a", row("x", FEBRUARY)), QueueMessage("bad", "not ours"), message("b", row("y", MARCH))]
    outcome = write_history(messages, lake=FakeLake(broken=True), dead_letters=FakeDeadLetters())
    assert (outcome.rows, outcome.retry) == (0, ["a", "b"])
