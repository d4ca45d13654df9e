"""The functions under functions-framework's own server, which finds them by their signature."""

import os
import subprocess
import sys
from pathlib import Path

import httpx

from infra.ports import free_port
from tests.functions.running import ROOT, SECRET, callout, chat, signed
from tests.support.waiting import wait_until


def test_deny_pattern_answers_under_the_framework_as_by_itself(tmp_path: Path) -> None:
    body = chat("我的账号是什么？")
    port = free_port().number
    target = ["--asgi", "--target", "handle", "--source", "functions/deny_pattern/handler.py"]
    command = [sys.executable, "-m", "functions_framework", *target, "--host", "127.0.0.1"]
    environment = {"PATH": os.environ["PATH"], "MESHWARD_SIGNING_SECRETS": SECRET}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=ROOT,
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            wait_until(lambda: _answers(client), "functions-framework serves it", seconds=30)
            answer = client.post("/v1/verdict", content=body, headers=signed(callout(), body))
    finally:
        process.terminate()
        process.wait(20)
    assert answer.status_code == 200
    assert answer.headers["x-meshward-verdict"] == "deny"
    assert answer.headers["x-meshward-reason"] == "rule.matched"


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False
