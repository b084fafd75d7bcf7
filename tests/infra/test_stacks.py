"""What the synthesized templates promise."""

import json
import re
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest

from functions.poller.handler import METERS_UNREAD
from infra.constructs.dependency_layers import BUILT, ROOT
from infra.environments import MeterSource, TokenIssuer
from tests.infra.conftest import Synthesized
from wattline.api.routes import ROUTES
from wattline.domain.instants import DAY_MS
from wattline.domain.reports import KEPT_MS
from wattline.tables import SCRATCH_TABLES, TABLES, Grain

LAMBDA_UNZIPPED_LIMIT = 262_144_000
MANAGED_PANDAS_LAYER = 204_000_000
"""What AWS's layer of the SDK for pandas (arm64) holds unzipped."""


def test_cdk_nag_finds_nothing_that_is_not_acknowledged(synthesized: Synthesized) -> None:
    report = json.loads((synthesized.folder / "validation-report.json").read_text())
    (plugin,) = report["pluginReports"]
    assert plugin["pluginName"] == "AwsSolutions"
    assert plugin["conclusion"] == "success"
    assert plugin["violations"] == []


@pytest.mark.parametrize("stack", ["data", "api"])
def test_cfn_lint_finds_nothing(synthesized: Synthesized, stack: str) -> None:
    path = synthesized.folder / f"wattline-{synthesized.name}-{stack}.template.json"
    # W3005: CDK repeats in DependsOn what a reference says already, which does no harm.
    found = cfnlint.api.lint(path.read_text(), config={"regions": ["us-east-1"], "ignore_checks": ["W3005"]})
    assert [str(match) for match in found] == []


def test_there_are_no_custom_resources(synthesized: Synthesized) -> None:
    for stack in ("data", "api"):
        kinds = {resource["Type"] for resource in synthesized.template(stack)["Resources"].values()}
        assert not {kind for kind in kinds if kind.startswith("Custom::") or "CustomResource" in kind}


def test_the_gateway_has_exactly_our_routes_and_only_public_ones_are_open(synthesized: Synthesized) -> None:
    paths = {"": ""}
    resources = synthesized.resources("AWS::ApiGateway::Resource")
    while len(paths) <= len(resources):
        for logical_id, properties in resources.items():
            parent = properties["ParentId"].get("Ref", "")
            if parent in paths:
                paths[logical_id] = f"{paths[parent]}/{properties['PathPart']}"
    methods = synthesized.resources("AWS::ApiGateway::Method").values()
    found = {
        (method["HttpMethod"], paths[method["ResourceId"].get("Ref", "")], method["AuthorizationType"])
        for method in methods
    }
    routes = {(route.method, route.path, "CUSTOM" if route.scope else "NONE") for route in ROUTES}
    assert found == {*routes, ("ANY", "/{proxy+}", "NONE")}, "and a 404 for every other path"


def statements(synthesized: Synthesized) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for logical_id, policy in synthesized.resources("AWS::IAM::Policy").items():
        found += [(logical_id, each) for each in policy["PolicyDocument"]["Statement"]]
    return found


def actions(statement: dict[str, Any]) -> list[str]:
    named = statement["Action"]
    return [named] if isinstance(named, str) else list(named)


def test_no_role_may_scan_and_no_action_has_a_wildcard(synthesized: Synthesized) -> None:
    allowed = [(policy, action) for policy, each in statements(synthesized) for action in actions(each)]
    assert len(allowed) > 10
    assert [each for each in allowed if "*" in each[1] or each[1] == "dynamodb:Scan"] == []


def test_only_tracing_may_name_every_resource(synthesized: Synthesized) -> None:
    everything = {tuple(sorted(actions(each))) for _, each in statements(synthesized) if each["Resource"] == "*"}
    assert everything == {("xray:PutTelemetryRecords", "xray:PutTraceSegments")}


def test_each_function_has_a_role_of_its_own_without_managed_policies(synthesized: Synthesized) -> None:
    functions = synthesized.resources("AWS::Lambda::Function")
    roles = {json.dumps(function["Role"]) for function in functions.values()}
    assert len(roles) == len(functions) == 12
    assert all("ManagedPolicyArns" not in role for role in synthesized.resources("AWS::IAM::Role").values())


def test_each_function_logs_to_a_group_that_forgets(synthesized: Synthesized) -> None:
    functions = synthesized.resources("AWS::Lambda::Function")
    groups = synthesized.resources("AWS::Logs::LogGroup")
    assert len(groups) == len(functions)
    assert all(group["RetentionInDays"] for group in groups.values())


