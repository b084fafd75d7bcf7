"""What is true of LocalStack without Docker, beside what is true of every target."""

import json
import uuid
from collections import Counter

import pytest

from infra.local.cloud import NAME
from tests.e2e.api import Deployment
from wattline.tables import SCRATCH_TABLES, TABLES

pytestmark = [pytest.mark.e2e, pytest.mark.only_on("localstack")]


def test_what_localstack_skips_is_the_catalog_and_nothing_else(deployment: Deployment) -> None:
    cloudformation = deployment.client("cloudformation")
    skipped: Counter[str] = Counter()
    for stack in (f"{NAME}-data", f"{NAME}-api"):
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
        assert {resource["ResourceStatus"] for resource in resources} == {"CREATE_COMPLETE"}
        skipped.update(each["ResourceType"] for each in resources if each.get("PhysicalResourceId") == "unknown")
    assert skipped == {
        "AWS::Glue::Database": 1,
        "AWS::Glue::Table": len(TABLES) + len(SCRATCH_TABLES),
        "AWS::Athena::WorkGroup": 1,
    }


def test_an_authorizer_follows_its_template(deployment: Deployment) -> None:
    cloudformation, gateway = deployment.client("cloudformation"), deployment.client("apigateway")
    name = f"probe-{uuid.uuid4().hex[:12]}"

    def template(ttl: int) -> str:
        properties = {
            "RestApiId": {"Ref": "Api"},
            "Name": "judge",
            "Type": "REQUEST",
            "AuthorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/judge/invocations",
            "IdentitySource": "method.request.header.Authorization",
            "AuthorizerResultTtlInSeconds": ttl,
        }
        resources = {
            "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": name}},
            "Judge": {"Type": "AWS::ApiGateway::Authorizer", "Properties": properties},
        }
        outputs = {each: {"Value": {"Ref": each}} for each in resources}
        return json.dumps({"Resources": resources, "Outputs": outputs})

    def deployed() -> dict[str, object]:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        found: dict[str, object] = gateway.get_authorizer(restApiId=outputs["Api"], authorizerId=outputs["Judge"])
        return found

    cloudformation.create_stack(StackName=name, TemplateBody=template(60))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    first = deployed()
    assert (first["type"], first["authorizerResultTtlInSeconds"]) == ("REQUEST", 60)
    cloudformation.update_stack(StackName=name, TemplateBody=template(120))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    second = deployed()
    assert (second["id"], second["authorizerResultTtlInSeconds"]) == (first["id"], 120)
    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
