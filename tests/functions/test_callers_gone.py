"""Callers who go away leave nothing behind in llm-guard: no judge call, no place at the gate."""

import socket
from pathlib import Path

import pytest

from functions.verdict import Reason
from tests.functions.running import Function, callout, chat, running, signed
from tests.functions.test_llm_guard import HANDLER, answer
from tests.support.judge_answers import Fault
from tests.support.misbehaving_judge import MisbehavingJudge
from tests.support.waiting import wait_until

CALLERS = 200


def sent(function: Function, text: str, deadline_ms: int = 30_000) -> socket.socket:
    """A connection over which a signed callout has left, and from which nothing was read."""
    body = chat(text)
    lines = ["POST /v1/verdict HTTP/1.1", "host: f", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in signed(callout(deadline_ms), body)]
    url = function.client.base_url
    connection = socket.create_connection((url.host, url.port or 0))
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return connection


def figure(function: Function, name: str) -> float:
    """A metric without labels."""
    lines = function.client.get("/metrics").text.splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return float(value)


def resident_bytes(function: Function) -> int:
    status = Path(f"/proc/{function.process.pid}/status")
    if not status.exists():
        pytest.skip("the memory of a process is read as Linux tells it")
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def test_callers_who_go_away_take_their_judge_calls_with_them(tmp_path: Path) -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "hang"
        environment = {
            "MESHWARD_JUDGE_URL": judge.url,
            "MESHWARD_JUDGE_MODEL": "m",
            "MESHWARD_JUDGE_CALLS_MAX": str(CALLERS // 2),
        }
        with running(HANDLER, tmp_path / "log", environment) as function:
            callers = [sent(function, f"text {number}") for number in range(CALLERS)]
            wait_until(lambda: len(judge.asked) == CALLERS // 2, "half of them are at the judge")
            wait_until(
                lambda: figure(function, "meshward_judge_calls_waiting") == CALLERS // 2,
                "the others wait",
            )
            for caller in callers:
                caller.close()
            wait_until(lambda: figure(function, "meshward_judge_calls_inside") == 0, "all gone")
            assert figure(function, "meshward_judge_calls_waiting") == 0
            judge.fault = "none"
            assert answer(function, chat("and now?")).reason is Reason.JUDGE_CLEARED
            refusals = [line["detail"] for line in function.lines("no verdict")]
            assert refusals == ["callout.broken-off: the caller went away"] * CALLERS
            assert function.lines("check failed") == []


def test_who_waits_when_the_function_is_to_end_still_gets_a_verdict(tmp_path: Path) -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "hang"
        environment = {"MESHWARD_JUDGE_URL": judge.url, "MESHWARD_JUDGE_MODEL": "m"}
        with running(HANDLER, tmp_path / "log", environment) as function:
            with sent(function, "hello", deadline_ms=1000) as caller:
                wait_until(lambda: judge.asked, "the judge is asked")
                function.process.terminate()
                answered = b"".join(iter(lambda: caller.recv(65536), b""))
            assert function.process.wait(20) == 0
    head = answered.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[0] == b"HTTP/1.1 200 OK"
    assert {b"x-meshward-reason: judge.timeout", b"connection: close"} <= set(head)


def test_in_a_storm_a_signed_call_is_refused_unread_and_an_unsigned_one_learns_nothing(
    tmp_path: Path,
) -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "hang"
        environment = {
            "MESHWARD_JUDGE_URL": judge.url,
            "MESHWARD_JUDGE_MODEL": "m",
            "MESHWARD_JUDGE_CALLS_MAX": "1",
        }
        with running(HANDLER, tmp_path / "log", environment) as function:
            callers = [sent(function, f"text {number}") for number in range(2)]
            wait_until(
                lambda: figure(function, "meshward_judge_calls_waiting") == 1, "the queue is full"
            )
            refused = function.ask(b"no JSON")
            assert refused.headers["x-meshward-reason"] == Reason.JUDGE_UNAVAILABLE
            unsigned = function.client.post("/v1/verdict", content=chat("hello"))
            assert unsigned.status_code == 401
            for caller in callers:
                caller.close()
            wait_until(lambda: figure(function, "meshward_judge_calls_inside") == 0, "all gone")
            assert function.ask(b"no JSON").headers["x-meshward-reason"] == "request.malformed"


def test_trouble_with_the_judge_does_not_pile_up(tmp_path: Path) -> None:
    faults: tuple[Fault, ...] = (
        *("hang", "endless", "endless head", "huge", "drip", "gzip bomb", "no http", "reset"),
    )
    with MisbehavingJudge() as judge:
        environment = {
            "MESHWARD_JUDGE_URL": judge.url,
            "MESHWARD_JUDGE_MODEL": "m",
            "MESHWARD_CACHE_ENTRIES_MAX": "10",
        }
        with running(HANDLER, tmp_path / "log", environment) as function:

            def trouble(rounds: int) -> int:
                for number in range(rounds):
                    judge.fault = faults[number % len(faults)]
                    answer(function, chat(f"text {number} " + "long " * 1000), deadline_ms=100)
                return resident_bytes(function)

            before = trouble(80)
            assert trouble(160) < before + 8_000_000
