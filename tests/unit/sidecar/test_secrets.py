"""Secrets of a bootstrap are found wherever they stand, and hidden however they are quoted."""

import json
from typing import Any

import pytest

from mesh.sidecar.secrets import Redactor

SECRET = 'a "quoted" \\ secret'


def bootstrap_with(config: dict[str, Any]) -> dict[str, Any]:
    plugin = {"configuration": {"@type": "string", "value": json.dumps(config)}}
    return {"filters": [{"typed_config": {"config": plugin}}]}


@pytest.mark.parametrize(
    "config",
    [
        {"signing_secrets": [SECRET]},
        {"hosts": [{"credential": {"key": SECRET}}]},
        {"checks": [{"token": SECRET}]},
    ],
)
def test_a_secret_is_hidden_plain_and_in_json_and_in_json_within_json(
    config: dict[str, Any],
) -> None:
    hide = Redactor(bootstrap_with(config))
    once = json.dumps({"key": SECRET})

    assert hide(f"so {SECRET} it is") == "so … it is"
    assert hide(once) == '{"key": "…"}'
    assert hide(json.dumps(once)) == json.dumps('{"key": "…"}', ensure_ascii=False)


def test_what_is_no_secret_is_shown() -> None:
    hide = Redactor(bootstrap_with({"policy": "default", "checks": [{"name": "deny-pattern"}]}))

    assert hide("policy default, check deny-pattern") == "policy default, check deny-pattern"


def test_a_secret_that_holds_another_is_hidden_whole() -> None:
    hide = Redactor(bootstrap_with({"signing_secrets": ["secret", "secret and more"]}))

    assert hide("secret and more") == "…"
