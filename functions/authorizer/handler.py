"""Decide whether a request's token is good; what it allows, the routes decide."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from wattline.adapters.tokens import TokenVerifier
from wattline.errors import Unauthenticated
from wattline.runtime.observability import logger
from wattline.runtime.settings import AuthorizerSettings, load


@cache
def verifier() -> TokenVerifier:
    settings = load(AuthorizerSettings)
    return TokenVerifier(settings.issuer, settings.audience, jwks=settings.jwks, jwks_url=settings.jwks_url)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """An Allow for the whole stage: the gateway caches it and uses it for every route of this token."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        token = verifier().verify(headers.get("authorization", ""))
    except Unauthenticated as error:
        logger.info("refused a token", reason=error.detail)
        # The gateway answers 401 to exactly this message, and 500 to any other exception.
        raise Exception("Unauthorized") from error  # noqa: TRY002
    logger.info("accepted a token", subject=token.subject)
    api, stage, *_ = event["methodArn"].split("/")
    return {
        "principalId": token.subject,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*/*"}],
        },
        "context": {"scopes": " ".join(token.scopes), "exp": str(token.expires_at)},
    }
