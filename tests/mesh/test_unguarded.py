"""Calls to hosts that are not guarded pass untouched, byte for byte."""

from pathlib import Path

import pytest

from mesh.sidecar import Redirect
from tests.support.mesh import UNGUARDED, Form, guarded, unguarded
from tests.support.upstream import Upstream, respond
from tests.support.wire import Message, call, chunked, request

BODY = "账号 {not json}\r\n\x00\xff".encode()
HEADERS = (
    ("Authorization", "Bearer the caller's own"),
    ("X-Api-Key", "the caller's own"),
    ("Content-Type", "text/odd; a=b"),
    ("X-Empty", ""),
    ("X-Twice", "one"),
    ("X-Twice", "two"),
)
# What Envoy and Istio add to a request, apart from the request id, which is a new one each time.
ADDED = [("x-forwarded-proto", "http"), ("x-envoy-attempt-count", "1")]


def redirects_to(server: Upstream) -> dict[str, Redirect]:
    return {f"{UNGUARDED}:80": Redirect("127.0.0.1", server.port)}


@pytest.mark.parametrize("form", ["portable", "hold"])
def test_request_and_answer_pass_as_they_are_with_the_shim_in_place(shim: Path, form: Form) -> None:
    answer = respond(BODY, 418, "text/odd", (("X-Answer", "Yes"), ("set-cookie", "a=b; Path=/")))
    with (
        Upstream(answer=lambda _: answer) as server,
        guarded(shim, form, redirects_to(server)) as sidecar,
    ):
        got = call(sidecar.port, request(UNGUARDED, "/a/b?c=%2F&d", headers=HEADERS, body=BODY))

    assert_request_is_untouched(server.requests)
    assert server.received.endswith(b"\r\n\r\n" + BODY)
    assert got.status == 418
    assert got.body == BODY
    assert [(name, value) for name, value in got.headers if not added_to_answer(name)] == [
        ("content-type", "text/odd"),
        ("x-answer", "Yes"),
        ("set-cookie", "a=b; Path=/"),
        ("content-length", str(len(BODY))),
    ]


def test_the_shim_adds_nothing_to_what_a_bare_sidecar_sends(shim: Path) -> None:
    raw = request(UNGUARDED, "/a", headers=(*HEADERS, ("x-request-id", "the same")), body=BODY)
    with Upstream() as server:
        redirects = redirects_to(server)
        with unguarded(redirects) as bare:
            call(bare.port, raw)
        with guarded(shim, "hold", redirects) as sidecar:
            call(sidecar.port, raw)

    first, second = server.connections
    assert first.received == second.received


def test_a_chunked_body_passes_chunked(shim: Path) -> None:
    with Upstream() as server, guarded(shim, "hold", redirects_to(server)) as sidecar:
        call(sidecar.port, chunked(UNGUARDED, "/", [BODY, b"x" * 70_000, BODY]))

    (seen,) = server.requests
    assert seen.value("transfer-encoding") == "chunked"
    assert seen.body == BODY + b"x" * 70_000 + BODY


def assert_request_is_untouched(requests: list[Message]) -> None:
    (seen,) = requests
    sent = [(name.lower(), value) for name, value in HEADERS]
    assert seen.start_line == "POST /a/b?c=%2F&d HTTP/1.1"
    assert seen.value("x-request-id") is not None
    assert [pair for pair in seen.headers if pair[0] != "x-request-id"] == [
        ("host", UNGUARDED),
        *sent,
        ("content-length", str(len(BODY))),
        *ADDED,
    ]
    assert seen.body == BODY


def added_to_answer(name: str) -> bool:
    """Headers that Envoy puts on every answer."""
    return name in ("date", "server", "x-envoy-upstream-service-time")
