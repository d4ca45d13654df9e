"""The same whole calls through a real Envoy, in both forms: what the Wasm host plays is not a play.

Scenario ──▶ bootstrap: the guarded host, one cluster for each known check
         ──▶ the request as bytes ──▶ Envoy + shim.wasm ──▶ recording provider and checks
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from functions.verdict import REASONS
from infra.ports import free_port
from tests.contract.scenarios import (
    HOST,
    Answer,
    Check,
    Form,
    Provider,
    Request,
    Scenario,
    plugin_configuration,
    scenarios,
)
from tests.support.plain_mesh import cluster, plain_mesh
from tests.support.translator import translated
from tests.support.upstream import Upstream, respond
from tests.support.waiting import wait_until
from tests.support.wire import Message, call

CALLS = [(scenario, form) for scenario in scenarios() for form in scenario.forms]


def _is_the_same_in_http2(scenario: Scenario) -> bool:
    """Whether what makes HTTP/2 of it leaves it as it is: no broken connection, no odd head."""
    answers = [answer for check in scenario.checks for answer in check.answers]
    names = {name.lower() for name, _ in scenario.request.headers}
    return (
        all(answer.kind != "reset" and not answer.after_ms for answer in answers)
        and "upgrade" not in names
        and "@" not in scenario.request.authority
    )


IN_HTTP2 = [
    (scenario, scenario.forms[number % len(scenario.forms)])
    for number, scenario in enumerate(scenarios())
    if _is_the_same_in_http2(scenario) and number % 3
]
"""Two of three, each in one form: the messages are the same, only their frames are not."""
_UNGUARDED = "www.test"
_DATE = ("date", "Thu, 01 Jan 2026 00:00:00 GMT")


@dataclass(frozen=True)
class Played:
    answer: Message
    provider: Upstream
    checks: dict[str, Upstream]


@pytest.mark.parametrize(
    ("scenario", "form"), CALLS, ids=[f"{form}: {scenario.name}" for scenario, form in CALLS]
)
def test_a_call_comes_out_as_it_should(scenario: Scenario, form: Form) -> None:
    _comes_out(scenario, form, http2=False)


@pytest.mark.parametrize(
    ("scenario", "form"), IN_HTTP2, ids=[f"{form}: {scenario.name}" for scenario, form in IN_HTTP2]
)
def test_a_call_comes_out_as_it_should_in_http2_on_both_sides(
    scenario: Scenario, form: Form
) -> None:
    _comes_out(scenario, form, http2=True)


def _comes_out(scenario: Scenario, form: Form, *, http2: bool) -> None:
    with played(scenario, form, http2=http2) as result:
        _answers_the_caller(scenario, result.answer)
        _reaches_the_provider(scenario, result.provider, form)
        _asks_the_checks(scenario, result.checks)


def _answers_the_caller(scenario: Scenario, answer: Message) -> None:
    expected = scenario.outcome
    assert answer.status == expected.status
    if expected.body is not None and scenario.request.method != "HEAD":
        assert answer.body.decode() == expected.body
    for name, value in expected.caller_headers.items():
        assert answer.value(name) == value, name
    if expected.reason is not None:
        assert answer.value("x-meshward-reason") == expected.reason
        if expected.content_type:
            assert answer.value("content-type") == expected.content_type


def _reaches_the_provider(scenario: Scenario, provider: Upstream, form: Form) -> None:
    expected = scenario.outcome
    if expected.upstream_body is None:
        assert provider.requests == []
        assert form == "portable" or provider.received == b""
        for chunk in scenario.request.chunks:
            assert not chunk or chunk not in provider.received
        return
    (seen,) = provider.requests
    assert seen.body.decode() == expected.upstream_body
    for name, value in expected.upstream_headers.items():
        if not name.startswith(":"):
            assert seen.values(name) == ([] if value is None else [value]), name


def _asks_the_checks(scenario: Scenario, checks: dict[str, Upstream]) -> None:
    expected = scenario.outcome
    for check in scenario.checks:
        if check.is_known and check.name in expected.callouts:
            # A check that is not known was tried and never reached; another may be on its way
            # still when the caller has its answer.
            requests, wanted = checks[check.name].requests, expected.callouts[check.name]
            wait_until(partial(_arrived, requests, wanted), check.name)
            assert len(requests) == wanted, check.name
    for name, headers in expected.callout_headers.items():
        callout = checks[name].requests[-1]
        for header, value in headers.items():
            if header not in (":method", ":path", ":authority"):
                assert callout.values(header) == [value], header
    for name, bodies in expected.saw.items():
        assert [callout.body.decode() for callout in checks[name].requests] == bodies


def _arrived(requests: list[Message], count: int) -> bool:
    return len(requests) >= count


@contextmanager
def played(scenario: Scenario, form: Form, *, http2: bool) -> Iterator[Played]:
    """Play the call; what it left behind at the caller, the provider and the checks."""
    with ExitStack() as exits:
        over = threading.Event()
        provider = exits.enter_context(Upstream(answer=lambda _: _answer(scenario.provider)))
        checks = {
            check.name: exits.enter_context(Upstream(answer=Script(check, over)))
            for check in scenario.checks
        }
        exits.callback(over.set)
        hosts = {HOST: provider.port, _UNGUARDED: provider.port}
        known = [check for check in scenario.checks if check.is_known]
        hosts |= {_host(check): checks[check.name].port for check in known}
        plugin = plugin_configuration(
            scenario, form, lambda check: (cluster(_host(check)), _host(check))
        )
        port = exits.enter_context(_sidecar(form, plugin, hosts, http2=http2))
        yield Played(call(port, _bytes(scenario.request)), provider, checks)


@contextmanager
def _sidecar(form: Form, plugin: str, hosts: dict[str, int], *, http2: bool) -> Iterator[int]:
    """The port of the sidecar, or of what makes it speak HTTP/2 on both sides."""
    if not http2:
        with plain_mesh(form, plugin, hosts) as sidecar:
            yield sidecar.port
        return
    fronts = {port: free_port().number for port in set(hosts.values())}
    places = {front: port for port, front in fronts.items()}
    in_http2 = {host: fronts[port] for host, port in hosts.items()}
    with (
        plain_mesh(form, plugin, in_http2, http2=True) as sidecar,
        translated(sidecar.port, places) as port,
    ):
        yield port


class Script:
    """A check that gives its answers in turn, the last one again and again."""

    def __init__(self, check: Check, over: threading.Event) -> None:
        self._answers = list(check.answers)
        self._over = over

    def __call__(self, _request: Message) -> bytes:
        answer: Answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer.kind == "hang":
            self._over.wait(30)
            raise ConnectionAbortedError
        time.sleep(answer.after_ms / 1000)  # part of the scenario: a check that takes its time
        if answer.kind == "reset":
            raise ConnectionAbortedError
        headers = tuple(each for each in answer.headers if each[0] != "content-type")
        kinds = [value for name, value in answer.headers if name == "content-type"]
        dated = headers if any(name == "date" for name, _ in headers) else (_DATE, *headers)
        return _without_default_type(
            respond(answer.body, answer.status, kinds[0] if kinds else "", dated), bool(kinds)
        )


def _without_default_type(raw: bytes, has_type: bool) -> bytes:
    return raw if has_type else raw.replace(b"content-type: \r\n", b"")


def _answer(provider: Provider) -> bytes:
    """The provider's response as it is on the wire."""
    lines = [f"HTTP/1.1 {provider.status} Whatever", f"date: {_DATE[1]}"]
    lines += [f"{name}: {value}" for name, value in provider.headers]
    whole = b"".join(provider.chunks)
    if provider.status == 204:
        return "\r\n".join([*lines, "", ""]).encode()
    if provider.length is not None:
        lines.append(f"content-length: {provider.length}")
        return "\r\n".join([*lines, "", ""]).encode() + whole
    lines.append("transfer-encoding: chunked")
    pieces = [b"%x\r\n%b\r\n" % (len(each), each) for each in provider.chunks]
    ending = "".join(f"{name}: {value}\r\n" for name, value in provider.trailers)
    body = b"".join([*pieces, b"0\r\n", ending.encode(), b"\r\n"])
    return "\r\n".join([*lines, "", ""]).encode() + body


def _host(check: Check) -> str:
    return f"{check.name}.test"


def _bytes(request: Request) -> bytes:
    """The request as an HTTP/1.1 client writes it."""
    lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {request.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    whole = b"".join(request.chunks)
    if request.length is not None:
        named = {name.lower() for name, _ in request.headers}
        if "content-length" not in named:
            lines.append(f"Content-Length: {request.length}")
        body = whole
    elif request.chunks:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in request.chunks) + b"0\r\n"
        body += b"".join(f"{name}: {value}\r\n".encode() for name, value in request.trailers)
        body += b"\r\n"
    else:
        body = b""
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def test_the_scenarios_name_every_reason_of_the_shim() -> None:
    """A way to fail that nobody plays is one that nobody has tried."""
    played_reasons = {scenario.outcome.reason for scenario in scenarios()}
    of_the_shim = {str(reason) for reason, spec in REASONS.items() if "shim" in spec.said_by}
    # Made by a host that refuses and by a full worker: test_wasm_faults.py plays them.
    elsewhere = {"shim.fault", "shim.overloaded"}
    assert of_the_shim - elsewhere <= played_reasons, json.dumps(sorted(of_the_shim))
