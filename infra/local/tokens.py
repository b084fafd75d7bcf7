"""The local run's own token issuer: a key pair in the state folder, and tokens signed with it.

On AWS tokens come from your identity provider; nothing here is deployed there.
"""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ISSUER = "https://wattline.local/"
AUDIENCE = "wattline"
DAY_SECONDS = 86_400
_KEY_ID = "local"


def private_key(state: Path) -> dict[str, str]:
    """The signing key as a JWK, made at the first call and kept for the owner's eyes only."""
    path = state / "signing-key.json"
    if not path.exists():
        state.mkdir(parents=True, exist_ok=True)
        new = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(new | {"kid": _KEY_ID, "use": "sig", "alg": "ES256"}))
    key: dict[str, str] = json.loads(path.read_text())
    return key


def jwks(state: Path) -> str:
    """The public half, as the JWKS document that the authorizer is configured with."""
    public = {name: value for name, value in private_key(state).items() if name != "d"}
    return json.dumps({"keys": [public]}, separators=(",", ":"))


def mint(state: Path, scopes: Iterable[str], *, days: float = 30, subject: str = "local") -> str:
    """A token of the local issuer."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now,
        "exp": now + int(days * DAY_SECONDS),
        "scope": " ".join(scopes),
    }
    key = jwt.PyJWK(dict(private_key(state)))
    return jwt.encode(claims, key.key, algorithm="ES256", headers={"kid": _KEY_ID})
