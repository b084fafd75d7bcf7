"""Gateway responses: the templates and headers that an API declares for the gateway's own errors.

LocalStack 4.14 stores them and takes the status code only. On AWS a template is plain text with `$context` variables,
and a header is a quoted value or a `context` variable.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
"""

import json
import re
from collections.abc import Callable
from typing import Any

from localstack.runtime import hooks
from localstack.services.apigateway.next_gen.execute_api.gateway_response import get_gateway_response_or_default
from localstack.services.apigateway.next_gen.execute_api.handlers.gateway_exception import GatewayExceptionHandler
from localstack.utils.patch import patch

_HEADER = "gatewayresponse.header."
_VARIABLE = re.compile(r"\$context((?:\.\w+)+)")


@hooks.on_infra_start()
def answer_as_declared() -> None:
    """Replace body and headers of the gateway's answer by what is declared, if anything is."""

    @patch(GatewayExceptionHandler.create_exception_response)
    def create_exception_response(original: Callable[..., Any], handler: Any, exception: Any, context: Any) -> Any:
        response = original(handler, exception, context)
        declared = get_gateway_response_or_default(exception.type, context.deployment.rest_api.gateway_responses)
        variables = context.context_variables
        for name, value in (declared.get("responseParameters") or {}).items():
            response.headers[name.removeprefix(_HEADER)] = header(value, variables)
        template = (declared.get("responseTemplates") or {}).get("application/json")
        if template is not None:
            response.set_data(body(template, variables))
        return response


def header(declared: str, variables: dict[str, Any]) -> str:
    """`'a fixed value'` or `context.name`."""
    return declared[1:-1] if declared.startswith("'") else body(f"${declared}", variables)


def body(template: str, variables: dict[str, Any]) -> str:
    """The template with its variables' values; one that there is not leaves nothing."""

    def value(match: re.Match[str]) -> str:
        if match[1] == ".error.messageString":  # the one variable that comes with its quotes
            return json.dumps(variables["error"]["message"])
        found: Any = variables
        for name in match[1].split(".")[1:]:
            found = (found or {}).get(name)
        return "" if found is None else str(found)

    return _VARIABLE.sub(value, template)
