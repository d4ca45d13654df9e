"""What happens when a part fails: a clear answer, nothing sent, and the next good call works.

Every fault is made on a real part: a process is killed or stopped, a server answers nonsense.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from infra.cli.stack import Stack
from infra.local.banner import GUARDED_HOST
from infra.local.certificates import LocalAuthority
from infra.local.readiness import wait_for_keys
from mesh.sidecar import Redirect
from tests.e2e.conftest import Guard, Judge, chat
from tests.support.mesh import manifests, rendered, running
from tests.support.upstream import Upstream, respond
from tests.support.waiting import wait_until
from tests.support.wire import Message, call, request

MARKED = "this text must not leave 7b1d2c"
Process = Callable[[str], int]


@contextmanager
def nothing_leaves(guard: Guard) -> Iterator[None]:
    """No byte of a body reaches the provider inside; in `hold` form not even a request line."""
    requests = len(guard.recorder.requests)
    lengths = [len(connection.received) for connection in guard.recorder.connections]
    yield
    assert len(guard.recorder.requests) == requests
    # A connection may be older than this block, so each is looked at from where it was.
    lengths += [0] * (len(guard.recorder.connections) - len(lengths))
    pairs = zip(guard.recorder.connections, lengths, strict=True)
    fresh = b"".join(bytes(connection.received[length:]) for connection, length in pairs)
    assert MARKED.encode() not in guard.recorder.received
    assert b"messages" not in fresh
    if guard.form == "hold":
        assert fresh == b""


def assert_denied(answer: Message, reason: str, status: int = 403) -> None:
    """A clear error in the provider's shape, with the reason in it and beside it."""
    assert answer.status == status
    assert answer.value("x-meshward-reason") == reason
    assert answer.value("content-type") == "application/json"
    error = json.loads(answer.body)["error"]
    assert error["code"] == reason
    assert reason in error["message"]


def assert_works(guard: Guard) -> None:
    """The next good call goes through."""
    assert guard.ask("你是谁？").status == 200
    assert guard.recorder.requests[-1].body == chat("你是谁？")


def test_a_judge_that_is_down(guard: Guard, judge: Judge) -> None:
    judge.down()
    try:
        with nothing_leaves(guard):
            assert_denied(guard.ask(MARKED), "judge.unavailable")
    finally:
        judge.up()
    assert_works(guard)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("nonsense", "judge.malformed"),
        ("empty", "judge.malformed"),
        ("cut", "judge.malformed"),
        ("status", "judge.unavailable"),
        ("hang", "judge.timeout"),
    ],
)
def test_a_judge_that_fails(guard: Guard, judge: Judge, fault: str, reason: str) -> None:
    judge.fault(fault)
    try:
        with nothing_leaves(guard):
            assert_denied(guard.ask(MARKED), reason)
    finally:
        judge.fault("none")
    assert_works(guard)


def test_a_function_that_is_killed_in_mid_call_and_then_is_back(
    guard: Guard, judge: Judge, instance: Process
) -> None:
    judge.fault("hang")
    before = judge.calls()
    try:
        with nothing_leaves(guard), ThreadPoolExecutor(1) as background:
            asked = background.submit(guard.ask, MARKED)
            wait_until(lambda: judge.calls() > before, "the judge is asked")
            os.kill(instance("llm-guard"), signal.SIGKILL)
            assert_denied(asked.result(), "check.status")
    finally:
        judge.fault("none")
    assert_works(guard)


def test_a_function_that_hangs(guard: Guard, instance: Process) -> None:
    stopped = instance("deny-pattern")
    os.kill(stopped, signal.SIGSTOP)
    try:
        with nothing_leaves(guard):
            assert_denied(guard.ask(MARKED), "check.timeout")
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert_works(guard)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [("perhaps", "check.malformed"), ("", "check.malformed"), ("allow", "")],
    ids=["unknown", "missing", "good"],
)
def test_a_verdict_with_an_unknown_value(
    guard: Guard, stack: Stack, authority: LocalAuthority, verdict: str, reason: str
) -> None:
    host = stack.functions["deny-pattern"].host
    headers = [
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("x-meshward-contract", "1"),
        ("x-meshward-reason", "rule.none"),
        ("x-meshward-revision", "r1"),
        ("x-meshward-cache-seconds", "0"),
    ]
    if verdict:
        headers.append(("x-meshward-verdict", verdict))
    answer = respond(b"", headers=tuple(headers))
    with Upstream(authority.issue("odd", host), lambda _request: answer) as odd:
        redirects = {
            **stack.redirects,
            f"{host}:443": Redirect("127.0.0.1", odd.port, authority.ca_file),
            f"{GUARDED_HOST}:443": Redirect("127.0.0.1", guard.recorder.port, authority.ca_file),
        }
        with running(rendered(manifests(guard.form, stack.values), redirects)) as sidecar:
            wait_for_keys(sidecar.port, GUARDED_HOST)
            other = Guard(guard.form, sidecar, guard.recorder)
            if reason:
                with nothing_leaves(other):
                    assert_denied(other.ask(MARKED), reason)
            else:
                assert_works(other)
    assert_works(guard)


def test_a_body_over_the_limit(guard: Guard) -> None:
    with nothing_leaves(guard):
        assert_denied(guard.ask(MARKED + "x" * 1_000_001), "request.too-large", 413)
    assert_works(guard)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [{"content": "' + MARKED.encode(),
        b"\xef\xbb\xbf" + chat(MARKED),
        chat(MARKED) + b"{}",
        b'{"messages": [], "Messages": []}',
        b"\xff\xfe",
    ],
    ids=["cut", "byte order mark", "something behind it", "two keys", "not UTF-8"],
)
def test_a_body_that_is_not_strict_json(guard: Guard, body: bytes) -> None:
    with nothing_leaves(guard):
        assert_denied(guard.send(body), "request.malformed", 400)
    assert_works(guard)


def test_a_callout_that_is_not_signed_is_refused_by_every_function(stack: Stack) -> None:
    headers = [
        ("authorization", f"Bearer {stack.values['MESHWARD_TRIGGER_TOKEN']}"),
        ("x-meshward-contract", "1"),
        ("x-meshward-phase", "request"),
        ("x-meshward-policy", "default"),
        ("x-meshward-authority", GUARDED_HOST),
        ("x-meshward-path", "/"),
        ("x-meshward-method", "POST"),
        ("x-meshward-deadline-ms", "1000"),
    ]
    for name, function in stack.functions.items():
        path = "/v1/keys" if name == "key-broker" else "/v1/verdict"
        raw = request(function.host, path, headers=headers, body=b"{}")
        answer = call(emulator_port(stack), raw)

        assert answer.status == 401
        assert json.loads(answer.body)["error"]["code"] == "callout.unauthorised"


def test_a_stranger_without_the_trigger_s_token_starts_nothing(stack: Stack) -> None:
    for function in stack.functions.values():
        answer = call(emulator_port(stack), request(function.host, "/v1/verdict", body=b"{}"))

        assert answer.status == 403
        assert json.loads(answer.body)["Code"] == "AccessDenied"


def test_nobody_else_on_this_machine_may_deploy_to_the_local_emulator(stack: Stack) -> None:
    host = f"127.0.0.1:{emulator_port(stack)}"

    answer = call(emulator_port(stack), request(host, "/2023-03-30/functions", method="GET"))

    assert answer.status in (400, 403)
    assert b"deny-pattern" not in answer.body


def emulator_port(stack: Stack) -> int:
    return int(stack.emulator_url.rpartition(":")[2])
