"""What is true of LocalStack without Docker, beside what is true of every target."""

from collections import Counter

import pytest

from infra.local.cloud import NAME
from tests.e2e.api import Deployment
from wattline.tables import TABLES

pytestmark = [pytest.mark.e2e, pytest.mark.only_on("localstack")]


def test_what_localstack_skips_is_the_catalog_and_nothing_else(deployment: Deployment) -> None:
    cloudformation = deployment.client("cloudformation")
    skipped: Counter[str] = Counter()
    for stack in (f"{NAME}-data", f"{NAME}-api"):
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
        assert {resource["ResourceStatus"] for resource in resources} == {"CREATE_COMPLETE"}
        skipped.update(each["ResourceType"] for each in resources if each.get("PhysicalResourceId") == "unknown")
    assert skipped == {"AWS::Glue::Database": 1, "AWS::Glue::Table": len(TABLES), "AWS::Athena::WorkGroup": 1}
