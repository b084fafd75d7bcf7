"""What the stacks expect of whatever they are deployed to, by small functions and queues beside them."""

import io
import json
import subprocess
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import pytest

from infra.local.cloud import ACCOUNT, REGION
from tests.e2e.api import Deployment, eventually

pytestmark = pytest.mark.e2e

Event = dict[str, Any]

RECORDER = """
import json, os, boto3

def handler(event, context):
    print("got", len(event.get("Records", [])))
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(event))
    failed = [each["messageId"] for each in event.get("Records", []) if each.get("body") == "fail"]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
"""


@dataclass(frozen=True)
class Queue:
    url: str
    arn: str
    sqs: Any

    def take(self) -> list[Event]:
        """The messages that wait now, which are gone after this."""
        found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]


@dataclass(frozen=True)
class Recorder:
    """A function that puts every event it gets into a queue, and fails messages that say `fail`."""

    name: str
    arn: str
    seen: Queue

    def until(self, enough: Callable[[list[Event]], bool], *, seconds: float = 60) -> list[Event]:
        """The events so far, once they are enough."""
        events: list[Event] = []

        def look() -> bool:
            events.extend(self.seen.take())
            return enough(events)

        eventually(look, seconds=seconds)
        return events


def new_queue(deployment: Deployment, attributes: dict[str, str] | None = None) -> Queue:
    sqs = deployment.client("sqs")
    url = sqs.create_queue(QueueName=f"probe-{uuid.uuid4().hex[:12]}", Attributes=attributes or {})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return Queue(url, arn, sqs)


@pytest.fixture
def recorder(deployment: Deployment) -> Iterator[Recorder]:
    functions, seen = deployment.client("lambda"), new_queue(deployment)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("recorder.py", RECORDER)
    name = f"probe-{uuid.uuid4().hex[:12]}"
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="recorder.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/probe",
        Code={"ZipFile": packed.getvalue()},
        Timeout=20,
        Environment={"Variables": {"SEEN": seen.url, "AWS_ENDPOINT_URL": deployment.outputs["endpoint_url"]}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    yield Recorder(name, made["FunctionArn"], seen)
    for source in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=source["UUID"])
    functions.delete_function(FunctionName=name)


def bodies(events: list[Event]) -> list[str]:
    return sorted(record["body"] for event in events for record in event["Records"])


@pytest.mark.capability("batches")
def test_of_a_batch_only_the_failed_messages_come_back_and_end_as_dead_letters(
    deployment: Deployment, recorder: Recorder
) -> None:
    dead = new_queue(deployment)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    work = new_queue(deployment, {"VisibilityTimeout": "6", "RedrivePolicy": redrive})
    for body in ("good", "fail"):
        work.sqs.send_message(QueueUrl=work.url, MessageBody=body)
    deployment.client("lambda").create_event_source_mapping(
        EventSourceArn=work.arn, FunctionName=recorder.name, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    letters: list[str] = []

    def dead_letter() -> bool:
        found = work.sqs.receive_message(QueueUrl=dead.url).get("Messages", [])
        letters.extend(message["Body"] for message in found)
        return bool(letters)

    eventually(dead_letter)
    assert letters == ["fail"]
    assert bodies(recorder.until(lambda events: len(bodies(events)) >= 3)) == ["fail", "fail", "good"]


@pytest.mark.capability("notifications")
def test_objects_under_a_prefix_and_suffix_are_told_to_a_queue(deployment: Deployment) -> None:
    s3, queue, bucket = deployment.client("s3"), new_queue(deployment), f"probe-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    rules = [{"Name": "prefix", "Value": "drops/"}, {"Name": "suffix", "Value": ".csv"}]
    told = {"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [told]})
    for key in ("drops/one.txt", "else/one.csv", "drops/a b+ü.csv"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    messages: list[Event] = []

    def records() -> bool:
        messages.extend(queue.take())
        return any("Records" in message for message in messages)

    eventually(records)
    found = [record["s3"]["object"] for message in messages for record in message.get("Records", [])]
    # AWS writes a space as a plus sign, an emulator may write %20: readers must take both.
    assert [unquote_plus(each["key"]) for each in found] == ["drops/a b+ü.csv"]
    assert found[0]["eTag"]


@pytest.mark.capability("streams")
def test_changes_of_a_table_reach_a_function_if_they_were_made_and_the_filter_lets_them(
    deployment: Deployment, recorder: Recorder
) -> None:
    dynamodb, table = deployment.client("dynamodb"), f"probe-{uuid.uuid4().hex[:12]}"
    made = dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    pattern = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "R#"}]}}}}
    deployment.client("lambda").create_event_source_mapping(
        EventSourceArn=made["TableDescription"]["LatestStreamArn"],
        FunctionName=recorder.name,
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]},
    )

    def item(sk: str) -> Event:
        return {"pk": {"S": "VEHICLE#1"}, "sk": {"S": sk}, "soc": {"N": "19.5"}}

    dynamodb.put_item(TableName=table, Item=item("LIVE"))
    dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item("R#1")}}]})
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item("R#2")}}])
    new = {"TableName": table, "ConditionExpression": "attribute_not_exists(pk)"}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=[{"Put": {**new, "Item": item(sk)}} for sk in ("R#0", "R#1")])
    key = {name: value for name, value in item("R#3").items() if name != "soc"}
    dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET soc = :soc",
        ExpressionAttributeValues={":soc": item("R#3")["soc"]},
    )
    events = recorder.until(lambda found: sum(len(event["Records"]) for event in found) >= 3)
    images = [record["dynamodb"]["NewImage"] for event in events for record in event["Records"]]
    assert images == [item("R#1"), item("R#2"), item("R#3")]


