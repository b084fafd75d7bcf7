"""The poller of a smart-meter API."""

import json
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.dependency_layers import Layers
from infra.constructs.python_function import PythonFunction, Size
from infra.environments import Environment, MeterSource

if TYPE_CHECKING:
    from infra.stacks.data import DataStack

INTERVAL = Duration.minutes(15)
TIMEOUT = Duration.minutes(10)
"""Under the interval, so that two runs do not meet as a rule."""

RUNS_BEFORE_ALARM = 4


class Poller(Construct):
    """A function on a schedule; `alarms` go off for its errors, and for meters unread for an hour."""

    def __init__(  # noqa: PLR0913 - keyword-only wiring
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        layers: Layers,
        data: "DataStack",
        meters: MeterSource,
    ) -> None:
        super().__init__(scope, construct_id)
        queue = data.history_queue.queue
        poller = PythonFunction(
            self,
            "Function",
            name="poller",
            environment=environment,
            layers=layers.core,
            size=Size(memory_mb=512, timeout=TIMEOUT),
            variables={
                "HOT_TABLE": data.hot_table.table_name,
                "HISTORY_QUEUE_URL": queue.queue_url,
                "METER_SOURCE_URL": meters.url,
                "METER_SOURCE_MUIDS": json.dumps(meters.muids),
                "METER_SOURCE_SINCE": meters.since,
            },
            statements=[
                iam.PolicyStatement(
                    actions=[
                        "dynamodb:GetItem",
                        "dynamodb:PutItem",
                        "dynamodb:UpdateItem",
                        "dynamodb:BatchWriteItem",
                    ],
                    resources=[data.hot_table.table_arn],
                ),
                iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn]),
            ],
        )
        events.Rule(
            self,
            "Schedule",
            description="ask the smart-meter API for new and late readings",
            schedule=events.Schedule.rate(INTERVAL),
            targets=[targets.LambdaFunction(poller.function, retry_attempts=0)],
        )
        self.alarms = [poller.alarm_on_errors(), self._alarm_on_unread_meters(poller)]

    def _alarm_on_unread_meters(self, poller: PythonFunction) -> cloudwatch.Alarm:
        unread = cloudwatch.Metric(
            namespace="wattline",
            metric_name="MetersUnread",
            dimensions_map={"service": "poller"},
            statistic="Maximum",
            period=INTERVAL,
        )
        return cloudwatch.Alarm(
            self,
            "UnreadMeters",
            metric=unread,
            threshold=1,
            evaluation_periods=RUNS_BEFORE_ALARM,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{poller.function.function_name} cannot read some meters; its log says why",
        )
