"""Both targets, synthesized once."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")


@dataclass(frozen=True)
class Synthesized:
    """A target's cloud assembly."""

    folder: Path
    name: str

    def template(self, stack: str) -> dict[str, Any]:
        path = self.folder / f"wattline-{self.name}-{stack}.template.json"
        template: dict[str, Any] = json.loads(path.read_text())
        return template

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type, by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for stack in ("data", "api")
            for logical_id, resource in self.template(stack)["Resources"].items()
            if resource["Type"] == kind
        }


@pytest.fixture(scope="session", params=["local", "aws"])
def synthesized(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return _synthesize(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def on_aws(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return _synthesize("aws", tmp_path_factory.mktemp("on-aws"))


def _synthesize(target: str, folder: Path) -> Synthesized:
    from aws_cdk import App

    from infra import environments
    from infra.app import build
    from infra.environments import MeterSource, TokenIssuer

    meters = MeterSource(url="https://meters.example/v1", muids=("a", "b"), since="2024-01-01")
    if target == "local":
        tokens = TokenIssuer(issuer="https://issuer.example/", audience="wattline", jwks='{"keys": []}')
        environment = environments.local(
            tokens=tokens, athena_url="http://127.0.0.1:1", endpoint_url="http://127.0.0.1:2", meter_source=meters
        )
    else:
        tokens = TokenIssuer(
            issuer="https://issuer.example/", audience="wattline", jwks_url="https://issuer.example/jwks.json"
        )
        environment = environments.aws("prod", tokens, meter_source=meters)
    app = App(outdir=str(folder))
    build(app, environment)
    app.synth()
    return Synthesized(folder, environment.name)
