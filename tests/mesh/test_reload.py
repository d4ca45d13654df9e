"""Another configuration for a sidecar that runs: in the way Istio brings it, and under load.

a file, replaced ──▶ Envoy (extension configuration discovery) ──▶ a new plugin in each worker
                     the old one stays until the last of its calls is over
"""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mesh.sidecar import Sidecar
from tests.support.mesh import admin_page
from tests.support.plain_mesh import Form, configuration, hand_out, plain_mesh, verdict
from tests.support.upstream import Upstream, respond
from tests.support.waiting import wait_until
from tests.support.wire import Message, call, request

HOST, CHECK = "api.test", "check.test"
FIRST, LAST = b"data: first\n\n", b"data: last\n\n"
CHANGES = 10
CALLERS = 3
CALLS_MAX = 20_000
"""Far more than are made before the test is over."""
PLUGINS_MAX = 64
"""Configurations that are alive in one machine at a time (streams.zig)."""


@dataclass
class Reloaded:
    """A sidecar whose plugin can be given another policy; what check and provider have seen."""

    form: Form
    folder: Path
    provider: Upstream
    check: Upstream
    sidecar: Sidecar = field(init=False)
    held: threading.Event = field(default_factory=threading.Event)
    """Until it is set, the check answers no text that says `wait`, and no stream is ended."""

    def settings(self, policy: str, **changed: Any) -> str:
        checks = {CHECK: {"phases": ["request", "response"]}}
        return configuration(self.form, HOST, checks, policy=policy, **changed)

    def change(self, policy: str, **changed: Any) -> None:
        hand_out(self.folder, self.form, self.settings(policy, **changed))

    def ask(self, text: str) -> Message:
        return call(self.sidecar.port, request(HOST, "/v1/chat", body=text.encode()))

    def policy_of(self, text: str) -> str:
        """By which policy the check was asked about a text."""
        (asked,) = [each for each in self.check.requests if each.body == text.encode()]
        return asked.value("x-meshward-policy") or ""

    def follow(self, policy: str) -> None:
        """Wait until calls go by a policy."""
        count = iter(range(CALLS_MAX))

        def follows() -> bool:
            text = f"{policy}? {next(count)}"
            assert self.ask(text).status == 200
            return self.policy_of(text) == policy

        wait_until(follows, f"calls that go by {policy}")


@contextmanager
def reloaded(form: Form, folder: Path, **first: Any) -> Iterator[Reloaded]:
    held = threading.Event()

    def judge(callout: Message) -> bytes:
        if callout.body.startswith(b"wait"):
            held.wait(15)
        return verdict("allow")

    def speak() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        yield b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(FIRST), FIRST)
        held.wait(15)
        yield b"%x\r\n%b\r\n0\r\n\r\n" % (len(LAST), LAST)

    def provide(sent: Message) -> bytes | Iterator[bytes]:
        if sent.value("authorization") == "Bearer sk-refused":
            return respond(b"{}", status=401)
        return speak() if sent.body.startswith(b"stream") else respond(b"{}")

    with Upstream(answer=provide) as provider, Upstream(answer=judge) as check:
        found = Reloaded(form, folder, provider, check, held)
        hosts = {HOST: provider.port, CHECK: check.port}
        with plain_mesh(
            form, found.settings("p0", **first), hosts, discovered_in=folder
        ) as sidecar:
            found.sidecar = sidecar
            try:
                yield found
            finally:
                held.set()


@pytest.fixture(params=["hold", "portable"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reloaded]:
    with reloaded(request.param, tmp_path) as found:
        yield found


def test_under_load_no_call_fails_and_none_goes_unchecked(running: Reloaded) -> None:
    over = threading.Event()
    statuses: list[int] = []

    def load(caller: int) -> None:
        for number in range(CALLS_MAX):
            if over.is_set():
                return
            statuses.append(running.ask(f"call {caller}.{number}").status)

    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(load, caller) for caller in range(CALLERS)]
        try:
            for number in range(1, CHANGES + 1):
                running.change(f"p{number}")
                running.follow(f"p{number}")
        finally:
            over.set()
    for each in callers:
        each.result()

    assert set(statuses) == {200}
    judged = {each.body for each in running.check.requests}
    assert len(statuses) >= CHANGES
    assert {each.body for each in running.provider.requests} <= judged
    assert all(each.value("authorization") == "Bearer sk-own" for each in running.provider.requests)


def test_a_call_under_way_ends_by_the_configuration_that_it_began_with(running: Reloaded) -> None:
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(running.ask, "wait for it")
        wait_until(lambda: running.check.requests, "the check to be asked")
        running.change("p1")
        running.follow("p1")
        assert not early.done()
        running.held.set()
        assert early.result().status == 200
    assert running.policy_of("wait for it") == "p0"


def test_a_stream_under_way_ends_by_the_configuration_that_it_began_with(
    running: Reloaded,
) -> None:
    def windows() -> list[Message]:
        return [each for each in running.check.requests if each.body.startswith(b"data:")]

    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(running.ask, "stream it")
        wait_until(windows, "the first window to be judged")
        running.change("p1")
        running.follow("p1")
        running.held.set()
        assert early.result().body == FIRST + LAST
    assert b"".join(each.body for each in windows()) == FIRST + LAST
    assert {each.value("x-meshward-policy") for each in windows()} == {"p0"}


@pytest.mark.parametrize("form", ["hold", "portable"])
def test_a_key_that_was_refused_goes_on_resting(form: Form, tmp_path: Path) -> None:
    credential = {"header": "authorization", "prefix": "Bearer ", "keys": ["sk-refused", "sk-good"]}
    of_host = {"credential": credential}
    with reloaded(form, tmp_path, of_host=of_host) as found:
        assert found.ask("the first call").status == 401
        found.change("p1", of_host=of_host)
        found.follow("p1")
        first, *later = [each.value("authorization") for each in found.provider.requests]
        assert first == "Bearer sk-refused"
        assert set(later) == {"Bearer sk-good"}


def test_a_bad_configuration_changes_nothing(running: Reloaded) -> None:
    running.change("p1", signing_secrets=["short"])
    wait_until(
        lambda: any("configuration refused" in line for line in running.sidecar.log()),
        "the configuration to be refused",
    )
    for number in range(3):
        assert running.ask(f"after {number}").status == 200
        assert running.policy_of(f"after {number}") == "p0"
    running.change("p2")
    running.follow("p2")


@pytest.mark.parametrize("form", ["hold", "portable"])
def test_without_any_good_configuration_nothing_passes(form: Form, tmp_path: Path) -> None:
    with reloaded(form, tmp_path, signing_secrets=["short"]) as found:
        assert found.ask("too early").status >= 500
        assert found.provider.requests == []
        found.change("p1")
        wait_until(lambda: found.ask("now?").status == 200, "the good configuration")


def test_counts_go_on_and_old_configurations_give_their_place_back(running: Reloaded) -> None:
    for number in range(1, PLUGINS_MAX + 6):
        running.change(f"p{number}")
        running.follow(f"p{number}")
    _, page = admin_page(running.sidecar, "/stats/prometheus")
    counted = re.findall(r"^phase___request_\w+decisions_total\{\} (\d+)$", page, re.MULTILINE)
    assert sum(map(int, counted)) == len(running.provider.requests)
