"""Masking: placeholders for what was found, nothing else changed, and values put back."""

import base64
import json

import pytest

from functions.deny_pattern.check import CompiledPolicy, compile_policy
from functions.policy.finder import LOOKS_MIN
from functions.runtime.sealing import Sealer
from functions.verdict import Callout, Decision, Phase, Reason, Secret
from functions.verdict.contract import STATE_BYTES_MAX
from tests.unit.checks.conftest import REVISION, SEALER, Edit, callout, chat, error_of, judge

PHONE, OTHER = "13800138000", "13911112222"
MASK = "action: mask\n    mask: {label: PHONE, restore: true}"


@pytest.fixture
def masking(edited: Edit) -> CompiledPolicy:
    """The sample policy, whose rule for long numbers masks them and restores."""
    return compile_policy(edited("action: monitor", MASK), REVISION)


def contents_of(body: str) -> list[str]:
    return [message["content"] for message in json.loads(body)["messages"]]


def test_each_value_has_one_placeholder_in_all_of_a_message(masking: CompiledPolicy) -> None:
    body = chat(f"call {PHONE} or {OTHER}", f"yes, {PHONE}!")
    verdict = judge(callout(), body, masking)
    assert (verdict.decision, verdict.reason) == (Decision.MASK, Reason.RULE_MATCHED)
    assert contents_of(verdict.body) == ["call <PHONE_1> or <PHONE_2>", "yes, <PHONE_1>!"]
    assert verdict.body == body.decode().replace(PHONE, "<PHONE_1>").replace(OTHER, "<PHONE_2>")
    assert [finding.rule for finding in verdict.findings] == ["long-number"] * 3
    assert verdict.cache_seconds == 0


def test_a_growing_conversation_keeps_its_placeholders(masking: CompiledPolicy) -> None:
    first = contents_of(judge(callout(), chat(OTHER, "hi"), masking).body)
    later = contents_of(judge(callout(), chat(OTHER, "hi", PHONE), masking).body)
    assert later == [*first, "<PHONE_2>"]


def test_a_placeholder_that_the_caller_wrote_is_not_used_again(masking: CompiledPolicy) -> None:
    verdict = judge(callout(), chat(f"<PHONE_1> {PHONE}"), masking)
    assert contents_of(verdict.body) == ["<PHONE_1> <PHONE_2>"]


@pytest.mark.parametrize(
    "disguised", ["１３８００１３８０００", "138\u200b00138000", "MTM4MDAxMzgwMDA=", "١٣٨٠٠١٣٨٠٠٠"]
)
def test_a_disguised_value_is_masked_whole(masking: CompiledPolicy, disguised: str) -> None:
    verdict = judge(callout(), chat(f"call {disguised} now"), masking)
    assert contents_of(verdict.body) == ["call <PHONE_1> now"]


def test_arguments_of_a_tool_call_stay_json(masking: CompiledPolicy) -> None:
    call = {"function": {"name": "f", "arguments": json.dumps({"to": PHONE, "n": 1})}}
    body = json.dumps({"messages": [{"role": "assistant", "tool_calls": [call]}]}).encode()
    masked = json.loads(judge(callout(), body, masking).body)
    arguments = masked["messages"][0]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": "<PHONE_1>", "n": 1}


@pytest.mark.parametrize(
    "body",
    [
        {PHONE: "a key"},
        {"number": int(PHONE)},
        {"content": [{"type": "text", "text": text} for text in ("1380", "0138", "000")]},
        {"arguments": json.dumps({"to": int(PHONE)})},
    ],
    ids=["key", "number", "two parts", "number in arguments"],
)
def test_what_cannot_be_masked_is_denied(masking: CompiledPolicy, body: object) -> None:
    verdict = judge(callout(), json.dumps(body).encode(), masking)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.MASK_IMPOSSIBLE)
    assert "rule long-number: " in error_of(verdict)["message"]
    assert PHONE not in verdict.model_dump_json()


def test_what_is_encoded_before_too_many_candidates_does_not_pass(edited: Edit) -> None:
    unless_padded = "action: mask\n    match: {regex: '[0-9]{6,}', unless: {regex: '0{6}'}}"
    policy = compile_policy(
        edited('match:\n      regex: "[0-9]{6,}"\n    action: monitor', unless_padded), REVISION
    )
    encoded = base64.b64encode(PHONE.encode()).decode()
    verdict = judge(callout(), chat(f"{encoded} {'0000001 ' * (LOOKS_MIN + 9)}"), policy)
    assert verdict.reason is Reason.MASK_IMPOSSIBLE
    assert encoded not in verdict.model_dump_json()


