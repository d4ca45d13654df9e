"""deny-pattern: what its verdict says for each kind of message."""

import json

import pytest

from functions.deny_pattern.check import CompiledPolicy, compile_policy
from functions.policy import PolicyError
from functions.verdict import Decision, Finding, Phase, Reason, Severity
from functions.verdict.models import FINDINGS_MAX
from tests.unit.checks.conftest import REVISION, Edit, callout, chat, error_of, judge


def test_a_message_without_a_hit_is_allowed_and_may_be_cached(rules: CompiledPolicy) -> None:
    verdict = judge(callout(), chat("你是谁？"), rules)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.RULE_NONE)
    assert (verdict.check, verdict.policy, verdict.revision) == ("deny-pattern", "sample", REVISION)
    assert verdict.cache_seconds == 30
    assert verdict.body == ""


def test_a_hit_is_denied_and_the_caller_told_which_rule(rules: CompiledPolicy) -> None:
    verdict = judge(callout(), chat("你好", "这是我的账号"), rules)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.RULE_MATCHED)
    assert (verdict.status, verdict.content_type) == (403, "application/json")
    assert error_of(verdict) == {
        "message": "Meshward denied this call: rule.matched "
        "(rule account-word: it speaks of an account)",
        "type": "permission_error",
        "code": "rule.matched",
        "param": None,
    }
    assert verdict.findings == (
        Finding(
            rule="account-word",
            category="personal-data",
            severity=Severity.CRITICAL,
            pointer="/messages/1/content",
            start=4,
            end=6,
        ),
    )


def test_a_hit_of_a_monitored_rule_is_recorded_and_let_through(rules: CompiledPolicy) -> None:
    verdict = judge(callout(), chat("order 1234567"), rules)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.RULE_MONITORED)
    assert [finding.rule for finding in verdict.findings] == ["long-number"]


def test_the_denying_rule_comes_first_whatever_the_order_of_the_text(rules: CompiledPolicy) -> None:
    verdict = judge(callout(), chat("order 1234567", "账号"), rules)
    assert verdict.decision is Decision.DENY
    assert [finding.rule for finding in verdict.findings] == ["account-word", "long-number"]


def test_a_hit_in_normalised_text_leads_back_to_the_text_as_sent(rules: CompiledPolicy) -> None:
    (finding,) = judge(callout(), chat("我的账\u200b号！"), rules).findings
    assert (finding.view, finding.start, finding.end) == ("normalised", 2, 5)


def test_a_word_cut_by_a_part_border_is_found_joined(rules: CompiledPolicy) -> None:
    parts = [{"type": "text", "text": "我的账"}, {"type": "text", "text": "号"}]
    (finding,) = judge(callout(), chat(parts), rules).findings
    assert (finding.view, finding.pointer) == ("joined", "/messages/0/content")


def test_a_word_in_one_of_several_parts_is_found_once(rules: CompiledPolicy) -> None:
    parts = [{"type": "text", "text": "我的账号"}, {"type": "text", "text": "是"}]
    (finding,) = judge(callout(), chat(parts), rules).findings
    assert (finding.view, finding.pointer) == ("plain", "/messages/0/content/0/text")


def test_an_escaped_word_in_tool_arguments_is_found(rules: CompiledPolicy) -> None:
    call = {"function": {"name": "f", "arguments": json.dumps({"q": "账号"})}}
    body = json.dumps({"messages": [{"role": "assistant", "tool_calls": [call]}]}).encode()
    (finding,) = judge(callout(), body, rules).findings
    assert finding.view == "escape"
    assert finding.pointer == "/messages/0/tool_calls/0/function/arguments"


def test_a_word_in_the_query_is_found(rules: CompiledPolicy) -> None:
    verdict = judge(callout(path="/v1/models?q=%E8%B4%A6%E5%8F%B7"), b"", rules)
    assert [finding.view for finding in verdict.findings] == ["path"]


def test_a_message_without_text_is_allowed_as_empty(rules: CompiledPolicy) -> None:
    verdict = judge(callout(path="/v1/models", content_type=""), b"", rules)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.MESSAGE_EMPTY)


@pytest.mark.parametrize(
    ("body", "content_type", "content_encoding"),
    [
        (b'{"a": 1, "A": 2}', "application/json", ""),
        (b"a=%FF", "application/x-www-form-urlencoded", ""),
        (b"a=b", "multipart/form-data; boundary=x", ""),
        (chat("hi"), "application/json", "gzip"),
        (b"{", "application/json", ""),
    ],
)
def test_a_malformed_message_is_denied_as_the_callers_fault(
    rules: CompiledPolicy, body: bytes, content_type: str, content_encoding: str
) -> None:
    call = callout(content_type=content_type, content_encoding=content_encoding)
    verdict = judge(call, body, rules)
    assert (verdict.reason, verdict.status) == (Reason.REQUEST_MALFORMED, 400)
    assert error_of(verdict)["type"] == "invalid_request_error"


def test_an_unreadable_part_is_denied_unless_the_policy_allows_it(
    rules: CompiledPolicy, edited: Edit
) -> None:
    body = chat([{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}])
    assert judge(callout(), body, rules).reason is Reason.MESSAGE_UNREADABLE
    lenient = compile_policy(edited("cache_seconds: 30", "unreadable: allow"), REVISION)
    assert judge(callout(), body, lenient).decision is Decision.ALLOW


def test_an_unknown_policy_is_denied() -> None:
    verdict = judge(callout(), chat("hi"), None)
    assert (verdict.reason, verdict.status) == (Reason.POLICY_UNKNOWN, 403)