def test_errors_that_callers_see_and_errors_of_workers_raise_alarms(synthesized: Synthesized) -> None:
    watched = {
        (alarm["Namespace"], alarm["MetricName"]) for alarm in synthesized.resources("AWS::CloudWatch::Alarm").values()
    }
    assert {("AWS/ApiGateway", "5XXError"), ("AWS/Lambda", "Errors")} <= watched


def test_each_queue_has_dead_letters_and_alarms_on_the_first_and_on_an_hour(synthesized: Synthesized) -> None:
    queues = synthesized.resources("AWS::SQS::Queue")
    work = [key for key, queue in queues.items() if "RedrivePolicy" in queue]
    lost_records = [queue["QueueName"] for queue in queues.values() if queue["QueueName"].endswith("-alerts-dlq")]
    assert len(work) * 2 + len(lost_records) == len(queues)
    alarms = synthesized.resources("AWS::CloudWatch::Alarm").values()
    watched = {(alarm["MetricName"], alarm["Threshold"]) for alarm in alarms}
    assert {("ApproximateNumberOfMessagesVisible", 1), ("ApproximateAgeOfOldestMessage", 3600)} <= watched
    assert all(alarm["AlarmActions"] for alarm in alarms)
    assert all(queue["SqsManagedSseEnabled"] for queue in queues.values())


def test_alarms_may_publish_to_their_topic(synthesized: Synthesized) -> None:
    policies = synthesized.resources("AWS::SNS::TopicPolicy")
    (policy,) = [policy for name, policy in policies.items() if name.startswith("Operations")]
    allowed = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert [(each["Principal"], each["Action"]) for each in allowed] == [
        ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    ]


def test_a_message_stays_hidden_six_times_as_long_as_its_consumer_may_work(synthesized: Synthesized) -> None:
    functions = synthesized.resources("AWS::Lambda::Function")
    timeouts = {functions[mapping["FunctionName"]["Ref"]]["Timeout"] for mapping in from_queues(synthesized)}
    hidden = {
        queue["VisibilityTimeout"]
        for queue in synthesized.resources("AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    }
    assert hidden == {6 * timeout for timeout in timeouts}


def test_a_failed_message_never_brings_back_those_delivered_with_it(synthesized: Synthesized) -> None:
    for mapping in from_queues(synthesized):
        assert mapping["BatchSize"] == 1 or mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BatchSize"] <= 10 or mapping["MaximumBatchingWindowInSeconds"] >= 1


def from_queues(synthesized: Synthesized) -> list[dict[str, Any]]:
    mappings = synthesized.resources("AWS::Lambda::EventSourceMapping").values()
    return [mapping for mapping in mappings if "Queue" in json.dumps(mapping["EventSourceArn"])]


def test_dropped_files_are_announced_and_s3_has_leave_to_do_so_by_then(synthesized: Synthesized) -> None:
    (bucket,) = [
        each for each in synthesized.template("data")["Resources"].values() if each["Type"] == "AWS::S3::Bucket"
    ]
    (announcement,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert announcement["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "drops/"}]
    policies = synthesized.resources("AWS::SQS::QueuePolicy")
    (leave,) = [
        name
        for name, policy in policies.items()
        for each in policy["PolicyDocument"]["Statement"]
        if each["Principal"] == {"Service": "s3.amazonaws.com"}
    ]
    assert leave in bucket["DependsOn"]


def test_the_stream_hands_only_live_states_and_new_transitions_to_the_alerter(synthesized: Synthesized) -> None:
    mappings = synthesized.resources("AWS::Lambda::EventSourceMapping").values()
    (mapping,) = [each for each in mappings if "StartingPosition" in each]
    patterns = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
    assert patterns == [
        {
            "eventName": ["INSERT", "MODIFY"],
            "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "VEHICLE#"}]}, "sk": {"S": ["LIVE"]}}},
        },
        {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "TRANSITION#"}]}}}},
    ]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] > 0
    assert mapping["MaximumRecordAgeInSeconds"] <= 86_400
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"]
    (table,) = synthesized.resources("AWS::DynamoDB::Table").values()
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


