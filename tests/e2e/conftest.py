"""One deployment for all end-to-end tests: the real CDK app on a local cloud of its own, on free ports.

It runs beside a `make up` and leaves nothing behind. `--target` says which cloud that is.
"""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from infra.local.cloud import LocalCloud
from infra.local.processes import free_port
from tests.e2e.api import Api, Deployment
from tests.e2e.capabilities import CAPABILITIES
from tests.localstack.cloud import HostModeLocalStack

CLOUDS = {"ministack": LocalCloud, "localstack": HostModeLocalStack}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not for this target, or cannot be there (capabilities.py says why)."""
    target = config.getoption("--target")
    left_out = [item for item in items if not _runs_on(target, item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _runs_on(target: str, item: pytest.Item) -> bool:
    targets = [each for mark in item.iter_markers("only_on") for each in mark.args]
    needed = [name for mark in item.iter_markers("capability") for name in mark.args]
    return (not targets or target in targets) and all(CAPABILITIES[name].runs_on(target) for name in needed)


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    state: Path = tmp_path_factory.mktemp("local-cloud")
    cloud = CLOUDS[request.config.getoption("--target")](state, free_port(), free_port(), free_port())
    try:
        outputs = cloud.up(print)
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=outputs["region"])
        config = Config(s3={"addressing_style": "path"})

        def client(service: str) -> object:
            return session.client(service, endpoint_url=outputs["endpoint_url"], config=config)  # type: ignore[call-overload]

        yield Deployment(outputs, state, client)
    finally:
        cloud.down()


@pytest.fixture(scope="session")
def api(deployment: Deployment) -> Iterator[Api]:
    with Api(deployment.outputs["api_url"], deployment.outputs["token"]) as client:
        yield client
