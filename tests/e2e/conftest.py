"""The whole local stack, once; and for each form of the shim a sidecar whose provider records.

stack ── emulator, functions, judge                 guard ── Envoy ──TLS──▶ recorder
                                                      └ asks the stack's functions
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import pytest

from infra.cli.settings import Settings
from infra.cli.stack import Stack, local_stack
from infra.local.banner import CHAT_PATH, GUARDED_HOST
from infra.local.certificates import LocalAuthority
from infra.local.children import Child
from infra.local.readiness import wait_for_keys
from infra.ports import free_port
from mesh.sidecar import Document, Redirect, Sidecar
from tests.support.changed import changed
from tests.support.mesh import Form, manifests, rendered, running
from tests.support.upstream import Upstream, respond
from tests.support.wire import Message, call, request

TIMEOUT_MS = 1500
"""Short, so that a hanging check does not hold the tests up."""
ANSWER = b'{"object":"chat.completion","choices":[]}'


class Judge:
    """The stand-in judge, on a port of its own that survives its going down."""

    def __init__(self) -> None:
        self._port = free_port().number
        self.url = f"http://127.0.0.1:{self._port}/v1"
        self.child = self._start()

    def _start(self) -> Child:
        command = [sys.executable, "-m", "infra.local.judge", "--port", str(self._port)]
        child = Child.spawn("judge", command, {"PATH": os.environ["PATH"]})
        child.wait_ready()
        return child

    def down(self) -> None:
        self.child.stop()

    def up(self) -> None:
        self.child = self._start()

    def fault(self, name: str) -> None:
        """Make it fail in this way, or `none`."""
        url = self.url.removesuffix("/v1") + "/_standin/fault"
        body = json.dumps({"fault": name}).encode()
        urlopen(Request(url, data=body, method="PUT"), timeout=5).close()  # noqa: S310 -- loopback

    def calls(self) -> int:
        return int(get_json(self.url.removesuffix("/v1") + "/_standin/calls")["calls"])


@dataclass(frozen=True)
class Guard:
    """A sidecar of one form, and the recording provider behind it."""

    form: Form
    sidecar: Sidecar
    recorder: Upstream

    def send(self, body: bytes, content_type: str = "application/json") -> Message:
        """Post a body to the guarded chat path as an application would, with a key of its own."""
        headers = [("Content-Type", content_type), ("Authorization", "Bearer the-caller's-own")]
        raw = request(GUARDED_HOST, CHAT_PATH, headers=headers, body=body)
        return call(self.sidecar.port, raw, seconds=20)

    def ask(self, text: str) -> Message:
        """Post one user message."""
        return self.send(chat(text))


def chat(text: str) -> bytes:
    document = {"model": "qwen-plus", "messages": [{"role": "user", "content": text}]}
    return json.dumps(document, ensure_ascii=False).encode()


def get_json(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=5) as answer:  # noqa: S310 -- loopback
        found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    judge = Judge()
    try:
        yield judge
    finally:
        judge.down()


@pytest.fixture(scope="session")
def stack(judge: Judge) -> Iterator[Stack]:
    settings = Settings(port=0, emulator_port=0, judge_url=judge.url, judge_model="stand-in-judge")
    with local_stack(settings) as running_stack:
        yield running_stack


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> LocalAuthority:
    return LocalAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def recorder(authority: LocalAuthority) -> Iterator[Upstream]:
    answer = respond(ANSWER, content_type="application/json")
    with Upstream(authority.issue("recorder", GUARDED_HOST), lambda _request: answer) as upstream:
        yield upstream


@pytest.fixture(scope="session", params=["portable", "hold"])
def guard(
    request: pytest.FixtureRequest, stack: Stack, recorder: Upstream, authority: LocalAuthority
) -> Iterator[Guard]:
    form: Form = request.param
    provider = Redirect("127.0.0.1", recorder.port, authority.ca_file)
    redirects = {**stack.redirects, f"{GUARDED_HOST}:443": provider}
    documents = impatient(manifests(form, stack.values))
    with running(rendered(documents, redirects)) as sidecar:
        wait_for_keys(sidecar.port, GUARDED_HOST)
        yield Guard(form, sidecar, recorder)


@pytest.fixture
def instance(stack: Stack) -> Callable[[str], int]:
    """The process id of the one ready instance of a function."""

    def process_of(function: str) -> int:
        rows = get_json(f"{stack.emulator_url}/_meshward/instances")["instances"]
        ready = [row for row in rows if row["function"] == function and row["state"] == "ready"]
        assert len(ready) == 1, ready
        return int(ready[0]["pid"])

    return process_of


def impatient(documents: list[Document]) -> list[Document]:
    """The same manifests with every check's time limit cut to `TIMEOUT_MS`."""

    def cut(member: dict[str, Any]) -> dict[str, Any]:
        if "timeout_ms" in member:
            member["timeout_ms"] = min(member["timeout_ms"], TIMEOUT_MS)
        return member

    return changed(documents, cut)