def test_rules_of_alerts_are_configuration() -> None:
    from aws_cdk import App

    from infra.app import environment_of

    rule = {"name": "cold", "metric": "batteryTemp", "comparison": "below", "threshold": -10, "clear": 0}
    context = {
        "environment": "prod",
        "jwt_issuer": "i",
        "jwt_audience": "a",
        "jwks_url": "https://issuer.example/",
        "alert_rules": json.dumps([rule]),
    }
    (parsed,) = environment_of(App(context=context)).alert_rules
    assert (parsed.name, parsed.threshold, parsed.hold_seconds) == ("cold", -10, 0)
    for wrong in ([rule, rule], [rule | {"clear": -20}], [rule | {"holds": 3}], [rule | {"metric": None}]):
        with pytest.raises(ValueError, match=r"rule|holds|metric"):
            environment_of(App(context=context | {"alert_rules": json.dumps(wrong)}))


def test_the_bucket_is_private_and_encrypted_and_the_table_recoverable(synthesized: Synthesized) -> None:
    (bucket,) = synthesized.resources("AWS::S3::Bucket").values()
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert bucket["BucketEncryption"]
    (table,) = synthesized.resources("AWS::DynamoDB::Table").values()
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}


def test_state_on_aws_survives_the_deletion_of_its_stack(on_aws: Synthesized) -> None:
    kept = {
        resource["Type"]
        for resource in on_aws.template("data")["Resources"].values()
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate"
    }
    assert {"AWS::S3::Bucket", "AWS::DynamoDB::Table"} <= kept


def test_glue_has_every_history_table_with_projected_partitions(synthesized: Synthesized) -> None:
    tables = {
        table["TableInput"]["Name"]: table["TableInput"] for table in synthesized.resources("AWS::Glue::Table").values()
    }
    assert tables.keys() == TABLES.keys() | SCRATCH_TABLES.keys()
    for name, definition in TABLES.items():
        parameters = tables[name]["Parameters"]
        columns = tables[name]["StorageDescriptor"]["Columns"]
        assert [(each["Name"], each["Type"]) for each in columns] == [(c.name, c.glue_type) for c in definition.columns]
        assert [each["Name"] for each in tables[name]["PartitionKeys"]] == ["dt", "bucket"]
        assert parameters["projection.enabled"] == "true"
        assert parameters["projection.dt.range"] == "1970-01-01,NOW+2DAYS"
        assert parameters["projection.dt.interval.unit"] == ("MONTHS" if definition.grain is Grain.MONTH else "DAYS")
        assert parameters["projection.bucket.values"].split(",") == ["landing", *(f"{n:02d}" for n in range(16))]


def test_scratch_tables_are_partitioned_by_the_run_that_a_query_names(synthesized: Synthesized) -> None:
    tables = {
        table["TableInput"]["Name"]: table["TableInput"] for table in synthesized.resources("AWS::Glue::Table").values()
    }
    for name, definition in SCRATCH_TABLES.items():
        columns = tables[name]["StorageDescriptor"]["Columns"]
        assert [(each["Name"], each["Type"]) for each in columns] == [(c.name, c.glue_type) for c in definition.columns]
        assert [each["Name"] for each in tables[name]["PartitionKeys"]] == ["run"]
        assert tables[name]["Parameters"]["projection.run.type"] == "injected"


def test_reports_outlive_the_items_that_name_them_and_scratch_goes_after_a_day(synthesized: Synthesized) -> None:
    (bucket,) = synthesized.resources("AWS::S3::Bucket").values()
    kept = {
        rule["Prefix"]: rule["ExpirationInDays"]
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if "ExpirationInDays" in rule
    }
    assert kept == {"athena-results/": 1, "scratch/": 1, "reports/": 31}
    assert kept["reports/"] * DAY_MS > KEPT_MS


