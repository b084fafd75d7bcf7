"""Where alerts are announced, and where the stream's records go that could not be handled."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.nag import acknowledge


class Alerting(Construct):
    """A topic to subscribe to, TLS only; `lost_records` with an `alarm` at the first."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", topic_name=f"{name}-alerts", enforce_ssl=True)
        self.lost_records = sqs.Queue(
            self,
            "LostRecords",
            queue_name=f"{name}-alerts-dlq",
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        acknowledge(self.lost_records, "AwsSolutions-SQS3", None, "it is a dead-letter queue, of a stream")
        self.alarm = cloudwatch.Alarm(
            self,
            "LostRecordsAlarm",
            metric=self.lost_records.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"changes of the hot table could not be judged; {name}-alerts-dlq says which",
        )
