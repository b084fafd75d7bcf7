"""Rows on their way through the queue, and messages that are none of ours."""

import base64
import gzip
import json
from collections.abc import Mapping
from random import Random

import pytest

from tests.factories import at, nano
from wattline.batches import MESSAGE_ROWS, Batch, Row, decode, encode
from wattline.errors import TerminalError, TransientError
from wattline.tables import ENERGY_INTERVALS

SQS_LIMIT = 1_048_576


def row(number: int = 0, spaceship_id: str = "rocinante") -> Row:
    start = at(15 * number)
    return (spaceship_id, start, start, at(15 * number + 15), nano(2.5), "energy", at(60), 7)


def body(message: object) -> str:
    """A message body as `encode` would pack it."""
    return packed(json.dumps(message).encode())


def packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def columns(**changed: object) -> dict[str, object]:
    """The columns of one good row, some of them changed."""
    values = dict(zip(ENERGY_INTERVALS.column_names, ([value] for value in row()), strict=True))
    return values | changed


def message(of_columns: Mapping[str, object]) -> str:
    return body({"table": "energy_intervals", "columns": of_columns})


def test_what_is_encoded_is_decoded_again() -> None:
    batch = Batch(ENERGY_INTERVALS, tuple(row(number) for number in range(3)))
    [only] = encode(batch)
    assert decode(only) == batch


def test_nothing_is_rounded_on_the_way() -> None:
    extreme = ("ß:日本", -1, 0, 2**53 + 1, 10**18 - 1, "power", 2**62, 0)
    [only] = encode(Batch(ENERGY_INTERVALS, (extreme,)))
    assert decode(only).rows == (extreme,)


def test_a_batch_larger_than_a_message_becomes_several_in_order() -> None:
    batch = Batch(ENERGY_INTERVALS, tuple(row(number) for number in range(2 * MESSAGE_ROWS + 1)))
    messages = [decode(each) for each in encode(batch)]
    assert [len(each.rows) for each in messages] == [MESSAGE_ROWS, MESSAGE_ROWS, 1]
    assert tuple(each for part in messages for each in part.rows) == batch.rows


def test_a_full_message_is_a_single_one() -> None:
    batch = Batch(ENERGY_INTERVALS, tuple(row(number) for number in range(MESSAGE_ROWS)))
    assert len(list(encode(batch))) == 1


def test_an_empty_batch_sends_nothing() -> None:
    assert list(encode(Batch(ENERGY_INTERVALS, ()))) == []


def test_the_same_batch_gives_the_same_message() -> None:
    batch = Batch(ENERGY_INTERVALS, (row(),))
    assert list(encode(batch)) == list(encode(batch))


def test_the_fullest_message_that_compresses_worst_fits_into_the_queue() -> None:
    digits = Random(1)

    def instant() -> int:
        return at(0) + digits.randrange(10**11)

    rows: list[Row] = [
        (
            f"{digits.getrandbits(256):064x}",
            instant(),
            instant(),
            instant(),
            digits.randrange(10**18),
            "energy",
            instant(),
            n,
        )
        for n in range(MESSAGE_ROWS)
    ]
    [only] = encode(Batch(ENERGY_INTERVALS, tuple(rows)))
    assert len(only) < SQS_LIMIT


def test_columns_may_come_in_any_order_and_unknown_ones_are_passed_over() -> None:
    reordered = dict(reversed(columns(mood=["fine"]).items()))
    assert decode(message(reordered)).rows == (row(),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        "ünicode",
        "AAA",
        base64.b64encode(b"not gzip").decode(),
        base64.b64encode(gzip.compress(b"{}", mtime=0)[:-4]).decode(),
        base64.b64encode(gzip.compress(b"{}", mtime=0)[:-8] + bytes(8)).decode(),
        packed(b"not json"),
        packed(b"\xff\xfe"),
        body(None),
        body([]),
        body("energy_intervals"),
        body({}),
        body({"table": "energy_intervals"}),
        body({"table": "wormholes", "columns": {}}),
        body({"table": ["energy_intervals"], "columns": {}}),
        body({"table": "energy_intervals", "columns": None}),
        body({"table": "energy_intervals", "columns": [[1], [2]]}),
    ],
)
def test_a_message_that_cannot_be_read_is_a_terminal_error(text: str) -> None:
    with pytest.raises(TerminalError, match="not a history message"):
        decode(text)


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(gzip.compress(b"{}", mtime=0)[:10] + b"\x07" + bytes(8)).decode(),
        packed(b"[" * 100_000),
    ],
    ids=["corrupt deflate stream", "nested too deeply"],
)
def test_a_corrupt_message_is_a_terminal_error_like_any_other(text: str) -> None:
    with pytest.raises(TerminalError, match="not a history message"):
        decode(text)


@pytest.mark.parametrize(
    "changed",
    [
        {"kwh": [2.5]},
        {"kwh": ["2500000000"]},
        {"kwh": [True]},
        {"kwh": [None]},
        {"kwh": None},
        {"kwh": 1},
        {"spaceship_id": [7]},
        {"spaceship_id": [None]},
        {"interval_start": ["2018-08-24T00:00:00Z"]},
        {"seq": [7, 8]},
        {"seq": []},
    ],
)
def test_a_column_of_another_type_or_length_is_a_terminal_error(changed: dict[str, object]) -> None:
    with pytest.raises(TerminalError, match="not a history message"):
        decode(message(columns(**changed)))


@pytest.mark.parametrize("name", ENERGY_INTERVALS.column_names)
def test_a_missing_column_is_a_terminal_error(name: str) -> None:
    of_columns = columns()
    del of_columns[name]
    with pytest.raises(TerminalError, match=name):
        decode(message(of_columns))


def test_a_terminal_error_is_no_reason_to_try_again() -> None:
    with pytest.raises(TerminalError) as failure:
        decode("")
    assert not isinstance(failure.value, TransientError)
    assert failure.value.__cause__ is not None


@pytest.mark.parametrize(("column", "value"), [("kwh", 10**18), ("seq", 2**63), ("interval_start", -(2**63))])
def test_a_number_that_its_column_cannot_hold_is_a_terminal_error(column: str, value: int) -> None:
    row: list[str | int] = ["falcon", 0, 0, 900_000, 1, "energy", 1, 1]
    row[ENERGY_INTERVALS.column_names.index(column)] = value
    (body,) = encode(Batch(ENERGY_INTERVALS, (tuple(row),)))
    with pytest.raises(TerminalError, match=column):
        decode(body)
