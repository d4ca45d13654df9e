"""Who may use a trigger: decided before anything is started for the request.

    anonymous   everybody
    jwt         a token that the trigger's JWKS verifies, looked up where the trigger says
    bearer      one of the trigger's own tokens

Shapes of the authentication configuration: help.aliyun.com, "Configure JWT authentication for an
HTTP trigger" and "Configure bearer authentication", read 2026-04.
"""

import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

import jwt

from infra.emulator.errors import FcError, invalid, not_emulated

EMULATED: Final = ("anonymous", "jwt", "bearer")
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA")
_LOOKUP_DEFAULT: Final = "header:Authorization:Bearer"


def validate(auth_type: str, auth_config: str) -> None:
    """Refuse a trigger's authentication that could not be carried out."""
    if auth_type not in EMULATED:
        raise not_emulated(
            f"trigger authentication {auth_type!r} (emulated: {', '.join(EMULATED)})"
        )
    if auth_type == "jwt":
        _keys(_parsed(auth_config))
        _lookup(_parsed(auth_config))
    if auth_type == "bearer":
        _tokens(_parsed(auth_config))


def check(auth_type: str, auth_config: str, headers: Mapping[str, str]) -> None:
    """Raise AccessDenied unless the request's headers give access. Names are lower-case."""
    match auth_type:
        case "jwt":
            _check_jwt(_parsed(auth_config), headers)
        case "bearer":
            given = _after("Bearer", headers.get("authorization", ""))
            known = [hmac.compare_digest(given, token) for token in _tokens(_parsed(auth_config))]
            if not any(known):
                raise _denied("the bearer token is missing or not one of the trigger's")
        case _:
            return


def _check_jwt(config: dict[str, Any], headers: Mapping[str, str]) -> None:
    header, prefix = _lookup(config)
    token = _after(prefix, headers.get(header, ""))
    if not token:
        raise _denied("the JWT is missing")
    try:
        wanted = jwt.get_unverified_header(token).get("kid")
        for key in _keys(config):
            if wanted in (None, key.key_id):
                jwt.decode(token, key, algorithms=list(_ALGORITHMS), options={"verify_aud": False})
                return
    except jwt.InvalidTokenError as error:
        raise _denied(f"the JWT is not valid: {type(error).__name__}") from None
    raise _denied("no key of the trigger's JWKS has the JWT's key id")


def _keys(config: dict[str, Any]) -> list[jwt.PyJWK]:
    jwks = config.get("jwks")
    try:
        document = json.loads(jwks) if isinstance(jwks, str) else jwks
        return jwt.PyJWKSet.from_dict(document or {}).keys
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError):
        raise invalid(
            "authConfig.jwks", "must be a JSON Web Key Set with at least one key"
        ) from None


def _lookup(config: dict[str, Any]) -> tuple[str, str]:
    kind, _, rest = str(config.get("tokenLookup") or _LOOKUP_DEFAULT).partition(":")
    name, _, prefix = rest.partition(":")
    if kind != "header" or not name:
        raise not_emulated(f"tokenLookup in {kind!r} (emulated: header:<name>:<prefix>)")
    return name.lower(), prefix


def _tokens(config: dict[str, Any]) -> list[str]:
    tokens = config.get("tokens")
    fits = isinstance(tokens, list) and 1 <= len(tokens) <= 20
    if not fits or not all(
        isinstance(each, str) and 32 <= len(each) <= 128 for each in tokens or ()
    ):
        raise invalid("authConfig.tokens", "must be 1 to 20 tokens of 32 to 128 characters")
    return list(tokens or ())


def _parsed(auth_config: str) -> dict[str, Any]:
    try:
        config = json.loads(auth_config or "{}")
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise invalid("authConfig", "must be a JSON object in a string")
    return config


def _after(prefix: str, value: str) -> str:
    if not prefix:
        return value.strip()
    given, _, rest = value.partition(" ")
    return rest.strip() if given.lower() == prefix.lower() else ""


def _denied(message: str) -> FcError:
    return FcError(403, "AccessDenied", message)
