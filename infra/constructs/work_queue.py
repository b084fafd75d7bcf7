"""A queue with its dead-letter queue and the alarms on both."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

RECEIVES_BEFORE_DEAD_LETTER = 5

LOADER_TIMEOUT = Duration.minutes(15)
"""What the file loader may take for a file."""

CONSUMER_TIMEOUT = Duration.seconds(60)
"""What a function that reads a work queue may take for a delivery, as a rule."""

REPORT_TIMEOUT = Duration.minutes(5)
"""What the report worker may take for a report."""


class WorkQueue(Construct):
    """Standard queues, encrypted, TLS only. `alarms` go off at one dead letter and at one hour of waiting."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, consumer_timeout: Duration = CONSUMER_TIMEOUT
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"{name}-dlq",
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=name,
            retention_period=Duration.days(14),
            # A message must not come back while its consumer may still be at work on it.
            visibility_timeout=Duration.seconds(6 * int(consumer_timeout.to_seconds())),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=RECEIVES_BEFORE_DEAD_LETTER
            ),
        )
        self.alarms = [
            cloudwatch.Alarm(
                self,
                "DeadLettersAlarm",
                metric=self.dead_letters.metric_approximate_number_of_messages_visible(
                    period=Duration.minutes(1), statistic="Maximum"
                ),
                threshold=1,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                alarm_description=f"messages of {name} could not be handled; they lie in {name}-dlq",
            ),
            cloudwatch.Alarm(
                self,
                "AgeAlarm",
                metric=self.queue.metric_approximate_age_of_oldest_message(
                    period=Duration.minutes(5), statistic="Maximum"
                ),
                threshold=Duration.hours(1).to_seconds(),
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                alarm_description=f"the consumer of {name} is an hour behind",
            ),
        ]
