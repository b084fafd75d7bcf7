"""Verify JWTs: RS256 or ES256, by a JWKS that is configured inline or by its address."""

from dataclasses import dataclass

import jwt

from wattline.errors import TransientError, Unauthenticated

ALGORITHMS = ["RS256", "ES256"]
_KEYS_LIVE_SECONDS = 3600
_FETCH_TIMEOUT_SECONDS = 3
_LEEWAY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Token:
    """What a good token says."""

    subject: str
    scopes: tuple[str, ...]
    expires_at: int


class TokenVerifier:
    """Signature, issuer, audience and lifetime; keys are found by the token's `kid` and kept for an hour."""

    def __init__(self, issuer: str, audience: str, *, jwks: str | None = None, jwks_url: str | None = None) -> None:
        if (jwks is None) == (jwks_url is None):
            raise ValueError("configure the token keys by exactly one of JWKS and JWKS_URL")
        self._issuer = issuer
        self._audience = audience
        self._keys = None if jwks is None else jwt.PyJWKSet.from_json(jwks)
        self._client = (
            None
            if jwks_url is None
            else jwt.PyJWKClient(jwks_url, lifespan=_KEYS_LIVE_SECONDS, timeout=_FETCH_TIMEOUT_SECONDS)
        )

    def verify(self, authorization: str) -> Token:
        """The token of an `Authorization` header.

        Raises Unauthenticated, with a reason for the log, or TransientError while the keys cannot be had.
        """
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "bearer" or not encoded:
            raise Unauthenticated("there is no bearer token")
        try:
            claims = jwt.decode(
                encoded.strip(),
                self._key(encoded.strip()),
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWKClientConnectionError as error:
            raise TransientError("the token issuer's keys cannot be fetched just now") from error
        except (jwt.PyJWTError, KeyError) as error:
            raise Unauthenticated(f"{type(error).__name__}: {error}") from error
        return Token(claims["sub"], tuple(str(claims.get("scope", "")).split()), int(claims["exp"]))

    def _key(self, encoded: str) -> jwt.PyJWK:
        if self._client is not None:
            return self._client.get_signing_key_from_jwt(encoded)
        assert self._keys is not None  # noqa: S101 - the constructor made sure of one of the two
        return self._keys[jwt.get_unverified_header(encoded)["kid"]]
