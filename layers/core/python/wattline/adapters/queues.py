"""SQS: the way into the history, and the place for messages that can never be handled."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING

from wattline.adapters.aws import unavailable
from wattline.batches import Batch, encode
from wattline.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_ENTRIES = 10
MAX_BYTES = 1_000_000
"""Just under SQS's limit of 1 MiB for the sum of a batch."""

_ATTEMPTS = 3


class SqsHistoryQueue:
    """`HistoryQueue` over SQS."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, batch: Batch) -> None:
        """In as few requests as its size allows; entries that SQS refused are sent again."""
        for bodies in _packed(encode(batch)):
            self._send_entries(dict(zip(map(str, count()), bodies, strict=False)))

    def _send_entries(self, entries: dict[str, str]) -> None:
        for _ in range(_ATTEMPTS):
            with unavailable("queueing the readings for the history"):
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[{"Id": entry_id, "MessageBody": body} for entry_id, body in entries.items()],
                )
            entries = {failed["Id"]: entries[failed["Id"]] for failed in answer.get("Failed", [])}
            if not entries:
                return
        raise TransientError("queueing the readings for the history failed just now; repeat the request")


def _packed(bodies: Iterable[str]) -> Iterator[list[str]]:
    pack: list[str] = []
    for body in bodies:
        if pack and (len(pack) == MAX_ENTRIES or sum(map(len, pack)) + len(body) > MAX_BYTES):
            yield pack
            pack = []
        pack.append(body)
    if pack:
        yield pack


class SqsReportJobs:
    """`ReportJobs` over SQS: a message is the report's id."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, report_id: str) -> None:
        """One message."""
        with unavailable("queueing the report"):
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=report_id)


class SqsRetries:
    """Messages that are being worked on, to be delivered again sooner than a worker that died would leave them."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def hasten(self, receipt_handle: str, seconds: int) -> None:
        """Deliver the message again in so many seconds."""
        with unavailable("giving the message back"):
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )


class SqsDeadLetters:
    """`DeadLetters` over the dead-letter queue itself: the reason travels as a message attribute."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def bury(self, body: str, reason: str) -> None:
        """Send it to the dead-letter queue."""
        with unavailable("sending to the dead-letter queue"):
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=body,
                MessageAttributes={"reason": {"DataType": "String", "StringValue": reason[:1000]}},
            )


class SqsDepths:
    """`QueueDepths` over SQS, whose figures are approximate."""

    def __init__(self, client: "SQSClient", queue_urls: Mapping[str, str]) -> None:
        self._client = client
        self._queue_urls = queue_urls

    def read(self) -> dict[str, int]:
        """One request a queue."""
        return {name: self._depth(url) for name, url in self._queue_urls.items()}

    def _depth(self, url: str) -> int:
        with unavailable("reading the queues"):
            attributes = self._client.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return sum(map(int, attributes.values()))
