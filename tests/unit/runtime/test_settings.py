"""Settings: read once, whole, and never quietly otherwise than meant."""

from pathlib import Path

import pytest

from functions.runtime.settings import POLICIES, SettingsError, read

SECRET = "s" * 32
BASE = {"MESHWARD_SIGNING_SECRETS": SECRET}


def test_what_is_not_set_has_its_default() -> None:
    settings = read(BASE)
    assert (settings.listen, settings.port) == ("0.0.0.0", 9000)
    assert settings.policy_dir == POLICIES
    assert (POLICIES / "default.yaml").is_file()


def test_what_is_set_is_taken() -> None:
    settings = read(
        BASE
        | {
            "FC_SERVER_PORT": "9001",
            "MESHWARD_LISTEN": "127.0.0.1",
            "MESHWARD_POLICY_DIR": "/mnt/policies",
            "MESHWARD_BODY_BYTES_MAX": "1000",
            "MESHWARD_JUDGE_URL": "read and checked by llm-guard itself",
            "PATH": "/bin",
        }
    )
    assert (settings.port, settings.listen) == (9001, "127.0.0.1")
    assert settings.policy_dir == Path("/mnt/policies")
    assert settings.body_bytes_max == 1000


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "MESHWARD_SIGNING_SECRETS is not set"),
        ({"MESHWARD_SIGNING_SECRETS": " , "}, "MESHWARD_SIGNING_SECRETS is not set"),
        ({"MESHWARD_SIGNING_SECRETS": f"{SECRET},short"}, "at least 32 bytes"),
        (BASE | {"MESHWARD_POLICY_DIRECTORY": "x"}, "did you mean MESHWARD_POLICY_DIR?"),
        (BASE | {"MESHWARD_": "x"}, "MESHWARD_ is set and nothing reads it"),
        (BASE | {"FC_SERVER_PORT": "http"}, "FC_SERVER_PORT is 'http'"),
        (BASE | {"FC_SERVER_PORT": "70000"}, "from 1 to 65535"),
        (BASE | {"FC_SERVER_PORT": "0"}, "from 1 to 65535"),
        (BASE | {"MESHWARD_BODY_BYTES_MAX": "-1"}, "whole number"),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_start(
    environment: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingsError, match=says.replace("?", r"\?")):
        read(environment)


def test_several_secrets_can_be_in_force() -> None:
    assert len(read({"MESHWARD_SIGNING_SECRETS": f"{SECRET}, {'t' * 32}"}).signing_secrets) == 2


def test_no_secret_shows_in_settings_or_in_an_error() -> None:
    settings = read(BASE | {"MESHWARD_JUDGE_API_KEY": "sk-sesame"})
    assert SECRET not in repr(settings)
    assert "sesame" not in repr(settings)
    with pytest.raises(SettingsError) as refusal:
        read({"MESHWARD_SIGNING_SECRETS": "sesame"})
    assert "sesame" not in str(refusal.value)
