"""Every function: its size, its settings, and exactly what it may do."""

from typing import TYPE_CHECKING

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from constructs import Construct

from infra.constructs.alerter import Alerter, alert_rules
from infra.constructs.dependency_layers import Layers
from infra.constructs.lake_bucket import DROPS, HISTORY, QUERY_RESULTS, REJECTS, REPORTS, SCRATCH, SETS
from infra.constructs.poller import Poller
from infra.constructs.python_function import PythonFunction, Size
from infra.constructs.work_queue import CONSUMER_TIMEOUT, LOADER_TIMEOUT, REPORT_TIMEOUT
from infra.environments import Environment
from wattline.tables import SCRATCH_TABLES, TABLES

if TYPE_CHECKING:
    from infra.stacks.data import DataStack

GATEWAY_PATIENCE = Duration.seconds(29)
"""API Gateway waits no longer for a function."""

SINGLE_ITEMS = ("dynamodb:UpdateItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem")

COMPACTOR_TIMEOUT = Duration.minutes(15)
COMPACTOR_INTERVAL = Duration.minutes(15)

LOADERS = 10
"""Files that are loaded at once; the rest waits in the queue."""

HISTORY_BATCH = 1_000
"""Messages in one delivery; Lambda's limit of 6 MB a request ends it earlier where messages are large."""


