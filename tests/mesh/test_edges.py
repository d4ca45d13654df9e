"""Requests that are out of the ordinary, through a real Envoy in both forms."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from mesh.sidecar import Sidecar
from tests.support.plain_mesh import Form, configuration, plain_mesh, verdict
from tests.support.upstream import Upstream, respond
from tests.support.waiting import wait_until
from tests.support.wire import Message, call, request

HOST, CHECK = "api.test", "check.test"
FORMS = pytest.mark.parametrize("form", ["hold", "portable"])
BODY = b'{"messages":[]}'
JSON = [("Content-Type", "application/json")]


@dataclass
class Playground:
    sidecar: Sidecar
    provider: Upstream
    check: Upstream

    def post(self, path: str = "/v1/chat", body: bytes = BODY, host: str = HOST) -> Message:
        return call(self.sidecar.port, request(host, path, headers=JSON, body=body))

    def send(self, raw: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.sidecar.port), timeout=10)
        connection.sendall(raw)
        return connection


@contextmanager
def playground(
    form: Form,
    answer: Any = lambda _: verdict("allow"),
    provider: Any = lambda _: respond(b"ok"),
    of_listener: dict[str, Any] | None = None,
    **changed: Any,
) -> Iterator[Playground]:
    host = changed.pop("guarded", HOST)
    checks = {CHECK: changed.pop("of_check", {})}
    settings = configuration(form, host, checks, **changed)
    with Upstream(answer=provider) as upstream, Upstream(answer=answer) as check:
        hosts = {HOST: upstream.port, f"eu.{HOST}": upstream.port, CHECK: check.port}
        with plain_mesh(form, settings, hosts, of_listener=of_listener) as sidecar:
            yield Playground(sidecar, upstream, check)


@FORMS
def test_a_client_that_waits_for_100_continue_is_told_to_go_on_and_then_judged(form: Form) -> None:
    with playground(form, lambda _: verdict("deny", "rule.matched", b"no")) as ground:
        head = [*JSON, ("Content-Length", str(len(BODY))), ("Expect", "100-continue")]
        raw = request(HOST, "/v1/chat", method="GET", headers=head).replace(b"GET", b"POST", 1)
        with ground.send(raw) as connection:
            assert connection.recv(1024).startswith(b"HTTP/1.1 100")
            connection.sendall(BODY)
            answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 403")
    assert [each.body for each in ground.check.requests] == [BODY]
    assert BODY not in ground.provider.received


@FORMS
def test_an_http_1_0_request_is_judged_where_envoy_takes_it(form: Form) -> None:
    with playground(
        form, of_listener={"http_protocol_options": {"accept_http_10": True}}
    ) as ground:
        raw = request(HOST, "/v1/chat", headers=JSON, body=BODY).replace(b"HTTP/1.1", b"HTTP/1.0")
        with ground.send(raw) as connection:
            answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert b" 200 " in answer.partition(b"\r\n")[0]
    assert [each.body for each in ground.check.requests] == [BODY]


@FORMS
def test_a_connect_request_reaches_nobody(form: Form) -> None:
    with (
        playground(form) as ground,
        ground.send(
            f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode()
        ) as connection,
    ):
        answer = connection.recv(4096)

    assert int(answer.split()[1]) >= 400
    assert ground.provider.received == b""


@FORMS
def test_an_upgrade_goes_through_with_our_key_where_it_is_allowed(form: Form) -> None:
    def switch(_request: Message) -> Iterator[bytes]:
        yield b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        yield b"frames"

    with playground(form, provider=switch, of_host={"upgrades": "allow"}) as ground:
        head = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Authorization", "mine")]
        with ground.send(request(HOST, "/v1/realtime", method="GET", headers=head)) as connection:
            answer = b""
            while b"frames" not in answer:
                answer += connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 101")
    assert ground.provider.requests[0].values("authorization") == ["Bearer sk-own"]
    assert ground.check.requests == []


def test_a_body_that_calls_itself_an_upgrade_goes_nowhere() -> None:
    with playground("hold", of_host={"upgrades": "allow"}) as ground:
        head = [*JSON, ("Connection", "Upgrade"), ("Upgrade", "websocket")]
        raw = request(HOST, "/v1/chat", headers=head, body=BODY)
        answer = call(ground.sidecar.port, raw)

    assert answer.status == 403
    assert ground.provider.received == b""


@FORMS
@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("/v1/models", b"", 0),
        ("/v1/models?limit=1", b"", 0),
        ("/v1/models", BODY, 1),
        ("/v1/models/x", b"", 1),
        ("/v1/%6dodels", b"", 0),
        ("/v1/models/", b"", 1),
        ("/v1/chat/../models", b"", 0),
        ("/v1/models/..%2fchat", b"", 1),
    ],
)
def test_only_the_paths_that_need_no_check_go_without_one(
    form: Form, path: str, body: bytes, asked: int
) -> None:
    """Envoy resolves dots and needless escapes first, and the provider gets what the shim saw."""
    with playground(form, of_host={"unchecked": ["/v1/models"]}) as ground:
        method = "POST" if body else "GET"
        raw = request(HOST, path, method=method, headers=JSON if body else [], body=body)
        answer = call(ground.sidecar.port, raw)

    assert answer.status == 200
    assert len(ground.check.requests) == asked
    assert ground.provider.requests[0].values("authorization") == ["Bearer sk-own"]
    if not asked:
        assert ground.provider.requests[0].target.partition("?")[0] == "/v1/models"


def test_no_port_leads_around_the_check() -> None:
    """Envoy routes by the name before the last colon, whatever stands behind it."""
    ports = [":", ":80", ":abc", ":+80", ":80x", ":-1", ":80:80"]
    with playground("hold", lambda _: verdict("deny", "rule.matched", b"no")) as ground:
        statuses = {port: ground.post(host=f"{HOST}{port}").status for port in ports}

    assert statuses == dict.fromkeys(ports, 403)
    assert len(ground.check.requests) == len(ports)
    assert ground.provider.received == b""


@FORMS
def test_hosts_below_a_suffix_are_guarded(form: Form) -> None:
    with playground(form, guarded="*.api.test") as ground:
        below = ground.post(host=f"eu.{HOST}")
        beside = ground.post(host=HOST)

    assert (below.status, beside.status) == (200, 200)
    keys = [each.values("authorization") for each in ground.provider.requests]
    assert keys == [["Bearer sk-own"], []]
    assert len(ground.check.requests) == 1


@FORMS
def test_an_identical_call_reuses_an_allow_and_another_one_does_not(form: Form) -> None:
    with playground(
        form,
        lambda _: verdict("allow", cache_seconds="60"),
        cache={"entries": 100, "seconds": 60},
    ) as ground:
        for body in (BODY, BODY, b'{"messages":["another"]}', BODY):
            assert ground.post(body=body).status == 200
        assert ground.post(path="/v1/completions").status == 200

    assert [each.body for each in ground.provider.requests[:2]] == [BODY, BODY]
    assert len(ground.check.requests) == 3


@FORMS
@pytest.mark.parametrize(
    ("answer", "of_check"),
    [
        (verdict("allow"), {}),
        (verdict("allow", cache_seconds="60", state="c2VhbGVk"), {}),
        (verdict("deny", "rule.matched", b"no", cache_seconds="60"), {}),
        (verdict("deny", "rule.matched", b"no", cache_seconds="60"), {"mode": "monitor"}),
        (verdict("mask", "rule.matched", b"masked", cache_seconds="60"), {}),
        (respond(b"", 500), {"on_error": "allow"}),
    ],
    ids=["zero seconds", "sealed state", "denial", "monitored denial", "mask", "failure"],
)
def test_nothing_but_a_plain_allow_is_ever_reused(
    form: Form, answer: bytes, of_check: dict[str, str]
) -> None:
    with playground(
        form, lambda _: answer, cache={"entries": 100, "seconds": 60}, of_check=of_check
    ) as ground:
        first, second = ground.post(), ground.post()

    assert first.status == second.status
    assert len(ground.check.requests) == 2


@FORMS
def test_an_allow_is_forgotten_when_the_policy_changes(form: Form) -> None:
    revisions = iter(["r1", "r1", "r2", "r2"])
    with playground(
        form,
        lambda _: verdict("allow", cache_seconds="60", revision=next(revisions)),
        cache={"entries": 100, "seconds": 60},
    ) as ground:
        for body in (b"[1]", b"[2]", b"[3]", b"[1]", b"[1]"):
            assert ground.post(body=body).status == 200

    assert [each.body for each in ground.check.requests] == [b"[1]", b"[2]", b"[3]", b"[1]"]


@FORMS
def test_a_caller_that_goes_away_while_it_is_judged_leaves_nothing_behind(form: Form) -> None:
    with playground(form) as ground:
        with ground.send(request(HOST, "/v1/chat", headers=JSON, body=BODY)):
            wait_until(lambda: bool(ground.check.requests), "the check is asked")
        for _ in range(5):
            assert ground.post(body=b"[]").status == 200

    # The caller may have had its answer before it was gone; a denied or lost call never comes here.
    assert len(ground.check.requests) == 6
    assert ground.sidecar.log() == [line for line in ground.sidecar.log() if "denied" not in line]
