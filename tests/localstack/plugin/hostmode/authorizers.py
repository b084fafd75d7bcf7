"""REST API authorizers: their CloudFormation type, and that requests are let through only if they say so.

LocalStack 4.14 stores authorizers and asks none. This asks on every request (AWS caches the answer), and only those
of the type REQUEST and TOKEN that are Lambda functions.
"""

import fnmatch
import json
from typing import Any

from localstack.aws.connect import connect_to
from localstack.runtime import hooks
from localstack.services.apigateway.next_gen.execute_api import gateway_response, handlers
from localstack.services.cloudformation.resource_provider import (
    CloudFormationResourceProviderPlugin,
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceRequest,
)

_TYPE = "AWS::ApiGateway::Authorizer"


class AuthorizerProvider(ResourceProvider):
    """AWS::ApiGateway::Authorizer by the API's own calls."""

    TYPE = _TYPE
    SCHEMA = {"typeName": _TYPE, "properties": {}, "primaryIdentifier": ["/properties/AuthorizerId"]}

    def create(self, request: ResourceRequest) -> ProgressEvent:
        """Make it."""
        wanted = request.desired_state
        made = request.aws_client_factory.apigateway.create_authorizer(**_arguments(wanted))
        return _done({**wanted, "AuthorizerId": made["id"]})

    def update(self, request: ResourceRequest) -> ProgressEvent:
        """Change everything that may change in place."""
        wanted, previous = request.desired_state, request.previous_state
        changes = [
            {"op": "replace", "path": f"/{name}", "value": str(value)}
            for name, value in _arguments(wanted).items()
            if name not in ("restApiId", "type")
        ]
        request.aws_client_factory.apigateway.update_authorizer(
            restApiId=previous["RestApiId"], authorizerId=previous["AuthorizerId"], patchOperations=changes
        )
        return _done({**wanted, "AuthorizerId": previous["AuthorizerId"]})

    def delete(self, request: ResourceRequest) -> ProgressEvent:
        """Nothing to do: it goes with its API."""
        return _done({})


class AuthorizerProviderPlugin(CloudFormationResourceProviderPlugin):
    """Tells LocalStack of the provider."""

    name = _TYPE

    def __init__(self) -> None:
        self.factory: type[ResourceProvider] | None = None

    def load(self) -> None:
        """LocalStack takes `factory` after this."""
        self.factory = AuthorizerProvider


def _arguments(properties: dict[str, Any]) -> dict[str, Any]:
    """The API's names are the template's with a small first letter."""
    return {name[0].lower() + name[1:]: value for name, value in properties.items() if name != "AuthorizerId"}


def _done(model: dict[str, Any]) -> ProgressEvent:
    return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model)


@hooks.on_infra_start()
def enforce_authorizers() -> None:
    """Ask before a request goes on to its integration."""
    handlers.preprocess_request.append(authorize)


def authorize(_chain: Any, context: Any, _response: Any) -> None:
    """Raises what the gateway answers by its response of that type: 401, 403 or 500."""
    method = context.resource_method
    if method.get("authorizationType") != "CUSTOM":
        return
    authorizer = context.deployment.rest_api.authorizers[method["authorizerId"]]
    identity = _identity(authorizer, context.invocation_request)
    if not all(identity):
        raise gateway_response.UnauthorizedError("Unauthorized")
    arn = _method_arn(context)
    answer = _ask(context, authorizer, _event(context, authorizer, identity, arn))
    if not _allows(answer["policyDocument"], arn):
        raise gateway_response.AccessDeniedError("User is not authorized to access this resource")
    told = {name: str(value) for name, value in answer.get("context", {}).items()}
    context.context_variables["authorizer"] = {**told, "principalId": answer["principalId"]}


def _identity(authorizer: dict[str, Any], request: dict[str, Any]) -> list[str | None]:
    """The values that `identitySource` names (`method.request.header.Authorization, ...`)."""
    found = []
    for source in (authorizer.get("identitySource") or "").split(","):
        kind, _, name = source.strip().removeprefix("method.request.").partition(".")
        values = {"header": request["headers"], "querystring": request["query_string_parameters"]}[kind]
        found.append(values.get(name))
    return found


def _method_arn(context: Any) -> str:
    request = context.invocation_request
    api = f"arn:aws:execute-api:{context.region}:{context.account_id}:{context.api_id}"
    return f"{api}/{context.stage}/{request['http_method']}{request['path']}"


def _event(context: Any, authorizer: dict[str, Any], identity: list[str | None], arn: str) -> dict[str, Any]:
    if authorizer["type"] == "TOKEN":
        return {"type": "TOKEN", "methodArn": arn, "authorizationToken": identity[0]}
    request = context.invocation_request
    return {
        "type": "REQUEST",
        "methodArn": arn,
        "resource": context.resource["path"],
        "path": request["path"],
        "httpMethod": request["http_method"],
        "headers": dict(request["headers"]),
        "queryStringParameters": request["query_string_parameters"],
        "pathParameters": request["path_parameters"],
        "stageVariables": context.stage_variables,
        "requestContext": {k: v for k, v in context.context_variables.items() if k != "responseOverride"},
    }


def _ask(context: Any, authorizer: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    function = authorizer["authorizerUri"].split("/functions/")[1].removesuffix("/invocations")
    lambda_ = connect_to(region_name=context.region, aws_access_key_id=context.account_id).lambda_
    answer = lambda_.invoke(FunctionName=function, Payload=json.dumps(event, default=str))
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" not in answer:
        return told
    if told.get("errorMessage") == "Unauthorized":
        raise gateway_response.UnauthorizedError("Unauthorized")
    raise gateway_response.AuthorizerConfigurationError(None)


def _allows(policy: dict[str, Any], arn: str) -> bool:
    effects = set()
    for statement in policy["Statement"]:
        resources = statement["Resource"]
        for resource in [resources] if isinstance(resources, str) else resources:
            if fnmatch.fnmatchcase(arn, resource):
                effects.add(statement["Effect"])
    return effects == {"Allow"}
