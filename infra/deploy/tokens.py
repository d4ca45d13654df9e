"""The trigger's token: minted at deployment, verified by the platform before anything starts.

    mint ──▶ jwks   into the trigger's configuration: public, says who may call
         └─▶ token  into the shim's configuration: secret, 90 days

The private key exists only inside `mint`, so nobody can make a second token for the same trigger.
It is an RSA key, because fc3's schema (`s verify`) takes no other: it asks for `n` and `e`.
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

LIFETIME: Final = timedelta(days=90)
"""Long enough to rotate with a deployment, short enough that a forgotten one ends by itself."""

_KEY_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class TriggerAccess:
    """A JSON Web Key Set and the one token that it verifies."""

    jwks: str
    token: str = field(repr=False)


def mint(now: datetime) -> TriggerAccess:
    """A fresh key pair's public half and a token signed with the other, valid for 90 days."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    key_id = secrets.token_hex(8)
    claims = {"iss": "meshward", "sub": "shim", "iat": now, "exp": now + LIFETIME}
    token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": key_id})
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    jwk = {name: public[name] for name in ("kty", "n", "e")}
    jwks = {"keys": [{**jwk, "kid": key_id, "alg": "RS256", "use": "sig"}]}
    return TriggerAccess(jwks=json.dumps(jwks, separators=(",", ":")), token=token)


def mint_now() -> TriggerAccess:
    """`mint` by this machine's clock."""
    return mint(datetime.now(UTC))
