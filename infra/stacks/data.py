"""What must outlive every deployment: the bucket, the hot table, the queues and the catalog."""

from aws_cdk import Aws, CfnOutput, Stack
from constructs import Construct

from infra.constructs.alerting import Alerting
from infra.constructs.history_catalog import HistoryCatalog
from infra.constructs.hot_table import HotTable
from infra.constructs.lake_bucket import LakeBucket
from infra.constructs.nag import acknowledge
from infra.constructs.operations import Operations
from infra.constructs.work_queue import LOADER_TIMEOUT, REPORT_TIMEOUT, WorkQueue
from infra.environments import Environment


class DataStack(Stack):
    """Stateful; deleting it on AWS leaves bucket and table where they are."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id, description="wattline: state")
        name = f"wattline-{environment.name}"
        self.lake = LakeBucket(
            self,
            "Lake",
            # A fixed name, so that notifications and policies can be written without a custom resource.
            name=f"{name}-{Aws.ACCOUNT_ID}-{Aws.REGION}",
            removal_policy=environment.removal_policy,
        )
        self.bucket = self.lake.bucket
        hot = HotTable(self, "Hot", name=f"{name}-hot", removal_policy=environment.removal_policy)
        self.hot_table = hot.table
        self.hot_indexes = hot.index_arns
        self.alerts_index = hot.alerts_index_arn
        self.alerting = Alerting(self, "Alerting", name=name)
        self.history_queue = WorkQueue(self, "HistoryQueue", name=f"{name}-history")
        self.loads_queue = WorkQueue(self, "LoadsQueue", name=f"{name}-loads", consumer_timeout=LOADER_TIMEOUT)
        self.lake.announce_drops(self.loads_queue.queue)
        self.reports_queue = WorkQueue(self, "ReportsQueue", name=f"{name}-reports", consumer_timeout=REPORT_TIMEOUT)
        self.catalog = HistoryCatalog(
            self, "History", name=name, bucket=self.bucket, cutoff_bytes=environment.query_cutoff_bytes
        )
        self.operations = Operations(self, "Operations", name=name)
        for queue in (self.history_queue, self.loads_queue, self.reports_queue):
            self.operations.watch(queue.alarms)
        self.operations.watch([self.alerting.alarm])
        acknowledge(
            self.bucket, "AwsSolutions-S1", None, "CloudTrail data events audit access; server logs would double it"
        )
        CfnOutput(self, "BucketName", value=self.bucket.bucket_name)
        CfnOutput(self, "HotTableName", value=self.hot_table.table_name)
        CfnOutput(self, "AlertsTopic", value=self.alerting.topic.topic_arn)
        CfnOutput(self, "OperationsTopic", value=self.operations.topic.topic_arn)
