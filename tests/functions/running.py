"""A function as the platform runs it: its process, its readiness, its log; and a signing caller."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from functions.verdict import Callout, Phase, Secret, sign
from functions.verdict.contract import CALLOUT_MEDIA_TYPE
from infra.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
SECRET = "a signing secret of enough bytes for tests"
CHAT_PATH = "/compatible-mode/v1/chat/completions"
Pairs = list[tuple[str, str]]


@dataclass
class Function:
    """A running function, and what it has written."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    log_path: Path

    def log(self) -> str:
        return self.log_path.read_text()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log about `event`; every line must be JSON."""
        every = [json.loads(line) for line in self.log().splitlines()]
        return [line for line in every if line["event"] == event]

    def ask(
        self, body: bytes, deadline_ms: int = 2000, extra: Pairs | None = None, **changes: str
    ) -> httpx.Response:
        """Send a signed callout as the shim does."""
        call = callout(deadline_ms, **changes)
        headers = [*signed(call, body), *(extra or [])]
        return self.client.post("/v1/verdict", content=body, headers=headers)


def chat(text: str) -> bytes:
    document = {"model": "qwen-plus", "messages": [{"role": "user", "content": text}]}
    return json.dumps(document, ensure_ascii=False).encode()


def callout(deadline_ms: int = 2000, **changes: str) -> Callout:
    fields: dict[str, Any] = {
        "phase": Phase.REQUEST,
        "policy": "default",
        "authority": "dashscope.aliyuncs.com",
        "path": CHAT_PATH,
        "method": "POST",
        "workload": "default/sleep",
        "deadline_ms": deadline_ms,
        "content_type": "application/json",
    }
    return Callout(**(fields | changes))


def signed(call: Callout, body: bytes) -> Pairs:
    signature = sign(Secret(SECRET), call, body, int(time.time()))
    accept = ("accept", CALLOUT_MEDIA_TYPE)
    return [*call.to_headers(), ("x-meshward-signature", signature), accept]


@contextmanager
def started(
    handler: str, log_path: Path, environment: Mapping[str, str], code: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    """The process as the platform starts it in `code`, whether it comes up or not."""
    command = [sys.executable, "-m", "functions.runtime.serving", handler]
    base = {"PATH": os.environ["PATH"], "MESHWARD_LISTEN": "127.0.0.1"}
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=code, env=base | dict(environment), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running(
    handler: str, log_path: Path, environment: Mapping[str, str], code: Path = ROOT
) -> Iterator[Function]:
    """The function, ready. Its log is printed, which pytest shows where a test fails."""
    port = free_port().number
    settings = {"FC_SERVER_PORT": str(port), "MESHWARD_SIGNING_SECRETS": SECRET}
    base_url = f"http://127.0.0.1:{port}"
    with (
        started(handler, log_path, settings | dict(environment), code) as process,
        httpx.Client(base_url=base_url, trust_env=False, timeout=10) as client,
    ):
        function = Function(process, client, log_path)
        try:
            wait_until(lambda: _answers(function), f"{handler} is ready", seconds=20)
            yield function
        finally:
            print(function.log())  # noqa: T201 -- shown by pytest on failure only


def _answers(function: Function) -> bool:
    if function.process.poll() is not None:
        raise AssertionError(f"it ended with status {function.process.returncode}")
    try:
        return function.client.get("/health").status_code == 200
    except httpx.TransportError:
        return False
