"""A marked secret goes through both functions in every place, and turns up in no output at all."""

import json

import pytest

from tests.functions.running import Function, Pairs, callout, chat, signed
from tests.support.judge_answers import Fault, flags
from tests.support.misbehaving_judge import MisbehavingJudge

SECRET = "sesame-4711-opensesame"


def bodies() -> list[bytes]:
    mark = json.dumps(SECRET).encode()
    return [
        chat(f"账号 {SECRET}"),
        chat(SECRET),
        b'{"messages": [{"role": %b, "content": %b}], %b: 1, "model": %b}'
        % (mark, mark, mark, mark),
        b'{"a": %b, "A": %b}' % (mark, mark),
        b'{"arguments": "{\\"q\\": \\"%b\\"}"}' % SECRET.encode(),
        b'{"image_url": {"url": %b}}' % mark,
        SECRET.encode(),
        b"\xff" + SECRET.encode(),
    ]


def assert_silent(function: Function, outputs: list[str]) -> None:
    everything = "\n".join([*outputs, function.log()]).lower()
    assert len(outputs) > 0
    for piece in ("sesame", "4711"):
        assert piece not in everything


def send(function: Function, body: bytes, headers: Pairs) -> str:
    response = function.client.post("/v1/verdict", content=body, headers=headers)
    return "\n".join([str(response.status_code), *map(str, response.headers.raw), response.text])


def everything_sent(function: Function) -> list[str]:
    outputs = []
    for body in bodies():
        documents = [pair for pair in signed(callout(), body) if pair[0] != "accept"]
        outputs += [
            send(function, body, signed(callout(), body)),
            send(function, body, documents),
            send(function, body, [("x-request-id", SECRET), *signed(callout(), body)]),
            send(function, body, [("authorization", SECRET), *documents]),
            send(function, body, [("x-meshward-signature", SECRET), *callout().to_headers()]),
            send(function, body, signed(callout(content_type=SECRET), body)),
            send(function, body, signed(callout(content_encoding=SECRET), body)),
            send(function, body, signed(callout(path=f"/v1/models?q={SECRET}"), body)),
            send(function, body, [*signed(callout(), body), ("x-meshward-state", f"{SECRET}:")]),
        ]
    return outputs


def test_deny_pattern_gives_nothing_away(deny_pattern: Function) -> None:
    assert_silent(deny_pattern, everything_sent(deny_pattern))


@pytest.mark.parametrize(
    "fault", ["none", "500", "prose", "close", "empty choices", "wrong canary"]
)
def test_llm_guard_gives_nothing_away(
    llm_guard: Function, judge: MisbehavingJudge, fault: Fault
) -> None:
    judge.fault = fault
    judge.opinion = flags("personal-data", f"it says {SECRET}")
    assert_silent(llm_guard, everything_sent(llm_guard))


def test_llm_guard_gives_nothing_away_of_a_judge_that_answers_with_it(
    llm_guard: Function, judge: MisbehavingJudge
) -> None:
    judge.opinion = flags(SECRET, SECRET)
    assert_silent(llm_guard, everything_sent(llm_guard))


def test_the_judges_key_stays_with_the_judge(llm_guard: Function, judge: MisbehavingJudge) -> None:
    outputs = everything_sent(llm_guard)
    assert judge.headers[0]["authorization"] == "Bearer sk-judge"
    assert "sk-judge" not in "\n".join([*outputs, llm_guard.log()])
