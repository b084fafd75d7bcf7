"""What all tests share: no test may reach a real account."""

import os
from collections.abc import Iterator

import hypothesis
import pytest
from moto import mock_aws

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "wattline",
    "POWERTOOLS_SERVICE_NAME": "tests",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declared here, as options of folders further down are unknown when pytest is told to run all of `tests`."""
    parser.addoption("--target", choices=["ministack", "localstack"], default="ministack", help="of end-to-end tests")


# A slow machine fails no law.
hypothesis.settings.register_profile("wattline", deadline=None)
hypothesis.settings.load_profile("wattline")

# Powertools reads its variables when a function is imported, before any fixture.
os.environ.update(ENVIRONMENT)


@pytest.fixture(autouse=True)
def _no_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_ATHENA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def aws() -> Iterator[None]:
    """moto in place of AWS."""
    with mock_aws():
        yield