def test_a_rule_reads_the_phase_that_it_names(rules: CompiledPolicy, edited: Edit) -> None:
    answer = callout(phase=Phase.RESPONSE)
    assert judge(answer, chat("账号"), rules).reason is Reason.RULE_NONE
    both = compile_policy(edited("    severity: critical", "    phase: both"), REVISION)
    assert judge(answer, chat("账号"), both).reason is Reason.RULE_MATCHED


def test_the_path_is_not_read_again_with_the_response(edited: Edit) -> None:
    both = compile_policy(edited("    severity: critical", "    phase: both"), REVISION)
    answer = callout(path="/v1/models?q=%E8%B4%A6%E5%8F%B7", phase=Phase.RESPONSE)
    assert judge(answer, b"{}", both).decision is Decision.ALLOW


def test_more_findings_than_can_be_told_are_cut_and_still_denied(rules: CompiledPolicy) -> None:
    verdict = judge(callout(), chat(*["1234567"] * 300, *["账号"] * 300), rules)
    assert verdict.decision is Decision.DENY
    assert {finding.rule for finding in verdict.findings} == {"account-word"}
    assert len(verdict.findings) == FINDINGS_MAX


def test_a_pointer_that_is_too_long_is_cut(rules: CompiledPolicy) -> None:
    body = json.dumps({"k" * 2000: "账号"}, ensure_ascii=False).encode()
    (finding,) = judge(callout(), body, rules).findings
    assert len(finding.pointer) == 1024


def test_a_message_beyond_the_policys_limit_is_denied(edited: Edit) -> None:
    small = compile_policy(edited("cache_seconds: 30", "body_bytes_max: 100"), REVISION)
    assert judge(callout(), chat("hi"), small).decision is Decision.ALLOW
    verdict = judge(callout(), chat("hi" * 100), small)
    assert (verdict.reason, verdict.status) == (Reason.REQUEST_TOO_LARGE, 413)


def test_a_message_of_nothing_but_disguises_is_denied(rules: CompiledPolicy) -> None:
    """Each string has six readings besides itself, which take longer than its bytes allow."""
    body = json.dumps({"input": ["5ZCI5ZCM aB3d %41 \u200b賬"] * 10_000}).encode()
    verdict = judge(callout(), body, rules)
    assert (verdict.reason, verdict.status) == (Reason.REQUEST_TOO_LARGE, 413)
    assert b"disguises" in (verdict.body or "").encode()


def test_long_texts_in_code_are_read_whole(rules: CompiledPolicy) -> None:
    code = "def readName(self): return f'{self.first_name}\\t%20' # e.g. a hash: 3f786850e387\n"
    body = json.dumps({"input": [code * 5] * 900}).encode()
    assert judge(callout(), body, rules).decision is Decision.ALLOW


@pytest.mark.parametrize("text", ["密碼", "密码", "密\u200b碼"])
@pytest.mark.parametrize("word", ["密碼", "密码"])
def test_a_word_is_found_in_either_chinese_script(edited: Edit, word: str, text: str) -> None:
    compiled = compile_policy(edited("words: [账号]", f"words: [账号, {word}]"), REVISION)
    assert judge(callout(), chat(text), compiled).decision is Decision.DENY


def test_a_rule_reads_the_roles_and_parts_that_it_names(edited: Edit) -> None:
    scope = "scope: {roles: [user], parts: [text]}\n    severity: critical"
    scoped = compile_policy(edited("severity: critical", scope), REVISION)
    said = {role: {"role": role, "content": "账号"} for role in ("user", "system", "stranger")}
    call = {"function": {"name": "f", "arguments": "账号"}}
    messages = {**said, "arguments": {"role": "user", "tool_calls": [call]}}
    denied = {
        name
        for name, message in messages.items()
        if judge(callout(), json.dumps({"messages": [message]}).encode(), scoped).findings
    }
    assert denied == {"user", "stranger"}


def test_a_key_in_which_something_is_found_is_not_told(rules: CompiledPolicy) -> None:
    body = json.dumps({"a": {"我的账号": {"账号": ["账号"]}}}, ensure_ascii=False).encode()
    verdict = judge(callout(), body, rules)
    assert [finding.pointer for finding in verdict.findings] == ["/a/*", "/a/*/*", "/a/*/*/0"]
    assert "账号" not in "".join(finding.pointer for finding in verdict.findings)


def test_no_verdict_quotes_what_was_found(rules: CompiledPolicy) -> None:
    verdict = judge(callout(), chat("账号 13800138000 sesame"), rules)
    document = verdict.model_dump_json()
    assert "13800138000" not in document
    assert "sesame" not in document


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "find: [我的账号]",
            "find: [我的账单]",
            "sample.yaml:5: rule account-word: examples.find: '我的账单' is not found",
        ),
        (
            'pass: ["12345"]',
            'pass: ["654321"]',
            "sample.yaml:15: rule long-number: examples.pass: '654321' is found, and must not be",
        ),
        (
            '"[0-9]{6,}"',
            '"(?=[0-9])"',
            "sample.yaml:15: rule long-number: match.regex: RE2 refuses it",
        ),
        (
            "[账号]",
            '["\\u200b"]',
            "sample.yaml:5: rule account-word: match.words: a word consists of invisible",
        ),
    ],
)
def test_a_rule_that_does_not_do_what_it_says_does_not_load(
    edited: Edit, old: str, new: str, says: str
) -> None:
    with pytest.raises(PolicyError) as refusal:
        compile_policy(edited(old, new), REVISION)
    assert str(refusal.value).startswith(says)


def test_a_word_in_full_width_letters_is_found_in_any_width(edited: Edit) -> None:
    wide = compile_policy(
        edited("words: [账号]", "words: [ＱＱ, 账号]"),
        REVISION,
    )
    assert judge(callout(), chat("my QQ"), wide).decision is Decision.DENY
    assert judge(callout(), chat("my ＱＱ"), wide).decision is Decision.DENY
