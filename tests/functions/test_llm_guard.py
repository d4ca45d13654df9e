"""llm-guard as a process, before a judge that misbehaves in every way there is a switch for."""

import time
from pathlib import Path

import pytest

from functions.verdict import Answer, Decision, Reason, decode
from tests.functions.misbehaving_judge import Fault, MisbehavingJudge, verdict
from tests.functions.running import Function, chat, running
from tests.unit.policy.conftest import POLICY

HANDLER = "functions.llm_guard.handler"
QQ = "我的QQ是123456789"


def answer(function: Function, body: bytes, deadline_ms: int = 2000) -> Answer:
    response = function.ask(body, deadline_ms)
    found = decode(response.status_code, response.headers.multi_items(), response.content, 0)
    assert isinstance(found, Answer), (response.status_code, response.text)
    return found


def test_what_the_judge_clears_is_allowed(llm_guard: Function, judge: MisbehavingJudge) -> None:
    found = answer(llm_guard, chat("你是谁？"))
    assert (found.decision, found.reason) == (Decision.ALLOW, Reason.JUDGE_CLEARED)
    assert len(judge.asked) == 1


def test_what_the_judge_flags_is_denied_with_category_and_reason(
    llm_guard: Function, judge: MisbehavingJudge
) -> None:
    judge.verdict = verdict("deny", "personal-data", "it holds an account number")
    found = answer(llm_guard, chat(QQ))
    assert (found.decision, found.reason, found.status) == (
        Decision.DENY,
        Reason.JUDGE_FLAGGED,
        403,
    )
    assert found.body.decode() == (
        '{"error":{"message":"Meshward denied this call: judge.flagged '
        '(personal-data: it holds an account number)",'
        '"type":"permission_error","code":"judge.flagged","param":null}}'
    )


def test_a_reason_that_quotes_the_text_is_not_shown(
    llm_guard: Function, judge: MisbehavingJudge
) -> None:
    judge.verdict = verdict("deny", "personal-data", "it holds QQ 123456789")
    body = answer(llm_guard, chat(QQ)).body.decode()
    assert "123456789" not in body
    assert "personal-data: data that identifies a person" in body


def test_the_judge_is_asked_as_it_should_be(llm_guard: Function, judge: MisbehavingJudge) -> None:
    answer(llm_guard, chat(QQ))
    ((request,), (headers,)) = judge.asked, judge.headers
    assert (request["model"], request["temperature"]) == ("judge-1", 0)
    assert request["max_tokens"] <= 300
    assert request["response_format"]["type"] == "json_schema"
    assert headers["authorization"] == "Bearer sk-judge"
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert f"[user] {QQ}" in request["messages"][1]["content"]


def test_the_marker_is_another_one_each_time(llm_guard: Function, judge: MisbehavingJudge) -> None:
    answer(llm_guard, chat("hi"))
    answer(llm_guard, chat("hi"))
    first, second = (request["messages"][1]["content"].split("\n")[0] for request in judge.asked)
    assert first.startswith("=====DATA ")
    assert first != second


FAULTS: list[tuple[Fault, Reason]] = [
    ("hang", Reason.JUDGE_TIMEOUT),
    ("drip", Reason.JUDGE_TIMEOUT),
    ("reset", Reason.JUDGE_UNAVAILABLE),
    ("close", Reason.JUDGE_UNAVAILABLE),
    ("short", Reason.JUDGE_UNAVAILABLE),
    ("400", Reason.JUDGE_UNAVAILABLE),
    ("401", Reason.JUDGE_UNAVAILABLE),
    ("429", Reason.JUDGE_UNAVAILABLE),
    ("500", Reason.JUDGE_UNAVAILABLE),
    ("redirect", Reason.JUDGE_UNAVAILABLE),
    ("html", Reason.JUDGE_MALFORMED),
    ("huge", Reason.JUDGE_MALFORMED),
    ("empty choices", Reason.JUDGE_MALFORMED),
    ("prose", Reason.JUDGE_MALFORMED),
    ("cut", Reason.JUDGE_MALFORMED),
    ("no fields", Reason.JUDGE_MALFORMED),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS, ids=[fault for fault, _ in FAULTS])
def test_a_judge_that_fails_is_a_denial_inside_the_deadline(
    llm_guard: Function, judge: MisbehavingJudge, fault: Fault, reason: Reason
) -> None:
    judge.fault = fault
    began = time.monotonic()
    found = answer(llm_guard, chat(QQ), deadline_ms=400)
    assert time.monotonic() - began < 0.5
    assert (found.decision, found.reason) == (Decision.DENY, reason)
    assert reason.value in found.body.decode()
    judge.fault = "none"
    assert answer(llm_guard, chat(QQ)).decision is Decision.ALLOW


def test_a_judge_that_knows_no_schemas_is_asked_without_from_then_on(tmp_path: Path) -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "no schemas"
        environment = {"MESHWARD_JUDGE_URL": judge.url, "MESHWARD_JUDGE_MODEL": "m"}
        with running(HANDLER, tmp_path / "log", environment) as function:
            for _ in range(2):
                assert answer(function, chat("hi")).reason is Reason.JUDGE_CLEARED
        assert ["response_format" in request for request in judge.asked] == [True, False, False]


def test_a_judge_that_is_not_there_is_a_denial_or_what_the_policy_says(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "sample.yaml").write_text(POLICY)
    lenient = POLICY.replace("policy: sample", "policy: lenient")
    (folder / "lenient.yaml").write_text(lenient.replace("judge:", "judge:\n  on_error: allow"))
    environment = {
        "MESHWARD_POLICY_DIR": str(folder),
        "MESHWARD_JUDGE_URL": "http://127.0.0.1:9/v1",
        "MESHWARD_JUDGE_MODEL": "m",
    }
    with running(HANDLER, tmp_path / "log", environment) as function:
        reasons = {
            policy: function.ask(chat(QQ), policy=policy).headers["x-meshward-reason"]
            for policy in ("sample", "lenient")
        }
        assert reasons == dict.fromkeys(reasons, "judge.unavailable")
        verdicts = [line["decision"] for line in function.lines("verdict")]
        assert verdicts == ["deny", "allow"]
        (first, _) = function.lines("judge failed")
        assert first["detail"] == "judge.unavailable: no connection to it"
