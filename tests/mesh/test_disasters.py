"""Disasters around the shim, in a real Envoy: closed each time, and back afterwards."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mesh.shim.build import SOURCES, build
from mesh.sidecar import Sidecar
from tests.support.plain_mesh import Form, configuration, plain_mesh, verdict
from tests.support.upstream import Upstream, respond
from tests.support.waiting import wait_until
from tests.support.wire import call, request

HOST, CHECK = "api.test", "check.test"
BODY = b'{"messages":[]}'
_PLANTED = "    const map = try abi.pairs(.request);\n"
"""After this line of guard.zig the request's head is known, and nothing is decided yet."""


@pytest.fixture(scope="module")
def trapping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of the shim that traps on purpose at the path /trap."""
    folder = tmp_path_factory.mktemp("trapping")
    sources = folder / "shim"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
    guard = sources / "guard.zig"
    text = guard.read_text()
    assert text.count(_PLANTED) == 1
    path = 'map.first(":path")'
    trap = f'    if (std.mem.eql(u8, {path}, "/trap")) @trap();\n'
    guard.write_text(text.replace(_PLANTED, _PLANTED + trap))
    return build(folder / "shim.wasm", sources)


@contextmanager
def sidecar(
    form: Form, shim: Path | None = None, **settings: Any
) -> Iterator[tuple[Sidecar, Upstream]]:
    checks = {CHECK: settings}
    with Upstream() as provider, Upstream(answer=lambda _: verdict("allow")) as check:
        hosts = {HOST: provider.port, CHECK: check.port}
        with plain_mesh(form, configuration(form, HOST, checks), hosts, shim=shim) as running:
            yield running, provider


def post(running: Sidecar, path: str = "/v1/chat") -> int:
    return call(running.port, request(HOST, path, body=BODY)).status


def test_a_trap_denies_that_call_and_the_plugin_comes_back(trapping: Path) -> None:
    """In the form `hold`, whose policy is FAIL_RELOAD."""
    with sidecar("hold", trapping) as (running, provider):
        assert post(running) == 200
        assert post(running, "/trap") == 503
        assert len(provider.requests) == 1
        wait_until(lambda: post(running) == 200, "the plugin is back", seconds=20)

    assert all(each.target != "/trap" for each in provider.requests)


def test_after_a_trap_nothing_passes_where_the_plugin_cannot_come_back(trapping: Path) -> None:
    """In the form `portable`, whose policy is FAIL_CLOSED."""
    with sidecar("portable", trapping) as (running, provider):
        assert post(running) == 200
        assert [post(running, path) for path in ("/trap", "/v1/chat", "/v1/chat")] == [503] * 3

    assert len(provider.requests) == 1
    assert provider.requests[0].body == BODY


@pytest.mark.parametrize("form", ["hold", "portable"])
def test_a_check_whose_name_cannot_be_looked_up_denies(form: Form) -> None:
    checks: dict[str, dict[str, Any]] = {CHECK: {}}
    with Upstream() as provider:
        # No redirect: the name is asked of DNS, where a name below .test never is (RFC 6761).
        settings = configuration(form, HOST, checks)
        with plain_mesh(form, settings, {HOST: provider.port, CHECK: None}) as running:
            answer = call(running.port, request(HOST, "/v1/chat", body=BODY))

    assert (answer.status, answer.value("x-meshward-reason")) == (403, "check.reset")
    assert BODY not in provider.received


@pytest.mark.parametrize("form", ["hold", "portable"])
def test_a_check_that_comes_up_late_is_used_as_soon_as_it_is_there(form: Form) -> None:
    with Upstream() as check:
        port = check.port
    settings = configuration(form, HOST, {CHECK: {}})
    with (
        Upstream() as provider,
        plain_mesh(form, settings, {HOST: provider.port, CHECK: port}) as running,
    ):
        assert post(running) == 403
        with Upstream(answer=lambda _: verdict("allow"), port=port):
            wait_until(lambda: post(running) == 200, "the check is used", seconds=20)
        assert post(running) == 403


def test_an_envoy_that_is_killed_in_mid_call_has_sent_nothing_that_was_not_judged() -> None:
    def silent(_callout: object) -> Iterator[bytes]:
        os.kill(killed.pop(), signal.SIGKILL)
        yield respond(b"")

    killed: list[int] = []
    with Upstream() as provider, Upstream(answer=silent) as check:
        hosts = {HOST: provider.port, CHECK: check.port}
        settings = configuration("hold", HOST, {CHECK: {}})
        with plain_mesh("hold", settings, hosts) as running:
            killed.append(running.pid)
            with pytest.raises((AssertionError, ConnectionError)):
                post(running)

    assert provider.received == b""
