"""Keys in a real Envoy with two workers: asked for once for both, rotated, refused, throttled.

Each test counts what arrives at the provider and at the broker, by key.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.certificates import LocalAuthority
from infra.local.readiness import wait_for_keys
from infra.ports import free_port
from mesh.sidecar import Document, Redirect, Sidecar
from tests.contract.test_wasm_faults import ALLOW
from tests.support.changed import changed
from tests.support.mesh import (
    DENY_PATTERN,
    KEY_BROKER,
    LLM_GUARD,
    PROVIDER,
    Form,
    admin_page,
    manifests,
    rendered,
    values,
)
from tests.support.providers import DATE, Broker, Provider
from tests.support.upstream import Upstream, respond
from tests.support.waiting import wait_until
from tests.support.wire import Message, call, request

WORKERS = 2
CALLS = 12
"""On connections of their own: so many reach each of two workers as good as always."""


@dataclass
class Guard:
    sidecar: Sidecar
    provider: Provider

    def ask(self) -> Message:
        return call(self.sidecar.port, request(PROVIDER, "/v1/x", body=b"{}"))

    def used(self, calls: int = CALLS) -> set[str]:
        """The keys that so many calls go out with."""
        first = len(self.provider.requests)
        for _ in range(calls):
            self.ask()
        return set(self.provider.used[first:])


def connected(guard: Guard) -> int:
    """How many calls the sidecar has taken."""
    _, page = admin_page(guard.sidecar, "/stats?filter=downstream_rq_total")
    return max(int(line.rpartition(" ")[2]) for line in page.splitlines() if "admin" not in line)


def hasty(documents: list[Document], patience_ms: int) -> list[Document]:
    """The same manifests, the keys asked for every second, each call for them taking so long."""

    def hurried(member: dict[str, Any]) -> dict[str, Any]:
        if "refresh_seconds" not in member:
            return member
        return {**member, "refresh_seconds": 1, "timeout_ms": patience_ms}

    return changed(documents, hurried)


@contextmanager
def running(
    shim: Path,
    form: Form,
    authority: LocalAuthority,
    redirects: dict[str, Redirect],
    patience_ms: int = 1000,
) -> Iterator[Guard]:
    answer = respond(headers=(DATE, *(pair for pair in ALLOW if pair[0] != ":status")))
    allow = answer.replace(b"\r\n\r\nok", b"\r\n\r\n").replace(b"length: 2", b"length: 0")
    with ExitStack() as exits:
        provider = exits.enter_context(Provider(authority))
        places = {**provider.redirects, **redirects}
        for host in (DENY_PATTERN, LLM_GUARD):
            check = exits.enter_context(
                Upstream(authority.issue(host.split("-0")[0], host), lambda _request: allow)
            )
            places[f"{host}:443"] = Redirect("127.0.0.1", check.port, authority.ca_file)
        config = rendered(hasty(manifests(form, values(shim)), patience_ms), places)
        sidecar = exits.enter_context(Sidecar.start(config, concurrency=WORKERS))
        yield Guard(sidecar, provider)


@pytest.fixture(params=["portable", "hold"])
def form(request: pytest.FixtureRequest) -> Form:
    chosen: Form = request.param
    return chosen


def test_both_workers_use_what_one_has_asked_for_and_follow_a_rotation(
    shim: Path, authority: LocalAuthority, form: Form
) -> None:
    with (
        Broker(authority, ["sk-one"]) as broker,
        running(shim, form, authority, broker.redirects) as guard,
    ):
        wait_until(lambda: guard.ask().status == 200, "the first key")
        wait_until(lambda: {guard.ask().status for _ in range(CALLS)} == {200}, "all workers' keys")
        assert guard.used() == {"sk-one"}
        asked = len(broker.requests)
        wait_until(lambda: len(broker.requests) >= asked + 3, "three more refreshes", seconds=10)
        # Envoy's main thread has a machine too: three of them would ask nine times.
        assert len(broker.requests) <= asked + 5

        broker.keys = ["sk-two", "sk-one"]
        wait_until(lambda: guard.used() == {"sk-two"}, "the rotated key", seconds=10)
        statuses = {guard.ask().status for _ in range(CALLS)}
    assert statuses == {200}
    shown = "\n".join(guard.sidecar.log())
    assert "sk-one" not in shown
    assert "sk-two" not in shown


def test_calls_at_the_very_start_wait_for_the_first_key(
    shim: Path, authority: LocalAuthority, form: Form
) -> None:
    """The broker takes its time; calls that came before its answer go on with the key."""
    with Broker(authority, ["sk-one"]) as broker:
        broker.may_answer.clear()
        with (
            running(shim, form, authority, broker.redirects, patience_ms=10_000) as guard,
            ThreadPoolExecutor(CALLS) as pool,
        ):
            asked = [pool.submit(guard.ask) for _ in range(CALLS)]
            wait_until(lambda: broker.requests, "the call for keys")
            wait_until(lambda: connected(guard) >= CALLS, "all calls to be there")
            assert guard.provider.requests == []
            broker.may_answer.set()
            answers = [each.result() for each in asked]
    assert [answer.status for answer in answers] == [200] * CALLS
    assert set(guard.provider.used) == {"sk-one"}
    assert {each.body for each in guard.provider.requests} == {b"{}"}


def test_a_broker_that_is_down_at_the_start_is_found_when_it_comes(
    shim: Path, authority: LocalAuthority, form: Form
) -> None:
    port = free_port().number
    place = {f"{KEY_BROKER}:443": Redirect("127.0.0.1", port, authority.ca_file)}
    with running(shim, form, authority, place) as guard:
        answer = guard.ask()
        assert (answer.status, answer.value("x-meshward-reason")) == (503, "key.unavailable")
        wait_until(
            lambda: any("keys not renewed status=503" in line for line in guard.sidecar.log()),
            "the broker to be missed",
        )
        with Broker(authority, ["sk-late"], port):
            wait_for_keys(guard.sidecar.port, PROVIDER)
            wait_until(lambda: guard.used() == {"sk-late"}, "the keys in both workers")


def test_keys_stay_while_the_broker_is_away_and_are_renewed_when_it_is_back(
    shim: Path, authority: LocalAuthority, form: Form
) -> None:
    port = free_port().number
    with Broker(authority, ["sk-one"], port) as broker:
        exits = ExitStack()
        guard = exits.enter_context(running(shim, form, authority, broker.redirects))
        wait_until(lambda: {guard.ask().status for _ in range(CALLS)} == {200}, "the keys")
        broker.keys = None
        wait_until(
            lambda: any("keys not renewed status=500" in line for line in guard.sidecar.log()),
            "the broken broker to be noticed",
        )
        assert guard.used() == {"sk-one"}
    with exits:
        wait_until(
            lambda: any("keys not renewed status=503" in line for line in guard.sidecar.log()),
            "the broker to be missed",
            seconds=10,
        )
        assert guard.used() == {"sk-one"}
        with Broker(authority, ["sk-two"], port):
            wait_until(lambda: guard.used() == {"sk-two"}, "the new keys", seconds=15)


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_key_that_the_provider_does_not_want_costs_each_worker_one_call(
    shim: Path, authority: LocalAuthority, status: int
) -> None:
    with (
        Broker(authority, ["sk-one", "sk-two"]) as broker,
        running(shim, "hold", authority, broker.redirects) as guard,
    ):
        wait_until(lambda: {guard.ask().status for _ in range(CALLS)} == {200}, "the keys")
        guard.provider.treat["sk-one"] = status
        first = len(guard.provider.requests)
        statuses = [guard.ask().status for _ in range(3 * CALLS)]
        refused = guard.provider.used[first:].count("sk-one")
        assert 1 <= refused <= WORKERS
        assert statuses.count(200) == 3 * CALLS - refused
        assert set(statuses) == {200, status}
        assert guard.used() == {"sk-two"}
        why = "throttled" if status == 429 else "refused"
        wanted = f"meshward: key rests why={why} host={PROVIDER}"
        assert any(wanted in line for line in guard.sidecar.log())
