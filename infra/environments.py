"""What differs between deployments: one frozen, typed description each."""

from dataclasses import dataclass, field
from datetime import date

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from wattline.domain.alerts import DEFAULT_RULES, Rule


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
class MeterSource:
    """A smart-meter API to poll: its address, the meters to ask for, and the day from which on (YYYY-MM-DD)."""

    url: str
    muids: tuple[str, ...]
    since: str

    def __post_init__(self) -> None:
        date.fromisoformat(self.since)
        if not self.url.startswith(("http://", "https://")) or not all(self.muids):
            raise ValueError("a meter source needs an http address and the ids of its meters")


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
    alert_rules: tuple[Rule, ...] = DEFAULT_RULES
    """When alerts fire and clear."""
    log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH
    throttle_rate: int = 500
    """Requests a second over all routes; `throttle_burst` may come at once."""
    throttle_burst: int = 1_000
    query_cutoff_bytes: int = 100 * 1024**3
    """Athena stops a query that reads more: half a dollar."""
    meter_source: MeterSource | None = None
    """None: nothing is polled, and meters' readings come by file drops alone."""
    pandas_layer_version: int | None = 11
    """Of AWS's managed layer of the SDK for pandas (3.16.1); None locally, where it is in the interpreter."""
    history_window: Duration = field(default_factory=lambda: Duration.seconds(20))
    """How long the history writer waits for more messages, to write fewer and larger objects."""


def aws(
    name: str,
    tokens: TokenIssuer,
    alert_rules: tuple[Rule, ...] = DEFAULT_RULES,
    meter_source: MeterSource | None = None,
) -> Environment:
    """A deployment on AWS."""
    return Environment(
        name=name,
        tokens=tokens,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        dependency_layers=True,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        alert_rules=alert_rules,
        meter_source=meter_source,
    )


def local(
    *, tokens: TokenIssuer, athena_url: str, endpoint_url: str, meter_source: MeterSource | None = None
) -> Environment:
    """The same stacks on a local cloud, which runs functions on this machine's interpreter."""
    return Environment(
        name="local",
        tokens=tokens,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.X86_64,
        dependency_layers=False,
        pandas_layer_version=None,
        removal_policy=RemovalPolicy.DESTROY,
        meter_source=meter_source,
        function_variables={"AWS_ENDPOINT_URL": endpoint_url, "AWS_ENDPOINT_URL_ATHENA": athena_url},
    )
