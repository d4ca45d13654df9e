"""llm-guard as a process, before a judge that misbehaves in every way there is a switch for."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.llm_guard.failures import Failure
from functions.verdict import Answer, Decision, Reason, decode
from tests.functions.running import Function, chat, running
from tests.support.judge_answers import FAULTS, Fault, flags
from tests.support.misbehaving_judge import MisbehavingJudge
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
    judge.opinion = flags("personal-data", "it holds an account number")
    found = answer(llm_guard, chat(QQ))
    assert (found.decision, found.reason, found.status) == (
        Decision.DENY,
        Reason.JUDGE_FLAGGED,
        403,
    )
    assert found.rule == "personal-data"
    assert found.body.decode() == (
        '{"error":{"message":"Meshward denied this call: judge.flagged '
        '(personal-data: it holds an account number)",'
        '"type":"permission_error","code":"judge.flagged","param":null}}'
    )


def test_a_reason_that_quotes_the_text_is_not_shown(
    llm_guard: Function, judge: MisbehavingJudge
) -> None:
    judge.opinion = flags("personal-data", "it holds QQ 123456789")
    body = answer(llm_guard, chat(f"{QQ}!")).body.decode()
    assert "123456789" not in body
    assert "personal-data: data that identifies a person" in body


def test_the_judge_is_asked_as_it_should_be(llm_guard: Function, judge: MisbehavingJudge) -> None:
    answer(llm_guard, chat(f"{QQ}?"))
    ((request,), (headers,)) = judge.asked, judge.headers
    assert (request["model"], request["temperature"]) == ("judge-1", 0)
    assert request["max_tokens"] <= 300
    assert request["response_format"]["type"] == "json_schema"
    assert headers["authorization"] == "Bearer sk-judge"
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert f'{{"role": "user", "text": "{QQ}?"}}' in request["messages"][1]["content"]


def test_the_marker_is_another_one_each_time(llm_guard: Function, judge: MisbehavingJudge) -> None:
    answer(llm_guard, chat("one"))
    answer(llm_guard, chat("two"))
    first, second = (request["messages"][1]["content"].split("\n")[0] for request in judge.asked)
    assert first.startswith("=====DATA ")
    assert first != second


def test_what_is_cleared_once_costs_no_judge_again(
    llm_guard: Function, judge: MisbehavingJudge
) -> None:
    for _ in range(3):
        assert answer(llm_guard, chat("once and for all")).reason is Reason.JUDGE_CLEARED
    assert len(judge.asked) == 1


# What each fault is called in the log. What is not named here is understood.
NAMED: dict[Fault, Failure] = {
    "hang": Failure.TIMEOUT,
    "drip": Failure.TIMEOUT,
    "drip head": Failure.TIMEOUT,
    "reset": Failure.BROKEN_OFF,
    "close": Failure.BROKEN_OFF,
    "short": Failure.BROKEN_OFF,
    "no http": Failure.BROKEN_OFF,
    "endless head": Failure.BROKEN_OFF,
    "endless interim": Failure.BROKEN_OFF,
    "400": Failure.REJECTED,
    "413": Failure.REJECTED,
    "422": Failure.REJECTED,
    "401": Failure.UNAUTHORISED,
    "403": Failure.UNAUTHORISED,
    "429": Failure.THROTTLED,
    "429 soon": Failure.THROTTLED,
    "500": Failure.STATUS,
    "502": Failure.STATUS,
    "503": Failure.STATUS,
    "503 later": Failure.STATUS,
    "redirect": Failure.STATUS,
    "filtered status": Failure.FILTERED,
    "html": Failure.CONTENT_TYPE,
    "no content type": Failure.CONTENT_TYPE,
    "events": Failure.CONTENT_TYPE,
    "huge": Failure.TOO_LARGE,
    "endless": Failure.TOO_LARGE,
    "gzip": Failure.NOT_A_COMPLETION,
    "gzip bomb": Failure.NOT_A_COMPLETION,
    "null": Failure.NOT_A_COMPLETION,
    "equal keys outside": Failure.NOT_A_COMPLETION,
    "error with 200": Failure.NOT_A_COMPLETION,
    "empty choices": Failure.EMPTY,
    "two choices": Failure.NOT_A_COMPLETION,
    "no text": Failure.EMPTY,
    "refusal": Failure.REFUSED,
    "filtered": Failure.FILTERED,
    "cut": Failure.CUT,
    "prose": Failure.PROSE,
    "two documents": Failure.PROSE,
    "equal keys": Failure.PROSE,
    "not a number": Failure.PROSE,
    "blank": Failure.EMPTY,
    "no fields": Failure.FIELDS,
    "unknown verdict": Failure.FIELDS,
    "verdict in Chinese": Failure.FIELDS,
    "unknown category": Failure.CATEGORY,
    "contradiction": Failure.CONTRADICTION,
    "no canary": Failure.CANARY,
    "wrong canary": Failure.CANARY,
}


@pytest.fixture
def fresh_guard(tmp_path: Path, judge: MisbehavingJudge) -> Iterator[Function]:
    """One that has had no trouble with its judge so far."""
    environment = {"MESHWARD_JUDGE_URL": judge.url, "MESHWARD_JUDGE_MODEL": "m"}
    with running(HANDLER, tmp_path / "log", environment) as function:
        yield function


def test_each_fault_of_the_judge_is_a_denial_with_its_name_inside_the_deadline(
    fresh_guard: Function, judge: MisbehavingJudge
) -> None:
    for number, (fault, failure) in enumerate(NAMED.items()):
        judge.fault = fault
        began = time.monotonic()
        found = answer(fresh_guard, chat(f"text {number}"), deadline_ms=400)
        assert time.monotonic() - began < 2, fault
        assert (found.decision, found.reason) == (Decision.DENY, failure.reason), fault
        assert f"{failure.reason} ({failure}: " in found.body.decode(), fault
        judge.fault = "none"
        # Several, which keep the breaker closed: a retried call fails up to three times.
        for each in range(4):
            again = answer(fresh_guard, chat(f"again {number} {each}"))
            assert again.decision is Decision.ALLOW, fault
    told = {line["detail"].split(": ")[1] for line in fresh_guard.lines("judge failed")}
    assert told == {failure.value for failure in NAMED.values()}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in NAMED])
def test_another_way_to_answer_is_understood_and_says_the_same(
    fresh_guard: Function, judge: MisbehavingJudge, fault: Fault
) -> None:
    judge.fault = fault
    assert answer(fresh_guard, chat("one")).reason is Reason.JUDGE_CLEARED
    judge.opinion = flags("personal-data", "it holds a number")
    assert answer(fresh_guard, chat("two")).reason is Reason.JUDGE_FLAGGED


@pytest.mark.parametrize("fault", ["no schemas", "500 for schemas"])
def test_a_judge_that_knows_no_schemas_is_asked_without_from_then_on(
    tmp_path: Path, fault: Fault
) -> None:
    with MisbehavingJudge() as judge:
        judge.fault = fault
        environment = {"MESHWARD_JUDGE_URL": judge.url, "MESHWARD_JUDGE_MODEL": "m"}
        with running(HANDLER, tmp_path / "log", environment) as function:
            for text in ("one", "two"):
                assert answer(function, chat(text)).reason is Reason.JUDGE_CLEARED
        forms = [request.get("response_format", {}).get("type") for request in judge.asked]
        assert forms == ["json_schema", "json_object", "json_object"]


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
        first = function.lines("judge failed")[0]
        assert first["detail"] == "1-m: connect: no connection to it"


def test_the_next_judge_is_asked_where_the_first_one_fails(
    tmp_path: Path, judge: MisbehavingJudge
) -> None:
    judge.fault = "hang"
    with MisbehavingJudge() as other:
        environment = {
            "MESHWARD_JUDGE_URL": judge.url,
            "MESHWARD_JUDGE_MODEL": "m",
            "MESHWARD_JUDGE_2_URL": other.url,
            "MESHWARD_JUDGE_2_MODEL": "n",
        }
        with running(HANDLER, tmp_path / "log", environment) as function:
            found = answer(function, chat("hi"), deadline_ms=1000)
    assert found.reason is Reason.JUDGE_CLEARED
    assert [request["model"] for request in other.asked] == ["n"]


def test_no_cookie_of_one_call_goes_along_with_another(
    fresh_guard: Function, judge: MisbehavingJudge
) -> None:
    judge.fault = "cookie"
    for text in ("one", "two"):
        answer(fresh_guard, chat(text))
    assert ["cookie" in headers for headers in judge.headers] == [False, False]


def test_metrics_tell_of_calls_and_verdicts_and_never_of_texts(
    fresh_guard: Function, judge: MisbehavingJudge
) -> None:
    judge.script = ["503"]
    answer(fresh_guard, chat("sesame"))
    page = fresh_guard.client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    for line in (
        'meshward_judge_calls_total{judge="1-m",outcome="opinion"} 1.0',
        'meshward_judge_calls_total{judge="1-m",outcome="status"} 1.0',
        'meshward_judge_retries_total{failure="status",judge="1-m"} 1.0',
        'meshward_judge_breaker{judge="1-m"} 0.0',
        'meshward_judge_tokens_total{direction="in",judge="1-m"} 400.0',
        'meshward_memory_lookups_total{outcome="miss"} 2.0',
        'meshward_verdict_seconds_count{policy="default"} 1.0',
    ):
        assert line in page.text
    assert "sesame" not in page.text
