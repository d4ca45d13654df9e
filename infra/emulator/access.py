"""Who may use a trigger: decided before anything is started for the request.

    anonymous   everybody
    function    who signs the request with the account's key
    jwt         who has a token that the trigger's JWKS verifies, looked up where the trigger says
    bearer      who has one of the trigger's own tokens

    parse(type, config) ──▶ Access ──admit(headers, path, query)──▶ headers for the function, or 403

Sources: help.aliyun.com/zh/functioncompute, "Configure JWT authentication for an HTTP trigger"
(2026-04-17) and "Enable Bearer authentication for an HTTP trigger" (2025-09-30); devsapp/fc3,
src/interface/trigger.ts and its documentation, for the shapes.
"""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import jwt

from infra.emulator.errors import FcError, invalid, not_emulated

Headers = Mapping[str, str]
"""Names are lower-case."""
EMULATED: Final = ("anonymous", "function", "jwt", "bearer")
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=~.-]{32,128}")
_TOKENS_MAX: Final = 20
_HEADER: Final = re.compile(r"(?!x-fc-|host$|content-|transfer-|connection$)[a-z0-9_-]{1,64}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_PLACES: Final = ("header", "cookie", "query")


class Access(Protocol):
    """A trigger's authentication, ready to be asked."""

    def admit(self, headers: Headers, path: str, query: str) -> Sequence[tuple[str, str]]:
        """Headers to add to the admitted request; raises AccessDenied for any other."""


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Everybody may call."""

    def admit(self, _headers: Headers, _path: str, _query: str) -> Sequence[tuple[str, str]]:
        """Admit without a look."""
        return ()


@dataclass(frozen=True, slots=True)
class SignedOnly:
    """Whoever signs with the account's key may call; where there is no key, everybody.

    The key is the emulator's, so the signature is verified where that is known.
    """

    def admit(self, _headers: Headers, _path: str, _query: str) -> Sequence[tuple[str, str]]:
        """Add nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever has one of the enabled tokens may call."""

    tokens: tuple[str, ...] = field(repr=False)

    def admit(self, headers: Headers, _path: str, _query: str) -> Sequence[tuple[str, str]]:
        """Compare with every token, in a time that tells nothing of them."""
        given = _without_prefix("Bearer", headers.get("authorization", "")).encode()
        known = [hmac.compare_digest(given, token.encode()) for token in self.tokens]
        if not any(known):
            raise _denied("the bearer token is missing or not one of the trigger's")
        return ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where a token is looked for: in a header (after a prefix), a cookie or a query parameter."""

    place: str
    name: str
    prefix: str = ""

    def find(self, headers: Headers, query: str) -> str:
        """The token, or an empty string."""
        match self.place:
            case "header":
                return _without_prefix(self.prefix, headers.get(self.name.lower(), ""))
            case "cookie":
                try:
                    found = SimpleCookie(headers.get("cookie", "")).get(self.name)
                except CookieError:
                    return ""
                return found.value if found else ""
            case _:
                return parse_qs(query).get(self.name, [""])[0]


@dataclass(frozen=True, slots=True)
class Jwt:
    """Whoever has a token of these keys may call; some paths may need none.

    `claims` maps names of claims to headers in which the function gets them.
    """

    keys: tuple[jwt.PyJWK, ...]
    lookups: tuple[Lookup, ...]
    claims: tuple[tuple[str, str], ...] = ()
    open_paths: tuple[str, ...] = ()
    guarded_paths: tuple[str, ...] = ()

    def admit(self, headers: Headers, path: str, query: str) -> Sequence[tuple[str, str]]:
        """Verify the first token that is found; what a caller says of claims is never passed on."""
        if _matches(path, self.open_paths) or (
            self.guarded_paths and not _matches(path, self.guarded_paths)
        ):
            return ()
        found = (lookup.find(headers, query) for lookup in self.lookups)
        token = next((each for each in found if each), "")
        if not token:
            raise _denied("the JWT is missing")
        claims = self._verified(token)
        # What a claim says may be of its subject's own making: it must not become other headers.
        return [
            (header, _CONTROL.sub("?", str(claims[claim])))
            for claim, header in self.claims
            if claim in claims
        ]

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            wanted = jwt.get_unverified_header(token).get("kid")
            for key in self.keys:
                if wanted in (None, key.key_id):
                    # The key names its algorithm: a token cannot choose another.
                    options: Any = {"verify_aud": False}
                    return jwt.decode(token, key, algorithms=[key.algorithm_name], options=options)
        except jwt.PyJWTError as error:
            raise _denied(f"the JWT is not valid: {type(error).__name__}") from None
        raise _denied("no key of the trigger's JWKS has the JWT's key id")


def parse(auth_type: str, auth_config: object) -> Access:
    """The authentication that a trigger's configuration describes.

    `auth_config` is an object, as Serverless Devs sends it, or an object in a string, as the SDK's
    documentation has it. Raises InvalidArgument, or NotEmulated for what is not carried out here.
    """
    match auth_type:
        case "anonymous":
            return Anonymous()
        case "function":
            return SignedOnly()
        case "jwt":
            return _jwt(_parsed(auth_config))
        case "bearer":
            return _bearer(_parsed(auth_config))
        case _:
            known = ", ".join(EMULATED)
            raise not_emulated(f"trigger authentication {auth_type!r} (emulated: {known})")


def _jwt(config: dict[str, Any]) -> Jwt:
    jwks = config.get("jwks")
    try:
        document = json.loads(jwks) if isinstance(jwks, str) else jwks
        keys = jwt.PyJWKSet.from_dict(document or {}).keys
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError):
        what = "must be a JSON Web Key Set with at least one key"
        raise invalid("authConfig.jwks", what) from None
    open_paths, guarded = _paths(config, "whitelist"), _paths(config, "blacklist")
    if open_paths and guarded:
        raise invalid("authConfig", "whitelist and blacklist cannot both be set")
    return Jwt(tuple(keys), _lookups(config), _claims(config), open_paths, guarded)


