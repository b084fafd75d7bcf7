"""The CDK app: `cdk deploy -c environment=<name> ...`, as README's "Deploy to AWS" tells.

The local run passes `-c environment=local` with the addresses of the local cloud.
"""

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra import environments
from infra.environments import Environment, MeterSource, TokenIssuer
from infra.stacks.api import ApiStack
from infra.stacks.data import DataStack
from wattline.domain.alerts import DEFAULT_RULES
from wattline.runtime.settings import parse_rules

LOCAL = "local"


def build(app: App, environment: Environment) -> tuple[DataStack, ApiStack]:
    """Both stacks of an environment, with cdk-nag watching."""
    Validations.of(app).add_plugins(AwsSolutionsChecks())
    data = DataStack(app, f"wattline-{environment.name}-data", environment=environment)
    api = ApiStack(app, f"wattline-{environment.name}-api", environment=environment, data=data)
    return data, api


def environment_of(app: App) -> Environment:
    """The environment that the context describes. Raises ValueError when something is missing."""
    name = _context(app, "environment")
    tokens = TokenIssuer(
        issuer=_context(app, "jwt_issuer"),
        audience=_context(app, "jwt_audience"),
        jwks_url=app.node.try_get_context("jwks_url"),
        jwks=app.node.try_get_context("jwks"),
    )
    if name == LOCAL:
        return environments.local(
            tokens=tokens,
            athena_url=_context(app, "athena_url"),
            endpoint_url=_context(app, "endpoint_url"),
            meter_source=_meter_source(app),
        )
    rules = app.node.try_get_context("alert_rules")
    return environments.aws(name, tokens, parse_rules(rules) if rules else DEFAULT_RULES, _meter_source(app))


def _meter_source(app: App) -> MeterSource | None:
    """The smart-meter API, where one is given."""
    if not app.node.try_get_context("meter_url"):
        return None
    muids = tuple(muid.strip() for muid in _context(app, "meter_ids").split(","))
    return MeterSource(url=_context(app, "meter_url"), muids=muids, since=_context(app, "meter_since"))


def _context(app: App, key: str) -> str:
    value = app.node.try_get_context(key)
    if not value:
        raise ValueError(f"say -c {key}=...; README, 'Deploy to AWS', lists what a deployment needs")
    return str(value)


if __name__ == "__main__":
    app = App()
    build(app, environment_of(app))
    app.synth()
