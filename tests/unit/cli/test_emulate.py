"""`meshward emulate` and `meshward logs -f`, as a shell sees them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.cli.emulate import line
from infra.emulator.calls import CallRecord
from tests.support.wire import call, request

SECRET = "the-secret-of-this-test"


@contextmanager
def meshward(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    bare = {"PATH": os.environ["PATH"], "COLUMNS": "200", **(environment or {})}
    command = [sys.executable, "-m", "infra.cli.entry", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=bare
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def until(process: subprocess.Popen[str], text: str) -> str:
    """What it says up to a line with that text."""
    told = ""
    while text not in told:
        more = said(process)
        assert more, told
        told += more
    return told


def test_the_banner_says_what_to_export_and_never_the_secret(tmp_path: Path) -> None:
    environment = {"TMPDIR": str(tmp_path), "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}
    options = ("--port", "0", "--access-key-id", "mine")
    with meshward("emulate", *options, environment=environment) as process:
        told = until(process, "Ready in")

    address = told.partition("http://")[2].split()[0]
    assert f"FC_CLIENT_CUSTOM_ENDPOINT=http://{address}" in told
    assert f'Config(endpoint="{address}", protocol="http"' in told
    assert "export AccountID=1234567890123456 AccessKeyID=mine" in told
    assert SECRET not in told


def test_every_call_is_a_line_of_json_for_those_who_ask_for_it(tmp_path: Path) -> None:
    with meshward("emulate", "--port", "0", "--json", environment={"TMPDIR": str(tmp_path)}) as it:
        port = json.loads(said(it))["port"]
        call(port, request("nobody.cn-hangzhou.fcapp.run", "/path?private=1"))
        record = json.loads(said(it))

    assert (record["method"], record["path"], record["status"]) == ("POST", "/path", 404)
    assert record["error"] == "TriggerNotFound"


def test_a_key_without_a_secret_is_explained(tmp_path: Path) -> None:
    environment = {"TMPDIR": str(tmp_path)}
    with meshward("emulate", "--access-key-id", "mine", environment=environment) as process:
        assert process.wait(20) == 2
        assert process.stdout is not None
        told = process.stdout.read()

    assert "--access-key-secret" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--host", "0.0.0.0"), "give it an access key"),
        (("--region", "a b"), "region 'a b' is not of the form cn-hangzhou"),
        (("--data", "/dev/null/x"), "/dev/null/x/code cannot be a folder"),
        (("--instances-max", "0"), "--instances-max"),
        (("--nonsense",), "No such option"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_what_cannot_be_started_is_explained(
    tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    with meshward("emulate", *options, environment={"TMPDIR": str(tmp_path)}) as process:
        assert process.wait(20)
        assert process.stdout is not None
        said_all = process.stdout.read()

    assert told in said_all
    assert "Traceback" not in said_all


def test_a_log_is_followed_until_its_emulator_ends(tmp_path: Path) -> None:
    with meshward("emulate", "--port", "0", "--json", environment={"TMPDIR": str(tmp_path)}) as it:
        port = json.loads(said(it))["port"]
        endpoint = f"http://127.0.0.1:{port}"
        with meshward("logs", "-f", "nobody", "--endpoint", endpoint) as logs:
            assert "404" in until(logs, "error:")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "12:30:01.250  200      12.3 ms  hello                 POST    /a"),
        (
            {"status": 0, "function": "", "error": "Cut", "cold_start": True},
            "12:30:01.250  cut      12.3 ms  (api)                 POST    /a  Cut  cold start",
        ),
        (
            {"path": "/\x1b[31m"},
            "12:30:01.250  200      12.3 ms  hello                 POST    /?[31m",
        ),
    ],
    ids=["a call", "a cut one", "one with an escape sequence"],
)
def test_a_call_is_an_aligned_line(changes: dict[str, object], told: str) -> None:
    record = {
        "at": datetime(2026, 1, 31, 12, 30, 1, 250_000, UTC),
        "request_id": "r",
        "method": "POST",
        "path": "/a",
        "function": "hello",
        "status": 200,
        "milliseconds": 12.34,
        **changes,
    }

    assert line(CallRecord(**record)) == told  # type: ignore[arg-type]
