"""SQS adapters on moto."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from moto import mock_aws

from tests.emulated import Emulated, emulate
from wattline.adapters.queues import SqsDeadLetters, SqsDepths, SqsHistoryQueue
from wattline.batches import MESSAGE_ROWS, Batch, Row, decode
from wattline.errors import TransientError
from wattline.tables import ENERGY_INTERVALS


@pytest.fixture
def emulated() -> Iterator[Emulated]:
    with mock_aws():
        yield emulate()


def rows(count: int) -> tuple[Row, ...]:
    return tuple(("falcon", n, n, n + 900_000, n * 7_919_777, "energy", 1, 2) for n in range(count))


def test_a_large_batch_arrives_whole_in_several_messages(emulated: Emulated) -> None:
    sent = Batch(ENERGY_INTERVALS, rows(12 * MESSAGE_ROWS + 1))
    SqsHistoryQueue(emulated.sqs, emulated.history_queue_url).send(sent)
    received = [decode(body) for body in emulated.messages(emulated.history_queue_url)]
    assert sorted(row for batch in received for row in batch.rows) == sorted(sent.rows)
    assert len(received) == 13


class RefusingClient:
    """An SQS client that refuses the entries of `refused` once, or always."""

    def __init__(self, client: Any, *, times: int) -> None:
        self._client = client
        self._times = times
        self.sent: list[list[str]] = []

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.sent.append([entry["Id"] for entry in Entries])
        refused = [] if len(self.sent) > self._times else Entries[:1]
        taken = Entries[len(refused) :]
        if taken:
            self._client.send_message_batch(QueueUrl=QueueUrl, Entries=taken)
        return {"Failed": [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in refused]}


def test_entries_that_sqs_refused_are_sent_again(emulated: Emulated) -> None:
    client = RefusingClient(emulated.sqs, times=1)
    batch = Batch(ENERGY_INTERVALS, rows(2 * MESSAGE_ROWS))
    SqsHistoryQueue(cast("Any", client), emulated.history_queue_url).send(batch)
    assert client.sent == [["0", "1"], ["0"]]
    assert sum(len(decode(body).rows) for body in emulated.messages(emulated.history_queue_url)) == len(batch.rows)


def test_entries_that_sqs_keeps_refusing_are_an_error_the_caller_can_repeat(emulated: Emulated) -> None:
    client = RefusingClient(emulated.sqs, times=10**6)
    with pytest.raises(TransientError, match="repeat"):
        SqsHistoryQueue(cast("Any", client), emulated.history_queue_url).send(Batch(ENERGY_INTERVALS, rows(1)))


def test_a_queue_that_is_gone_is_an_error_the_caller_can_repeat(emulated: Emulated) -> None:
    emulated.sqs.delete_queue(QueueUrl=emulated.history_queue_url)
    with pytest.raises(TransientError, match="repeat"):
        SqsHistoryQueue(emulated.sqs, emulated.history_queue_url).send(Batch(ENERGY_INTERVALS, rows(1)))


def test_a_buried_message_carries_its_reason(emulated: Emulated) -> None:
    SqsDeadLetters(emulated.sqs, emulated.dead_letter_queue_url).bury("body", "because")
    (message,) = emulated.sqs.receive_message(QueueUrl=emulated.dead_letter_queue_url, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert message["Body"] == "body"
    assert message["MessageAttributes"]["reason"]["StringValue"] == "because"


def test_depths_count_what_waits(emulated: Emulated) -> None:
    emulated.sqs.send_message(QueueUrl=emulated.dead_letter_queue_url, MessageBody="x")
    urls = {"history": emulated.history_queue_url, "history_dlq": emulated.dead_letter_queue_url}
    assert SqsDepths(emulated.sqs, urls).read() == {"history": 0, "history_dlq": 1}
