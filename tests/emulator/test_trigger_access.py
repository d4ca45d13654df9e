"""Triggers let in whom they are told to, before anything is started."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from infra.deploy.tokens import mint
from tests.emulator.doors import Door

Created = Callable[..., str]
NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 403),
        ("Bearer nonsense", 403),
        ("{token}", 403),
        ("Bearer {token}", 200),
        ("Bearer {other}", 403),
        ("Bearer {expired}", 403),
    ],
)
def test_a_jwt_trigger_lets_in_its_own_token_and_no_other(
    door: Door, name: str, created: Created, authorization: str, status: int
) -> None:
    created()
    door.sdk.delete_trigger(name, "http")
    access, other = mint(NOW), mint(NOW)
    expired = mint(NOW - timedelta(days=91))
    keys = [*json.loads(access.jwks)["keys"], *json.loads(expired.jwks)["keys"]]
    config = {
        "authType": "jwt",
        "authConfig": {"jwks": {"keys": keys}, "tokenLookup": "header:Authorization:Bearer"},
        "methods": ["POST"],
    }
    host = door.trigger(name, config)
    value = authorization.format(token=access.token, other=other.token, expired=expired.token)

    answer = door.call(host, headers=[("Authorization", value)] if value else [])

    assert answer.status == status


def test_a_bearer_trigger_lets_in_its_own_tokens(door: Door, name: str, created: Created) -> None:
    created()
    door.sdk.delete_trigger(name, "http")
    config = {"authType": "bearer", "authConfig": {"tokens": [{"tokenData": "t" * 32}]}}
    host = door.trigger(name, {**config, "methods": ["POST"]})

    assert door.call(host, headers=[("Authorization", "Bearer " + "t" * 32)]).status == 200
    assert door.call(host, headers=[("Authorization", "Bearer " + "u" * 32)]).status == 403
    assert door.call(host).status == 403


def test_a_stranger_s_call_starts_no_instance(door: Door, name: str, created: Created) -> None:
    created()
    door.sdk.delete_trigger(name, "http")
    rules = {"jwks": mint(NOW).jwks, "tokenLookup": "header:Authorization:Bearer"}
    config = {"authType": "jwt", "authConfig": json.dumps(rules)}
    host = door.trigger(name, {**config, "methods": ["POST"]})

    door.call(host)

    assert door.instances(name) == []
