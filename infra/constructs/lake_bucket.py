"""The bucket of the history, of sets and reports, of query results, and of files that senders drop."""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

HISTORY = "history/"
QUERY_RESULTS = "athena-results/"
DROPS = "drops/"
REJECTS = "rejects/"
SCRATCH = "scratch/"
SETS = "sets/"
REPORTS = "reports/"


REPORTS_KEPT = Duration.days(31)
"""A day more than the reports that name them (`wattline.domain.reports.KEPT_MS`)."""


class LakeBucket(Construct):
    """Private, encrypted, TLS only; query results and queries' scratch tables go after a day, reports after a month."""

    def __init__(self, scope: Construct, construct_id: str, *, name: str, removal_policy: RemovalPolicy) -> None:
        super().__init__(scope, construct_id)
        self._name = name
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[
                s3.LifecycleRule(prefix=QUERY_RESULTS, expiration=Duration.days(1)),
                s3.LifecycleRule(prefix=SCRATCH, expiration=Duration.days(1)),
                s3.LifecycleRule(prefix=REPORTS, expiration=REPORTS_KEPT),
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1)),
            ],
            removal_policy=removal_policy,
        )

    def announce_drops(self, queue: sqs.Queue) -> None:
        """Tell the queue of every object under `drops/`, by the bucket's own configuration (no custom resource)."""
        granted = queue.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                resources=[queue.queue_arn],
                conditions={
                    "ArnEquals": {"aws:SourceArn": f"arn:{Aws.PARTITION}:s3:::{self._name}"},
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                },
            )
        )
        bucket = self.bucket.node.default_child
        assert isinstance(bucket, s3.CfnBucket) and granted.policy_dependable  # noqa: S101 - as CDK builds them
        prefix = s3.CfnBucket.FilterRuleProperty(name="prefix", value=DROPS)
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=queue.queue_arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[prefix])
                    ),
                )
            ]
        )
        # S3 tries the queue when it is configured, and needs its leave by then.
        bucket.node.add_dependency(granted.policy_dependable)

    def objects_under(self, prefix: str) -> str:
        """The ARN of all objects under a prefix, by the bucket's fixed name."""
        return f"arn:{Aws.PARTITION}:s3:::{self._name}/{prefix}*"