@pytest.mark.capability("topics")
def test_a_published_event_reaches_a_subscribed_queue(deployment: Deployment) -> None:
    sns, queue = deployment.client("sns"), new_queue(deployment)
    topic = sns.create_topic(Name=f"probe-{uuid.uuid4().hex[:12]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message=json.dumps({"event_id": "1"}))
    messages: list[Event] = []

    def arrived() -> bool:
        messages.extend(queue.take())
        return bool(messages)

    eventually(arrived)
    assert messages == [{"event_id": "1"}]


@pytest.mark.capability("schedules")
def test_a_rule_invokes_its_function_on_schedule(deployment: Deployment, recorder: Recorder) -> None:
    events, name = deployment.client("events"), f"probe-{uuid.uuid4().hex[:12]}"
    deployment.client("lambda").add_permission(
        FunctionName=recorder.name, StatementId="rule", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    events.put_rule(Name=name, ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": recorder.arn}])
    try:
        (event, *_) = recorder.until(lambda found: len(found) >= 1, seconds=120)
    finally:
        events.remove_targets(Rule=name, Ids=["1"])
        events.delete_rule(Name=name)
    assert event["detail-type"] == "Scheduled Event"
    assert event["region"] == REGION


@pytest.mark.capability("items")
def test_a_transaction_whose_condition_fails_writes_nothing(deployment: Deployment) -> None:
    dynamodb, table, name = deployment.client("dynamodb"), deployment.outputs["hot_table"], uuid.uuid4().hex
    keys = [{"pk": {"S": f"PROBE#{name}"}, "sk": {"S": sk}} for sk in ("a", "b")]
    new = {"TableName": table, "ConditionExpression": "attribute_not_exists(pk)"}
    dynamodb.put_item(TableName=table, Item=keys[1])
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as refused:
        dynamodb.transact_write_items(TransactItems=[{"Put": {**new, "Item": key}} for key in keys])
    codes = [reason["Code"] for reason in refused.value.response["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed"]
    assert "Item" not in dynamodb.get_item(TableName=table, Key=keys[0])


@pytest.mark.capability("items")
def test_of_transactions_at_once_that_exclude_each_other_one_is_taken(deployment: Deployment) -> None:
    dynamodb, table = deployment.client("dynamodb"), deployment.outputs["hot_table"]

    def outcomes(key: str) -> list[bool]:
        item = {"pk": {"S": f"PROBE#{key}"}, "sk": {"S": "lock"}}
        put = {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}

        def take(_: int) -> bool:
            try:
                dynamodb.transact_write_items(TransactItems=[{"Put": put}])
            except dynamodb.exceptions.TransactionCanceledException:
                return False
            return True

        return sorted(threads.map(take, range(4)))

    with ThreadPoolExecutor(4) as threads:
        for _ in range(10):
            assert outcomes(uuid.uuid4().hex) == [False, False, False, True]


@pytest.mark.capability("loopback")
def test_everything_that_was_started_listens_on_this_machine_only(deployment: Deployment) -> None:
    leaders = [path.read_text().split()[0] for path in deployment.state.glob("*.pid")]
    assert len(leaders) == 3  # the emulator, Athena, and the smart-meter API
    # Each was started as the leader of a session; what it started itself, such as functions, is in that session.
    started = _lines("ps", "-o", "pid=", "-s", ",".join(leaders))
    sockets = [line for line in _lines("ss", "-Hltnp") if any(f"pid={pid.strip()}," in line for pid in started)]
    listening = [line.split()[3] for line in sockets]
    for address in ("endpoint_url", "athena_url"):
        assert deployment.outputs[address].removeprefix("http://") in listening
    assert [address for address in listening if not address.startswith("127.0.0.1:")] == []


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