def _lookups(config: dict[str, Any]) -> tuple[Lookup, ...]:
    text = config.get("tokenLookup")
    if not isinstance(text, str) or not text:
        raise invalid("authConfig.tokenLookup", "is required, as in header:Authorization:Bearer")
    lookups = []
    for part in text.split(","):
        place, _, rest = part.strip().partition(":")
        name, _, prefix = rest.partition(":")
        if place not in _PLACES or not name:
            known = ", ".join(_PLACES)
            raise not_emulated(f"authConfig.tokenLookup {part!r} (emulated places: {known})")
        lookups.append(Lookup(place, name, prefix.strip()))
    return tuple(lookups)


def _claims(config: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    claims = []
    for part in str(config.get("claimPassBy") or "").split(","):
        place, _, rest = part.strip().partition(":")
        claim, _, name = rest.partition(":")
        if not claim or not name:
            continue  # `query::` and an empty string pass nothing on.
        if place != "header":
            raise not_emulated(f"authConfig.claimPassBy {part!r} (emulated: header:<claim>:<name>)")
        if not _HEADER.fullmatch(name.lower()):
            what = f"{name[:80]!r} is no name of a header, or one of the platform's"
            raise invalid("authConfig.claimPassBy", what)
        claims.append((claim, name.lower()))
    return tuple(claims)


def _paths(config: dict[str, Any], name: str) -> tuple[str, ...]:
    paths = config.get(name) or []
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise invalid(f"authConfig.{name}", "must be a list of paths")
    return tuple(paths)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Exactly, or by the beginning for a pattern that ends in an asterisk."""
    return any(
        path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
        for pattern in patterns
    )


def _bearer(config: dict[str, Any]) -> Bearer:
    tokens = config.get("tokens")
    if not isinstance(tokens, list) or not 1 <= len(tokens) <= _TOKENS_MAX:
        raise invalid("authConfig.tokens", f"must be a list of 1 to {_TOKENS_MAX} tokens")
    enabled = []
    for index, token in enumerate(tokens):
        data = token.get("tokenData") if isinstance(token, dict) else None
        if not isinstance(data, str) or not _TOKEN.fullmatch(data):
            what = "must be 32 to 128 letters, digits and + / = - ~ ."
            raise invalid(f"authConfig.tokens[{index}].tokenData", what)
        if token.get("enable", True):
            enabled.append(data)
    return Bearer(tuple(enabled))


def _parsed(auth_config: object) -> dict[str, Any]:
    try:
        config = json.loads(auth_config) if isinstance(auth_config, str) else auth_config
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise invalid("authConfig", "must be a JSON object, or one in a string")
    return config


def _without_prefix(prefix: str, value: str) -> str:
    if not prefix:
        return value.strip()
    given, _, rest = value.strip().partition(" ")
    return rest.strip() if given.lower() == prefix.lower() else ""


def _denied(message: str) -> FcError:
    return FcError(403, "AccessDenied", message)
