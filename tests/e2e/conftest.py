"""One deployment for all end-to-end tests: the real CDK app on a local cloud of its own, on free ports.

It runs beside a `make up` and leaves nothing behind.
"""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from infra.local.cloud import LocalCloud
from infra.local.processes import free_port
from tests.e2e.api import Api, Deployment


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    state: Path = tmp_path_factory.mktemp("local-cloud")
    cloud = LocalCloud(state, free_port(), free_port(), free_port())
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
