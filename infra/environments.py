"""What differs between deployments: one frozen, typed description each."""

from dataclasses import dataclass, field

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs


@dataclass(frozen=True, kw_only=True)
class TokenIssuer:
    """Who signs the tokens: the keys are given by their address, or inline (one of the two)."""

    issuer: str
    audience: str
    jwks_url: str | None = None
    jwks: str | None = None

    def __post_init__(self) -> None:
        if (self.jwks_url is None) == (self.jwks is None):
            raise ValueError("give the token keys by exactly one of jwks_url and jwks")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A deployment. `name` stands in every stack's and resource's name and is the API's stage."""

    name: str
    tokens: TokenIssuer
    runtime: lambda_.Runtime
    architecture: lambda_.Architecture
    dependency_layers: bool
    """Whether functions get their dependencies as layers; locally they are in the interpreter."""
    removal_policy: RemovalPolicy
    function_variables: dict[str, str] = field(default_factory=dict)
    """Environment variables every function gets."""
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH
    throttle_rate: int = 500
    """Requests a second over all routes; `throttle_burst` may come at once."""
    throttle_burst: int = 1_000
    query_cutoff_bytes: int = 100 * 1024**3
    """Athena stops a query that reads more: half a dollar."""
    pandas_layer_version: int | None = 11
    """Of AWS's managed layer of the SDK for pandas (3.16.1); None locally, where it is in the interpreter."""
    history_window: Duration = field(default_factory=lambda: Duration.seconds(20))
    """How long the history writer waits for more messages, to write fewer and larger objects."""


def aws(name: str, tokens: TokenIssuer) -> Environment:
    """A deployment on AWS."""
    return Environment(
        name=name,
        tokens=tokens,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        dependency_layers=True,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    )


def local(*, tokens: TokenIssuer, athena_url: str, endpoint_url: str) -> Environment:
    """The same stacks on a local cloud, which runs functions on this machine's interpreter."""
    return Environment(
        name="local",
        tokens=tokens,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.X86_64,
        dependency_layers=False,
        pandas_layer_version=None,
        removal_policy=RemovalPolicy.DESTROY,
        function_variables={"AWS_ENDPOINT_URL": endpoint_url, "AWS_ENDPOINT_URL_ATHENA": athena_url},
    )
