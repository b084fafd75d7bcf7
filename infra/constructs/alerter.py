"""The function that judges readings and publishes alerts, fed by the hot table's stream."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from constructs import Construct

from infra.constructs.dependency_layers import Layers
from infra.constructs.python_function import PythonFunction, Size
from infra.environments import Environment
from wattline.adapters.hot_alerts import TRANSITION
from wattline.adapters.hot_fleet import LIVE

if TYPE_CHECKING:
    from infra.stacks.data import DataStack

TIMEOUT = Duration.seconds(60)

READING_STREAM = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)

BATCH = 1_000
BATCH_WINDOW = Duration.seconds(1)
"""Alerts may wait so long for each other; without it the stream invokes the function four times a second."""

ATTEMPTS = 30
MAX_AGE = Duration.hours(6)
"""What cannot be handled blocks its shard until one of these is used up; then it goes to the lost records."""

SWEEP_INTERVAL = Duration.minutes(5)


class Alerter(Construct):
    """`alarms` go off when it raises errors and when it is ten minutes behind."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, layers: Layers, data: "DataStack"
    ) -> None:
        super().__init__(scope, construct_id)
        table, stream = data.hot_table, data.hot_table.table_stream_arn or ""
        alerter = PythonFunction(
            self,
            "Alerter",
            name="alerter",
            environment=environment,
            layers=layers.core,
            size=Size(memory_mb=1_024, timeout=TIMEOUT),
            variables={
                "HOT_TABLE": table.table_name,
                "ALERT_TOPIC": data.alerting.topic.topic_arn,
                "ALERT_RULES": alert_rules(environment),
            },
            statements=[
                iam.PolicyStatement(actions=[*READING_STREAM], resources=[stream]),
                iam.PolicyStatement(
                    actions=["dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
                    resources=[table.table_arn],
                ),
                iam.PolicyStatement(actions=["dynamodb:Query"], resources=[data.alerts_index]),
                iam.PolicyStatement(actions=["sns:Publish"], resources=[data.alerting.topic.topic_arn]),
            ],
        )
        # A mapping of our own: the event source's would let the role list the streams of all tables.
        lambda_.EventSourceMapping(
            self,
            "Stream",
            target=alerter.function,
            event_source_arn=stream,
            # what was written before the mapping was made counts too
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=BATCH,
            max_batching_window=BATCH_WINDOW,
            filters=[_live_states_of_vehicles(), _new_transitions()],
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            retry_attempts=ATTEMPTS,
            max_record_age=MAX_AGE,
            on_failure=event_sources.SqsDlq(data.alerting.lost_records),
        )
        events.Rule(
            self,
            "Sweep",
            description="publish alerts that the stream lost",
            schedule=events.Schedule.rate(SWEEP_INTERVAL),
            targets=[targets.LambdaFunction(alerter.function, retry_attempts=0)],
        )
        self.alarms = [alerter.alarm_on_errors(), self._alarm_on_age(alerter.function)]

    def _alarm_on_age(self, function: lambda_.IFunction) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            "Age",
            metric=function.metric("IteratorAge", period=Duration.minutes(5), statistic="Maximum"),
            threshold=Duration.minutes(10).to_milliseconds(),
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="alerts are ten minutes behind; the alerter's log group says why",
        )


def alert_rules(environment: Environment) -> str:
    """The variable ALERT_RULES of every function that judges readings."""
    return json.dumps([asdict(rule) for rule in environment.alert_rules])


def _live_states_of_vehicles() -> Mapping[str, Any]:
    keys = {"pk": _text(lambda_.FilterRule.begins_with("VEHICLE#")), "sk": _text([LIVE])}
    return lambda_.FilterCriteria.filter({"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": keys}})


def _new_transitions() -> Mapping[str, Any]:
    keys = {"sk": _text(lambda_.FilterRule.begins_with(TRANSITION))}
    return lambda_.FilterCriteria.filter({"eventName": ["INSERT"], "dynamodb": {"Keys": keys}})


def _text(rule: list[Any]) -> dict[str, list[Any]]:
    return {"S": rule}