def test_the_workgroup_bounds_what_a_query_may_read(synthesized: Synthesized) -> None:
    (workgroup,) = synthesized.resources("AWS::Athena::WorkGroup").values()
    configuration = workgroup["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] >= 10_000_000


def test_requests_are_throttled_and_the_gateways_own_errors_are_problems(synthesized: Synthesized) -> None:
    (stage,) = synthesized.resources("AWS::ApiGateway::Stage").values()
    (settings,) = stage["MethodSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (500, 1_000)
    (api,) = synthesized.resources("AWS::ApiGateway::RestApi").values()
    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    responses = synthesized.resources("AWS::ApiGateway::GatewayResponse").values()
    expected = {
        "UNAUTHORIZED": 401,
        "ACCESS_DENIED": 403,
        "MISSING_AUTHENTICATION_TOKEN": 404,
        "REQUEST_TOO_LARGE": 413,
        "THROTTLED": 429,
        "DEFAULT_4XX": None,
        "DEFAULT_5XX": 503,
    }
    assert {
        each["ResponseType"]: int(each["StatusCode"]) if "StatusCode" in each else None for each in responses
    } == expected
    for response in responses:
        problem = json.loads(response["ResponseTemplates"]["application/json"])
        assert problem.get("status") == expected[response["ResponseType"]]
        assert {"type", "detail", "request_id"} <= problem.keys()
        assert response["ResponseParameters"]["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    (throttled,) = [each for each in responses if each["ResponseType"] == "THROTTLED"]
    assert "gatewayresponse.header.Retry-After" in throttled["ResponseParameters"]


def test_the_authorizer_reads_the_authorization_header(synthesized: Synthesized) -> None:
    (authorizer,) = synthesized.resources("AWS::ApiGateway::Authorizer").values()
    assert (authorizer["Type"], authorizer["IdentitySource"]) == ("REQUEST", "method.request.header.Authorization")


def test_on_aws_functions_run_on_arm_with_layers_and_nothing_points_at_an_emulator(on_aws: Synthesized) -> None:
    for function in on_aws.resources("AWS::Lambda::Function").values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert len(function["Layers"]) >= 2
        assert not [name for name in function["Environment"]["Variables"] if name.startswith("AWS_ENDPOINT")]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def test_function_and_layers_stay_within_what_lambda_unzips() -> None:
    wattline = size(ROOT / "layers" / "core")
    core, parquet = size(BUILT / "core_deps"), size(BUILT / "parquet_deps")
    assert core > 20_000_000, "the layer was not built; run `make layers`"
    assert parquet > 100_000_000, "the layer was not built; run `make layers`"
    largest_handler = max(size(folder) for folder in (ROOT / "functions").iterdir() if folder.is_dir())
    assert largest_handler + wattline + core + parquet <= LAMBDA_UNZIPPED_LIMIT


def test_the_report_worker_stays_within_it_with_the_managed_layer() -> None:
    own = size(ROOT / "layers" / "core") + size(BUILT / "core_deps") + size(ROOT / "functions" / "report_worker")
    assert own + MANAGED_PANDAS_LAYER <= LAMBDA_UNZIPPED_LIMIT


def test_the_layers_hold_binaries_for_lambda_and_not_for_this_machine() -> None:
    names = [path.name for path in BUILT.rglob("*.cpython-*.so")]
    assert names
    assert [name for name in names if not re.search(r"cpython-313-aarch64-linux", name)] == []


def test_the_layers_hold_what_was_locked() -> None:
    for layer in ("core_deps", "parquet_deps"):
        lock = (ROOT / "layers" / layer / "requirements.txt").read_text()
        locked = {name.replace("-", "_").lower() for name in re.findall(r"^([A-Za-z0-9-]+)==[^ ]+", lock, re.MULTILINE)}
        built = {path.name.split("-")[0].lower() for path in (BUILT / layer / "python").glob("*.dist-info")}
        assert built == locked


def test_a_token_issuer_needs_exactly_one_source_of_keys() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        TokenIssuer(issuer="i", audience="a")
    with pytest.raises(ValueError, match="exactly one"):
        TokenIssuer(issuer="i", audience="a", jwks="{}", jwks_url="https://issuer.example/")


def test_the_poller_knows_its_meters_runs_every_quarter_hour_and_raises_an_alarm(synthesized: Synthesized) -> None:
    (poller,) = [
        function["Environment"]["Variables"]
        for function in synthesized.resources("AWS::Lambda::Function").values()
        if function["FunctionName"].endswith("-poller")
    ]
    assert poller["METER_SOURCE_URL"] == "https://meters.example/v1"
    assert (json.loads(poller["METER_SOURCE_MUIDS"]), poller["METER_SOURCE_SINCE"]) == (["a", "b"], "2024-01-01")
    rules = synthesized.resources("AWS::Events::Rule").values()
    assert [rule["ScheduleExpression"] for rule in rules].count("rate(15 minutes)") == 2, "and the compactor"
    (alarm,) = [
        alarm
        for alarm in synthesized.resources("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == METERS_UNREAD
    ]
    assert alarm["Dimensions"] == [{"Name": "service", "Value": poller["POWERTOOLS_SERVICE_NAME"]}]


def test_a_meter_source_needs_an_address_meters_and_a_day() -> None:
    good = {"url": "https://meters.example/", "muids": ("a",), "since": "2024-01-01"}
    MeterSource(**good)  # type: ignore[arg-type]
    for bad in ({"url": "meters.example"}, {"muids": ("",)}, {"since": "soon"}):
        with pytest.raises(ValueError, match=r"."):
            MeterSource(**(good | bad))  # type: ignore[arg-type]
