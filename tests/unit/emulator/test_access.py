"""A trigger's authentication: what it takes, what it refuses, and what it will not pretend."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from infra.deploy import TriggerAccess, mint
from infra.emulator.access import parse
from infra.emulator.errors import FcError

HEADER = "header:Authorization:Bearer"


@pytest.fixture(scope="module")
def minted() -> TriggerAccess:
    return mint(datetime.now(UTC))


def config(minted: TriggerAccess, **settings: Any) -> dict[str, Any]:
    return {"jwks": json.loads(minted.jwks), "tokenLookup": HEADER, **settings}


def admits(rules: object, **headers: str) -> bool:
    return admits_at(rules, "/", "", **headers)


def admits_at(rules: object, path: str, query: str, **headers: str) -> bool:
    try:
        parse("jwt", rules).admit(headers, path, query)
    except FcError as error:
        if error.code == "AccessDenied":
            return False
        raise
    return True


def test_the_configuration_may_be_an_object_or_one_in_a_string(minted: TriggerAccess) -> None:
    for rules in (config(minted), json.dumps(config(minted)), config(minted, jwks=minted.jwks)):
        assert admits(rules, authorization=f"Bearer {minted.token}")
        assert not admits(rules)


def test_a_token_is_taken_from_the_first_place_that_has_one(minted: TriggerAccess) -> None:
    rules = config(minted, tokenLookup="header:x-token,cookie:token,query:token")

    assert admits(rules, **{"x-token": minted.token})
    assert admits(rules, cookie=f"a=b; token={minted.token}")
    assert admits_at(rules, "/", f"token={minted.token}")
    assert not admits(rules, **{"x-token": "nonsense", "cookie": f"token={minted.token}"})


def test_a_token_under_another_prefix_is_none(minted: TriggerAccess) -> None:
    assert not admits(config(minted), authorization=f"Basic {minted.token}")


@pytest.mark.parametrize(
    ("lists", "path", "free"),
    [
        ({"whitelist": ["/open"]}, "/open", True),
        ({"whitelist": ["/open"]}, "/open/", False),
        ({"whitelist": ["/open/*"]}, "/open/a/b", True),
        ({"whitelist": ["/open/*"]}, "/other", False),
        ({"blacklist": ["/guarded/*"]}, "/guarded/a", False),
        ({"blacklist": ["/guarded/*"]}, "/other", True),
    ],
)
def test_path_lists_say_where_a_token_is_needed(
    minted: TriggerAccess, lists: dict[str, list[str]], path: str, free: bool
) -> None:
    assert admits_at(config(minted, **lists), path, "") == free


def test_a_claim_is_passed_on_as_a_header(minted: TriggerAccess) -> None:
    rules = config(minted, claimPassBy="header:sub:X-Caller")

    admitted = parse("jwt", rules).admit({"authorization": f"Bearer {minted.token}"}, "/", "")

    assert list(admitted) == [("x-caller", "shim")]


def test_a_claim_cannot_become_other_headers() -> None:
    secret = b"s" * 32
    encoded = base64.urlsafe_b64encode(secret).decode()
    key = {"kty": "oct", "k": encoded, "alg": "HS256"}
    token = jwt.encode({"name": "a\r\nx-fc-region: forged"}, secret, algorithm="HS256")
    rules = {"jwks": {"keys": [key]}, "tokenLookup": HEADER, "claimPassBy": "header:name:x-name"}

    admitted = parse("jwt", rules).admit({"authorization": f"Bearer {token}"}, "/", "")

    assert list(admitted) == [("x-name", "a??x-fc-region: forged")]


@pytest.mark.parametrize("value", ["query::", ""])
def test_an_empty_mapping_passes_no_claim_on(minted: TriggerAccess, value: str) -> None:
    rules = config(minted, claimPassBy=value)

    assert not parse("jwt", rules).admit({"authorization": f"Bearer {minted.token}"}, "/", "")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"jwks": None}, "jwks"),
        ({"jwks": {"keys": []}}, "jwks"),
        ({"jwks": "nonsense"}, "jwks"),
        ({"tokenLookup": ""}, "tokenLookup"),
        ({"whitelist": "/"}, "whitelist"),
        ({"whitelist": ["/"], "blacklist": ["/"]}, "whitelist and blacklist"),
        ({"claimPassBy": "header:sub:x-fc-account-id"}, "claimPassBy"),
        ({"claimPassBy": "header:sub:a b"}, "claimPassBy"),
        ({"claimPassBy": "header:sub:content-length"}, "claimPassBy"),
    ],
)
def test_rules_that_cannot_be_carried_out_are_refused(
    minted: TriggerAccess, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(FcError, match=field) as refused:
        parse("jwt", config(minted, **settings))

    assert refused.value.code == "InvalidArgument"


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("saml", {}),
        ("jwt", {"tokenLookup": "form:token"}),
        ("jwt", {"claimPassBy": "cookie:sub:caller"}),
    ],
)
def test_what_is_not_emulated_says_so(
    minted: TriggerAccess, kind: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(FcError) as refused:
        parse(kind, config(minted, **settings))

    assert refused.value.status == 501


@pytest.mark.parametrize(
    "tokens", [None, [], ["t" * 32], [{"tokenData": "short"}], [{"tokenData": "t" * 32}] * 21]
)
def test_bearer_tokens_are_held_to_the_platform_s_limits(tokens: object) -> None:
    with pytest.raises(FcError, match="tokens"):
        parse("bearer", {"tokens": tokens})


def test_a_disabled_bearer_token_is_refused() -> None:
    tokens = [{"tokenData": "t" * 32, "enable": False}, {"tokenData": "u" * 32, "enable": True}]
    rules = parse("bearer", {"tokens": tokens})

    rules.admit({"authorization": "Bearer " + "u" * 32}, "/", "")
    with pytest.raises(FcError):
        rules.admit({"authorization": "Bearer " + "t" * 32}, "/", "")


def test_neither_tokens_nor_keys_show_in_a_repr() -> None:
    assert "t" * 32 not in repr(parse("bearer", {"tokens": [{"tokenData": "t" * 32}]}))
