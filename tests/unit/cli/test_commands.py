"""The commands as a shell sees them: output, exit status, and errors that say what to do."""

import os
import subprocess
import sys

import pytest

BARE = {"PATH": os.environ["PATH"]}


def meshward(
    *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.cli.main", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**BARE, "COLUMNS": "200", **(environment or {})},
    )


def test_secrets_make_what_manifests_and_s_yaml_ask_for() -> None:
    lines = meshward("secrets").stdout.splitlines()
    made = {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}

    assert made["MESHWARD_SIGNING_SECRETS"] == made["MESHWARD_SIGNING_SECRET"]
    hosts = {
        "MESHWARD_DENY_PATTERN_HOST": "a.cn-hangzhou.fcapp.run",
        "MESHWARD_LLM_GUARD_HOST": "b.cn-hangzhou.fcapp.run",
        "MESHWARD_KEY_BROKER_HOST": "c.cn-hangzhou.fcapp.run",
        "MESHWARD_SHIM_URL": "oci://example.com/shim:1",
    }
    printed = meshward("manifests", environment={**made, **hosts})
    assert printed.returncode == 0, printed.stderr
    assert "outbound|80||a.cn-hangzhou.fcapp.run" in printed.stdout
    assert made["MESHWARD_TRIGGER_TOKEN"] in printed.stdout
    assert "${" not in printed.stdout


@pytest.mark.parametrize("body", ["portable", "hold"])
def test_manifests_without_a_value_name_it(body: str) -> None:
    printed = meshward("manifests", "--body", body)

    assert printed.returncode == 1
    assert printed.stdout == ""
    assert "error:" in printed.stderr
    assert "MESHWARD_" in printed.stderr
    assert "Traceback" not in printed.stderr


def test_a_misspelt_setting_stops_the_start() -> None:
    started = meshward("up", environment={"MESHWARD_JUGDE_URL": "http://127.0.0.1"})

    assert started.returncode == 1
    assert "did you mean MESHWARD_JUDGE_URL?" in started.stderr


def test_config_shows_value_and_origin() -> None:
    shown = meshward("config", environment={"MESHWARD_BODY": "hold"}).stdout

    assert "hold" in shown
    assert "environment MESHWARD_BODY" in shown
