"""The trigger's token is verified by its own keys, for 90 days, and by no others."""

import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from infra.deploy import mint

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_token_is_verified_by_the_keys_minted_with_it() -> None:
    access = mint(datetime.now(UTC))
    key = jwt.PyJWKSet.from_dict(json.loads(access.jwks)).keys[0]

    assert jwt.decode(access.token, key, algorithms=["RS256"])["sub"] == "shim"


def test_a_token_lasts_90_days() -> None:
    claims = jwt.decode(mint(NOW).token, options={"verify_signature": False})

    assert claims["exp"] - claims["iat"] == timedelta(days=90).total_seconds()


def test_another_s_keys_do_not_verify_it() -> None:
    key = jwt.PyJWKSet.from_dict(json.loads(mint(NOW).jwks)).keys[0]

    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(mint(NOW).token, key, algorithms=["RS256"], options={"verify_exp": False})


def test_the_public_keys_hold_nothing_private_and_the_token_is_not_shown() -> None:
    access = mint(NOW)

    assert "d" not in json.loads(access.jwks)["keys"][0]
    assert access.token not in repr(access)
