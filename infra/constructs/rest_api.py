"""The REST API: routes, authorizer, throttling, and the gateway's own errors as problem details."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from aws_cdk import Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.nag import acknowledge
from infra.environments import Environment
from wattline.api.problems import PROBLEM_JSON, problem_type
from wattline.api.routes import Route

AUTHORIZER_CACHE = Duration.minutes(5)

FALLBACK = "web"
"""The function that answers 404 for paths without a route."""


@dataclass(frozen=True)
class GatewayProblem:
    """An error that the gateway answers itself."""

    response_type: apigateway.ResponseType
    status: int | None
    slug: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


_GATEWAY_PROBLEMS = (
    GatewayProblem(
        apigateway.ResponseType.UNAUTHORIZED,
        401,
        "unauthenticated",
        "send a valid token in the header Authorization: Bearer <JWT>",
        {"WWW-Authenticate": "Bearer"},
    ),
    GatewayProblem(apigateway.ResponseType.ACCESS_DENIED, 403, "missing-scope", "the token does not allow this"),
    GatewayProblem(
        apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN,
        404,
        "not-found",
        "there is no such route; /docs lists them all",
    ),
    GatewayProblem(
        apigateway.ResponseType.REQUEST_TOO_LARGE,
        413,
        "too-large",
        "a body holds at most 5 MB; send more as a file drop: put it in the bucket under drops/<kind>/",
    ),
    GatewayProblem(
        apigateway.ResponseType.THROTTLED,
        429,
        "too-many-requests",
        "too many requests just now; repeat after the seconds in Retry-After",
        {"Retry-After": "1"},
    ),
    # Functions answer their own errors, so these two are left for what never reached one. The first keeps the
    # gateway's own status, which a template cannot name.
    GatewayProblem(apigateway.ResponseType.DEFAULT_4_XX, None, "refused-by-the-gateway", "the gateway refused it"),
    GatewayProblem(
        apigateway.ResponseType.DEFAULT_5_XX,
        503,
        "try-again",
        "no function could answer in time; repeat the request",
        {"Retry-After": "5"},
    ),
)


class RestApi(Construct):
    """A regional REST API. `functions` answers the routes of `routes`, by the functions' names."""

    def __init__(  # noqa: PLR0913 - keyword-only wiring
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        functions: Mapping[str, lambda_.IFunction],
        routes: Mapping[str, Sequence[Route]],
        authorizer: lambda_.IFunction,
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"wattline-{environment.name}",
            description="wattline",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=environment.name,
                throttling_rate_limit=environment.throttle_rate,
                throttling_burst_limit=environment.throttle_burst,
                tracing_enabled=True,
                metrics_enabled=True,
            ),
        )
        self._authorizer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=authorizer,
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
            results_cache_ttl=AUTHORIZER_CACHE,
        )
        for name, of_function in routes.items():
            # One permission a function: by default CDK makes two for each method.
            integration = apigateway.LambdaIntegration(functions[name], scope_permission_to_method=False)
            for route in of_function:
                self._add_method(route, integration)
        self._add_fallback(functions[FALLBACK])
        for problem in _GATEWAY_PROBLEMS:
            self._add_gateway_response(problem)
        self._acknowledge_findings()

    def _add_method(self, route: Route, integration: apigateway.Integration) -> None:
        resource = self.api.root.resource_for_path(route.path)
        if route.scope is not None:
            method = resource.add_method(route.method, integration, authorizer=self._authorizer)
            acknowledge(method, "AwsSolutions-COG4", None, "any OIDC issuer may sign the tokens, Cognito among them")
            return
        method = resource.add_method(route.method, integration, authorization_type=apigateway.AuthorizationType.NONE)
        for rule in ("AwsSolutions-APIG4", "AwsSolutions-COG4"):
            acknowledge(method, rule, None, "public by contract: it tells nothing of a tenant's data")

    def _add_fallback(self, function: lambda_.IFunction) -> None:
        """Paths without a route: the gateway itself would take a bearer token for a broken AWS signature, 403."""
        integration = apigateway.LambdaIntegration(function, scope_permission_to_method=False)
        method = self.api.root.add_resource("{proxy+}").add_method(
            "ANY", integration, authorization_type=apigateway.AuthorizationType.NONE
        )
        for rule in ("AwsSolutions-APIG4", "AwsSolutions-COG4"):
            acknowledge(method, rule, None, "it answers 404, whoever asks")

    def alarm_on_errors(self) -> cloudwatch.Alarm:
        """Answers of 500 and above, the functions' own among them."""
        return cloudwatch.Alarm(
            self,
            "Errors",
            metric=self.api.metric_server_error(period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="the API answered 500 or above; the functions' logs say why",
        )

    def _add_gateway_response(self, problem: GatewayProblem) -> None:
        status = problem.status
        known = {} if status is None else {"title": HTTPStatus(status).phrase, "status": status}
        body = {
            "type": problem_type(problem.slug),
            **known,
            "detail": problem.detail,
            "request_id": "$context.requestId",
        }
        self.api.add_gateway_response(
            problem.response_type.response_type,
            type=problem.response_type,
            status_code=None if status is None else str(status),
            response_headers={name: f"'{value}'" for name, value in problem.headers.items()}
            | {"Content-Type": f"'{PROBLEM_JSON}'", "X-Request-Id": "context.requestId"},
            templates={"application/json": json.dumps(body)},
        )

    def _acknowledge_findings(self) -> None:
        stage = self.api.deployment_stage
        no_role = "API Gateway logs need a role for the whole account, which is the account owner's to set"
        acknowledge(stage, "AwsSolutions-APIG1", None, no_role)
        acknowledge(stage, "AwsSolutions-APIG6", None, no_role)
        acknowledge(stage, "AwsSolutions-APIG3", None, "a web ACL is the account owner's choice, priced by the rule")
        acknowledge(self.api, "AwsSolutions-APIG2", None, "functions validate, item by item, which a schema cannot")
