"""Log lines hold fixed fields, and nothing of a message."""

import json
import logging

import pytest

from functions.runtime import logs
from functions.verdict import Callout, Decision, Finding, Phase, Reason, Severity, Verdict

CALLOUT = Callout(
    phase=Phase.REQUEST,
    policy="default",
    authority="api.example",
    path="/v1/chat?q=sesame",
    method="POST",
    workload="default/sleep",
    deadline_ms=100,
)
FINDING = Finding(rule="r1", category="c", severity=Severity.LOW, pointer="/sesame")
VERDICT = Verdict(
    check="deny-pattern",
    phase=Phase.REQUEST,
    policy="default",
    revision="abc",
    decision=Decision.ALLOW,
    reason=Reason.RULE_MONITORED,
    findings=(FINDING, FINDING),
)


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    (only,) = capsys.readouterr().out.splitlines()
    fields: dict[str, object] = json.loads(only)
    assert isinstance(fields.pop("time"), float)
    return fields


def test_a_verdict_leaves_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.audit(VERDICT, CALLOUT.model_copy(update={"request_id": "0a1b-2c"}), 1.2345)
    assert line(capsys) == {
        "level": "info",
        "event": "verdict",
        "check": "deny-pattern",
        "phase": "request",
        "policy": "default",
        "revision": "abc",
        "decision": "allow",
        "reason": "rule.monitored",
        "rules": ["r1"],
        "workload": "default/sleep",
        "authority": "api.example",
        "request_id": "0a1b-2c",
        "ms": 1.23,
    }


def test_kept_lines_leave_together_and_in_their_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_kept", None)
    logs.keep_lines()
    for milliseconds in (1.0, 2.0):
        logs.audit(VERDICT, CALLOUT, milliseconds)
    assert capsys.readouterr().out == ""
    logs.write_kept()
    told = [json.loads(each)["ms"] for each in capsys.readouterr().out.splitlines()]
    assert told == [1.0, 2.0]
    logs.write_kept()
    assert capsys.readouterr().out == ""


def test_lines_that_cannot_be_written_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_kept", ["a line"])
    with monkeypatch.context() as full:
        full.setattr("sys.stdout", None)
        with pytest.raises(AttributeError):
            logs.write_kept()
    assert logs._kept == []


def test_a_verdict_that_is_given_again_is_told_by_whose_call_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plain = VERDICT.model_copy(update={"findings": (), "reason": Reason.RULE_NONE})
    for workload in ("default/a", "default/b", "default/a"):
        logs.audit(plain, CALLOUT.model_copy(update={"workload": workload}), 1)
        assert line(capsys)["workload"] == workload


@pytest.mark.parametrize("request_id", ["", "words", "two words", "a\nb", "账号", "a" * 65, '"'])
def test_a_request_id_that_no_proxy_makes_is_left_out(
    capsys: pytest.CaptureFixture[str], request_id: str
) -> None:
    logs.audit(VERDICT, CALLOUT.model_copy(update={"request_id": request_id}), 1)
    assert line(capsys)["request_id"] == ""


def test_loaded_and_refused_policies_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    logs.policies(["a", "b"], None)
    assert line(capsys) == {"level": "info", "event": "policies loaded", "detail": "a, b"}
    logs.policies(["a"], ValueError("a.yaml:3: rule r: no"))
    assert line(capsys) == {
        "level": "error",
        "event": "policy refused",
        "detail": "a.yaml:3: rule r: no\nstill in force: a",
    }


@pytest.fixture
def library_handler() -> logging.Handler:
    return logs._LibraryHandler()


def test_a_library_names_itself_and_the_kind_of_error_only(
    capsys: pytest.CaptureFixture[str], library_handler: logging.Handler
) -> None:
    error = ValueError("sesame")
    record = logging.LogRecord(
        "asyncio", logging.ERROR, "", 1, "sesame %s", ("sesame",), (ValueError, error, None)
    )
    library_handler.emit(record)
    assert line(capsys) == {"level": "error", "event": "library", "detail": "asyncio ValueError"}