def test_a_form_or_a_path_cannot_be_masked(masking: CompiledPolicy) -> None:
    form = callout(content_type="application/x-www-form-urlencoded")
    assert judge(form, f"to={PHONE}".encode(), masking).reason is Reason.MASK_IMPOSSIBLE
    path = callout(path=f"/v1/chat/completions?to={PHONE}")
    assert judge(path, chat("hi"), masking).reason is Reason.MASK_IMPOSSIBLE
    assert judge(path, chat(PHONE), masking).reason is Reason.MASK_IMPOSSIBLE


def test_a_denying_rule_wins_over_masking(masking: CompiledPolicy) -> None:
    assert judge(callout(), chat(PHONE, "账号"), masking).reason is Reason.RULE_MATCHED
    assert judge(callout(), chat(PHONE, "账号"), masking).decision is Decision.DENY


def response_to(asked: bytes, masking: CompiledPolicy, request_id: str = "a1") -> Callout:
    """The callout of the response phase of the call that `asked`."""
    request = callout().model_copy(update={"request_id": "a1"})
    state = judge(request, asked, masking).state
    changes = {"phase": Phase.RESPONSE, "state": state, "request_id": request_id}
    return request.model_copy(update=changes)


def test_the_answer_gets_the_values_back(masking: CompiledPolicy) -> None:
    answer = response_to(chat(f"call {PHONE}"), masking)
    verdict = judge(answer, chat("I call <PHONE_1>; not <PHONE_2>."), masking)
    assert (verdict.decision, verdict.reason) == (Decision.MASK, Reason.MASK_RESTORED)
    assert contents_of(verdict.body) == [f"I call {PHONE}; not <PHONE_2>."]
    assert verdict.state is None


def test_an_answer_without_placeholders_is_left_alone(masking: CompiledPolicy) -> None:
    answer = response_to(chat(f"call {PHONE}"), masking)
    assert judge(answer, chat("done"), masking).decision is Decision.ALLOW


def test_a_value_is_escaped_where_it_is_put_into_a_document(edited: Edit) -> None:
    old = 'regex: "[0-9]{6,}"\n    action: monitor'
    quoting = compile_policy(edited(old, f"regex: '[0-9]{{6,}}\"?'\n    {MASK}"), REVISION)
    answer = response_to(chat(f'call "{PHONE}"'), quoting)
    call = {"function": {"name": "f", "arguments": '{"to": "<PHONE_1>"}'}}
    body = json.dumps({"choices": [{"message": {"tool_calls": [call]}}]}).encode()
    answered = json.loads(judge(answer, body, quoting).body)
    arguments = answered["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": f'{PHONE}"'}


def test_nobody_else_gets_the_values(masking: CompiledPolicy) -> None:
    body = chat("I call <PHONE_1>")
    answer = response_to(chat(f"call {PHONE}"), masking)
    for change in ("request_id", "workload", "policy", "authority", "path"):
        other = answer.model_copy(update={change: "other"})
        assert judge(other, body, masking).decision is Decision.ALLOW
    torn = answer.model_copy(update={"state": (answer.state or "")[:-4] + "AAAA"})
    assert judge(torn, body, masking).decision is Decision.ALLOW


def test_a_mask_without_restore_leaves_no_state(edited: Edit) -> None:
    plain = compile_policy(edited("action: monitor", "action: mask"), REVISION)
    verdict = judge(callout(), chat(PHONE), plain)
    assert verdict.state is None
    assert contents_of(verdict.body) == ["<LONG_NUMBER_1>"]


def test_more_values_than_state_holds_are_masked_all_the_same(masking: CompiledPolicy) -> None:
    numbers = [str(7**number % 10**11).zfill(11) for number in range(900, 1150)]
    request = callout().model_copy(update={"request_id": "a1"})
    verdict = judge(request, chat(" ".join(numbers)), masking)
    assert verdict.decision is Decision.MASK
    assert not any(number in verdict.body for number in numbers)
    assert 0 < len(verdict.state or "") <= STATE_BYTES_MAX


def test_a_rotated_secret_still_opens_what_it_sealed() -> None:
    old, new = Secret("o" * 32), Secret("n" * 32)
    sealed = Sealer([old]).seal(b"value", b"call")
    assert b"value" not in sealed.encode()
    assert Sealer([new, old]).open(sealed, b"call") == b"value"
    assert Sealer([new]).open(sealed, b"call") is None
    assert Sealer([old]).open(sealed, b"other call") is None
    assert SEALER.open("no base64!", b"call") is None
