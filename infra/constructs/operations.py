"""Where alarms go."""

from collections.abc import Iterable

from aws_cdk import Aws
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct


class Operations(Construct):
    """A topic that the people in charge subscribe to."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", topic_name=f"{name}-operations", enforce_ssl=True)
        # A policy of its own, as enforce_ssl makes one, replaces the default that lets the account's alarms in.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )

    def watch(self, alarms: Iterable[cloudwatch.Alarm]) -> None:
        """Tell the topic when one of them goes off."""
        for alarm in alarms:
            alarm.add_alarm_action(actions.SnsAction(self.topic))