class Functions(Construct):
    """`http` by name, `authorizer`, and the `alarms` of workers."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, layers: Layers, data: "DataStack"
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        self._layers = layers
        self._data = data
        self.authorizer: lambda_.IFunction = self._authorizer().function
        self.http: dict[str, lambda_.IFunction] = {
            "ingestion": self._ingestion().function,
            "query": self._query().function,
            "analytics": self._analytics().function,
            "reports": self._reports().function,
            "web": self._web().function,
        }
        alerter = Alerter(self, "Alerter", environment=environment, layers=layers, data=data)
        workers = (self._history_writer(), self._compactor(), self._file_loader(), self._report_worker())
        self.alarms = [*(worker.alarm_on_errors() for worker in workers), *alerter.alarms]
        if environment.meter_source is not None:
            poller = Poller(
                self, "Poller", environment=environment, layers=layers, data=data, meters=environment.meter_source
            )
            self.alarms += poller.alarms

    def _ingestion(self) -> PythonFunction:
        return PythonFunction(
            self,
            "Ingestion",
            name="ingestion",
            environment=self._environment,
            layers=self._layers.core,
            size=Size(memory_mb=1_769, timeout=GATEWAY_PATIENCE),
            variables={
                "HOT_TABLE": self._data.hot_table.table_name,
                "HISTORY_QUEUE_URL": self._data.history_queue.queue.queue_url,
            },
            statements=[
                _allow(
                    ["dynamodb:BatchWriteItem", *SINGLE_ITEMS],
                    self._data.hot_table.table_arn,
                ),
                _allow(["sqs:SendMessage"], self._data.history_queue.queue.queue_arn),
            ],
        )

    def _query(self) -> PythonFunction:
        return self._reader("Query", "query")

    def _analytics(self) -> PythonFunction:
        return self._reader("Analytics", "analytics")

    def _reader(self, construct_id: str, name: str) -> PythonFunction:
        """A function that answers from the hot table and the history."""
        data, catalog = self._data, self._data.catalog
        results = data.lake.objects_under(QUERY_RESULTS)
        reader = PythonFunction(
            self,
            construct_id,
            name=name,
            environment=self._environment,
            layers=self._layers.core,
            size=Size(memory_mb=1_769, timeout=GATEWAY_PATIENCE),
            variables={
                "HOT_TABLE": data.hot_table.table_name,
                "ATHENA_WORKGROUP": catalog.workgroup_name,
                "GLUE_DATABASE": catalog.database_name,
                "BUCKET": data.bucket.bucket_name,
            },
            statements=[
                _allow(
                    ["dynamodb:Query", "dynamodb:GetItem", "dynamodb:BatchGetItem"],
                    data.hot_table.table_arn,
                    *data.hot_indexes,
                ),
                *self._athena_statements(),
                _allow(["s3:GetObject"], data.lake.objects_under(REJECTS)),
            ],
        )
        reader.acknowledge_wildcard(data.lake.objects_under(REJECTS), "links to rejects are signed, one file a load")
        reader.acknowledge_wildcard(data.lake.objects_under(HISTORY), "which objects a query reads, Athena decides")
        reader.acknowledge_wildcard(results, "Athena names the results of a query after its execution")
        return reader

    def _athena_statements(self) -> list[iam.PolicyStatement]:
        data, catalog = self._data, self._data.catalog
        stack = Stack.of(self)
        results = data.lake.objects_under(QUERY_RESULTS)
        names = [catalog.database_name, "default"]  # Athena looks at the latter whatever database a query names
        databases = [stack.format_arn(service="glue", resource="database", resource_name=name) for name in names]
        tables = [
            stack.format_arn(service="glue", resource="table", resource_name=f"{catalog.database_name}/{table}")
            for table in (*TABLES, *SCRATCH_TABLES)
        ]
        return [
            _allow(
                ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:StopQueryExecution"],
                stack.format_arn(service="athena", resource="workgroup", resource_name=catalog.workgroup_name),
            ),
            _allow(
                ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"],
                stack.format_arn(service="glue", resource="catalog"),
                *databases,
                *tables,
            ),
            _allow(["s3:GetObject"], data.lake.objects_under(HISTORY)),
            _allow(["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], results),
            _allow(["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], data.bucket.bucket_arn),
        ]

    def _web(self) -> PythonFunction:
        data = self._data
        queues = {"history": data.history_queue, "loads": data.loads_queue, "reports": data.reports_queue}
        lost = data.alerting.lost_records
        urls = {name: queue.queue.queue_url for name, queue in queues.items()}
        urls |= {f"{name}_dlq": queue.dead_letters.queue_url for name, queue in queues.items()}
        urls["alerts_dlq"] = lost.queue_url
        arns = [each.queue_arn for queue in queues.values() for each in (queue.queue, queue.dead_letters)]
        return PythonFunction(
            self,
            "Web",
            name="web",
            environment=self._environment,
            layers=self._layers.core,
            size=Size(memory_mb=512, timeout=Duration.seconds(10)),
            variables={
                "QUEUE_URLS": Stack.of(self).to_json_string(urls),
            },
            statements=[_allow(["sqs:GetQueueAttributes"], *arns, lost.queue_arn)],
        )

    def _authorizer(self) -> PythonFunction:
        tokens = self._environment.tokens
        keys = {"JWKS_URL": tokens.jwks_url} if tokens.jwks_url else {"JWKS": tokens.jwks or ""}
        return PythonFunction(
            self,
            "Authorizer",
            name="authorizer",
            environment=self._environment,
            layers=self._layers.core,
            size=Size(memory_mb=512, timeout=Duration.seconds(10)),
            variables={"JWT_ISSUER": tokens.issuer, "JWT_AUDIENCE": tokens.audience, **keys},
        )

    def _history_writer(self) -> PythonFunction:
        queue = self._data.history_queue
        writer = PythonFunction(
            self,
            "HistoryWriter",
            name="history_writer",
            environment=self._environment,
            layers=self._layers.parquet,
            size=Size(memory_mb=1_769, timeout=CONSUMER_TIMEOUT),
            variables={
                "HOT_TABLE": self._data.hot_table.table_name,
                "BUCKET": self._data.bucket.bucket_name,
                "HISTORY_DLQ_URL": queue.dead_letters.queue_url,
            },
            statements=[
                _allow(["dynamodb:BatchWriteItem"], self._data.hot_table.table_arn),
                _allow(["s3:PutObject"], self._data.lake.objects_under(HISTORY)),
                _allow(["sqs:SendMessage"], queue.dead_letters.queue_arn),
            ],
        )
        writer.acknowledge_wildcard(
            self._data.lake.objects_under(HISTORY), "an object's key holds its date and a name of its own"
        )
        writer.function.add_event_source(
            event_sources.SqsEventSource(
                queue.queue,
                batch_size=HISTORY_BATCH,
                max_batching_window=self._environment.history_window,
                report_batch_item_failures=True,
            )
        )
        return writer

    def _reports(self) -> PythonFunction:
        data = self._data
        files = data.lake.objects_under(REPORTS)
        reports = PythonFunction(
            self,
            "Reports",
            name="reports",
            environment=self._environment,
            layers=self._layers.core,
            size=Size(memory_mb=1_024, timeout=GATEWAY_PATIENCE),
            variables={
                "HOT_TABLE": data.hot_table.table_name,
                "BUCKET": data.bucket.bucket_name,
                "REPORTS_QUEUE_URL": data.reports_queue.queue.queue_url,
            },
            statements=[
                _allow(
                    ["dynamodb:BatchWriteItem", "dynamodb:UpdateItem", "dynamodb:GetItem"], data.hot_table.table_arn
                ),
                _allow(["sqs:SendMessage"], data.reports_queue.queue.queue_arn),
                _allow(["s3:GetObject"], files),
            ],
        )
        reports.acknowledge_wildcard(files, "a report's key holds its id")
        return reports

    def _report_worker(self) -> PythonFunction:
        data, catalog, queue = self._data, self._data.catalog, self._data.reports_queue
        written = [data.lake.objects_under(prefix) for prefix in (SCRATCH, REPORTS)]
        sets = data.lake.objects_under(SETS)
        worker = PythonFunction(
            self,
            "ReportWorker",
            name="report_worker",
            environment=self._environment,
            layers=self._layers.pandas,
            size=Size(memory_mb=1_769, timeout=REPORT_TIMEOUT),
            variables={
                "HOT_TABLE": data.hot_table.table_name,
                "BUCKET": data.bucket.bucket_name,
                "ATHENA_WORKGROUP": catalog.workgroup_name,
                "GLUE_DATABASE": catalog.database_name,
                "REPORTS_QUEUE_URL": queue.queue.queue_url,
                "REPORTS_DLQ_URL": queue.dead_letters.queue_url,
            },
            statements=[
                _allow(["dynamodb:Query", "dynamodb:GetItem", "dynamodb:UpdateItem"], data.hot_table.table_arn),
                _allow(["s3:GetObject", "s3:PutObject"], *written),
                _allow(["s3:GetObject"], sets),
                _allow(["sqs:ChangeMessageVisibility"], queue.queue.queue_arn),
                _allow(["sqs:SendMessage"], queue.dead_letters.queue_arn),
                *self._athena_statements(),
            ],
        )
        for objects in (*written, sets):
            worker.acknowledge_wildcard(objects, "the keys hold the ids of reports, runs and loads")
        worker.acknowledge_wildcard(data.lake.objects_under(HISTORY), "which objects a query reads, Athena decides")
        worker.acknowledge_wildcard(
            data.lake.objects_under(QUERY_RESULTS), "Athena names the results of a query after its execution"
        )
        worker.function.add_event_source(
            event_sources.SqsEventSource(queue.queue, batch_size=1, report_batch_item_failures=True)
        )
        return worker

    def _compactor(self) -> PythonFunction:
        data = self._data
        compactor = PythonFunction(
            self,
            "Compactor",
            name="compactor",
            environment=self._environment,
            layers=self._layers.parquet,
            size=Size(memory_mb=1_769, timeout=COMPACTOR_TIMEOUT, scratch_mb=2_048),
            variables={"HOT_TABLE": data.hot_table.table_name, "BUCKET": data.bucket.bucket_name},
            statements=[
                _allow(
                    ["dynamodb:Query", "dynamodb:ConditionCheckItem", *SINGLE_ITEMS],
                    data.hot_table.table_arn,
                ),
                _allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], data.lake.objects_under(HISTORY)),
                _allow(["s3:ListBucket"], data.bucket.bucket_arn),
            ],
        )
        compactor.acknowledge_wildcard(data.lake.objects_under(HISTORY), "which objects there are, writers decide")
        events.Rule(
            self,
            "CompactorSchedule",
            description="compact the partitions of the history that writers have marked",
            schedule=events.Schedule.rate(COMPACTOR_INTERVAL),
            targets=[targets.LambdaFunction(compactor.function, retry_attempts=0)],
        )
        return compactor

    def _file_loader(self) -> PythonFunction:
        data = self._data
        loader = PythonFunction(
            self,
            "FileLoader",
            name="file_loader",
            environment=self._environment,
            layers=self._layers.parquet,
            # A file's text lies on local disk, and energy readings a second time.
            size=Size(memory_mb=1_769, timeout=LOADER_TIMEOUT, scratch_mb=10_240),
            variables={
                "HOT_TABLE": data.hot_table.table_name,
                "BUCKET": data.bucket.bucket_name,
                "ALERT_RULES": alert_rules(self._environment),
                # Arrow's own pool gives memory back between blocks, and takes it anew page by page (docs/adr/0012)
                "ARROW_DEFAULT_MEMORY_POOL": "system",
            },
            statements=[
                _allow(
                    ["dynamodb:BatchWriteItem", "dynamodb:BatchGetItem", "dynamodb:Query", *SINGLE_ITEMS],
                    data.hot_table.table_arn,
                ),
                _allow(["s3:GetObject"], data.lake.objects_under(DROPS)),
                _allow(["s3:PutObject"], *(data.lake.objects_under(prefix) for prefix in (HISTORY, REJECTS, SETS))),
                _allow(["s3:ListBucket"], data.bucket.bucket_arn),  # so that a missing object is 404, not 403
            ],
        )
        for prefix in (DROPS, HISTORY, REJECTS, SETS):
            loader.acknowledge_wildcard(data.lake.objects_under(prefix), "senders and loads name their objects")
        loader.function.add_event_source(
            event_sources.SqsEventSource(data.loads_queue.queue, batch_size=1, max_concurrency=LOADERS)
        )
        return loader


def _allow(actions: list[str], *resources: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=actions, resources=list(resources))
