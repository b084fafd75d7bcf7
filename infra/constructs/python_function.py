"""A function with its own role and log group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import Size as StorageSize
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.dependency_layers import ROOT
from infra.constructs.nag import acknowledge
from infra.environments import Environment


@dataclass(frozen=True, kw_only=True)
class Size:
    """What a function may use; CPU follows memory (1,769 MB are one vCPU)."""

    memory_mb: int = 1_024
    timeout: Duration
    scratch_mb: int = 512


class PythonFunction(Construct):
    """`functions/<name>/handler.py` under a role that may do what `statements` say, log and trace."""

    def __init__(  # noqa: PLR0913 - keyword-only wiring
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        environment: Environment,
        layers: Sequence[lambda_.ILayerVersion],
        size: Size,
        variables: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        full_name = f"wattline-{environment.name}-{name.replace('_', '-')}"
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{full_name}",
            retention=environment.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        for statement in statements:
            role.add_to_policy(statement)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=full_name,
            code=lambda_.Code.from_asset(str(ROOT / "functions" / name), exclude=["**/__pycache__"]),
            handler="handler.handler",
            runtime=environment.runtime,
            architecture=environment.architecture,
            layers=list(layers),
            role=role,
            memory_size=size.memory_mb,
            timeout=size.timeout,
            ephemeral_storage_size=StorageSize.mebibytes(size.scratch_mb),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            environment={
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": "wattline",
                "POWERTOOLS_LOG_LEVEL": "INFO",
                # time zones from the tzdata that is locked, not from the host's files
                "PYTHONTZPATH": "",
                **environment.function_variables,
                **variables,
            },
        )
        self._role = role
        self.acknowledge_wildcard("*", "X-Ray's actions take no resource")
        acknowledge(self.function, "AwsSolutions-L1", None, "3.13 is the newest runtime all layers are built for")

    def alarm_on_errors(self) -> cloudwatch.Alarm:
        """For a worker, whose errors no caller sees; those of HTTP functions are in the API's own figures."""
        return cloudwatch.Alarm(
            self,
            "Errors",
            metric=self.function.metric_errors(period=Duration.minutes(5)),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{self.function.function_name} raised an error; its log group says which",
        )

    def acknowledge_wildcard(self, resource: str, reason: str) -> None:
        """Tell cdk-nag why the role may name a resource with a wildcard."""
        finding = resource
        for token, shown in ((Aws.PARTITION, "Partition"), (Aws.ACCOUNT_ID, "AccountId"), (Aws.REGION, "Region")):
            finding = finding.replace(token, f"<AWS::{shown}>")
        acknowledge(self._role, "AwsSolutions-IAM5", f"Resource::{finding}", reason)
