"""The bucket of the history and of query results."""

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

HISTORY = "history/"
QUERY_RESULTS = "athena-results/"


class LakeBucket(Construct):
    """Private, encrypted, TLS only; query results go after a day."""

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
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1)),
            ],
            removal_policy=removal_policy,
        )

    def objects_under(self, prefix: str) -> str:
        """The ARN of all objects under a prefix, by the bucket's fixed name."""
        return f"arn:{Aws.PARTITION}:s3:::{self._name}/{prefix}*"
