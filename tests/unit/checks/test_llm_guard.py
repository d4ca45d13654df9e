"""llm-guard: what its verdict says for each opinion and each failure of the judge."""

from collections.abc import Sequence
from typing import Any

import pytest

from functions.llm_guard.check import JudgedPolicy, compile_policy, judge, screen
from functions.llm_guard.judge import JudgeError, Opinion
from functions.policy import Category
from functions.verdict import Callout, Decision, Reason, Verdict
from tests.unit.checks.conftest import REVISION, Edit, callout, chat, error_of

FAILURES = [Reason.JUDGE_TIMEOUT, Reason.JUDGE_UNAVAILABLE, Reason.JUDGE_MALFORMED]


def opinion(verdict: str = "deny", category: str = "personal-data", reason: str = "why") -> Opinion:
    fields = {"verdict": verdict, "category": category, "confidence": 0.75, "reason": reason}
    return Opinion.model_validate(fields)


class FixedJudge:
    """A judge that has made up its mind, and remembers what it was asked."""

    def __init__(self, answer: Opinion | JudgeError) -> None:
        self.answer = answer
        self.asked: list[tuple[Sequence[dict[str, str]], float]] = []

    async def ask(
        self, messages: Sequence[dict[str, str]], response_format: dict[str, Any], seconds: float
    ) -> Opinion:
        assert response_format["type"] == "json_schema"
        self.asked.append((messages, seconds))
        if isinstance(self.answer, JudgeError):
            raise self.answer
        return self.answer


async def verdict_of(
    answer: Opinion | JudgeError,
    policy: JudgedPolicy | None,
    body: bytes = chat("my QQ is 123456"),
    call: Callout | None = None,
) -> Verdict:
    return await judge(call or callout(), body, policy, FixedJudge(answer), lambda: "<marker>", 0.5)


async def test_a_cleared_text_is_allowed_and_may_be_cached(judged: JudgedPolicy) -> None:
    verdict = await verdict_of(opinion("allow", "none"), judged)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.JUDGE_CLEARED)
    assert (verdict.check, verdict.revision) == ("llm-guard", REVISION)
    assert verdict.cache_seconds == 30


async def test_a_flagged_text_is_denied_with_category_and_reason(judged: JudgedPolicy) -> None:
    verdict = await verdict_of(opinion(reason="somebody can be reached by it"), judged)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.JUDGE_FLAGGED)
    assert verdict.status == 403
    assert error_of(verdict)["message"] == (
        "Meshward denied this call: judge.flagged (personal-data: somebody can be reached by it)"
    )
    (finding,) = verdict.findings
    assert (finding.rule, finding.view, finding.confidence) == ("personal-data", "judge", 0.75)


async def test_a_denial_for_no_category_of_the_policy_is_no_verdict(judged: JudgedPolicy) -> None:
    verdict = await verdict_of(opinion(category="none"), judged)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.JUDGE_MALFORMED)


@pytest.mark.parametrize("reason", FAILURES)
async def test_a_failed_judge_denies_unless_the_policy_says_otherwise(
    judged: JudgedPolicy, edited: Edit, reason: Reason
) -> None:
    failure = JudgeError(reason, "the details")
    verdict = await verdict_of(failure, judged)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, reason)
    assert "the details" not in verdict.body
    lenient = compile_policy(edited("judge:", "judge:\n  on_error: allow"), REVISION)
    verdict = await verdict_of(failure, lenient)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, reason)
    assert verdict.cache_seconds == 0


async def test_the_judge_has_the_time_that_is_left(judged: JudgedPolicy) -> None:
    client = FixedJudge(opinion())
    await judge(callout(), chat("hi"), judged, client, lambda: "m", 0.5)
    await judge(callout(), chat("hi"), judged, client, lambda: "m", -3.0)
    assert [seconds for _, seconds in client.asked] == [0.5, 0.001]


async def test_the_judge_has_no_more_time_than_the_policy_gives(edited: Edit) -> None:
    policy = compile_policy(edited("judge:", "judge:\n  timeout_ms: 200"), REVISION)
    client = FixedJudge(opinion())
    await judge(callout(), chat("hi"), policy, client, lambda: "m", 0.5)
    assert client.asked[0][1] == 0.2


async def test_a_message_without_text_costs_no_judge(judged: JudgedPolicy) -> None:
    client = FixedJudge(opinion())
    call = callout(path="/v1/models", content_type="")
    verdict = await judge(call, b"", judged, client, lambda: "m", 0.5)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.MESSAGE_EMPTY)
    assert client.asked == []


async def test_a_malformed_message_costs_no_judge(judged: JudgedPolicy) -> None:
    verdict = await verdict_of(opinion("allow"), judged, b'{"a": 1, "A": 2}')
    assert (verdict.reason, verdict.status) == (Reason.REQUEST_MALFORMED, 400)


async def test_an_unreadable_message_costs_no_judge(judged: JudgedPolicy) -> None:
    body = chat([{"image_url": {"url": "https://a.example/b.png"}}])
    verdict = await verdict_of(opinion("allow"), judged, body)
    assert verdict.reason is Reason.MESSAGE_UNREADABLE


async def test_an_unknown_policy_and_one_without_a_judge_are_denied(edited: Edit) -> None:
    without = edited("", "")
    policy = without.policy.model_copy(update={"judge": None})
    for compiled in (None, JudgedPolicy(policy, REVISION)):
        verdict = await verdict_of(opinion("allow"), compiled)
        assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.POLICY_UNKNOWN)


CATEGORY = Category(id="personal-data", description="data that identifies a person")
JUDGED = "[user] 张三丰的QQ是 13800138000, password Sesame-Open, he lives in a nice blue house"


@pytest.mark.parametrize(
    "reason",
    [
        "It holds 13800138000",
        "It holds 138 0013 8000",
        "It holds １３８",
        "It names 张三丰",
        "the password Sesame-Open",
        "the password sesame-open",
        "Se\u200bsame-Open",
        "he lives in a nice blue house, as it says",
        "",
        " \n ",
    ],
)
def test_a_reason_that_repeats_the_text_is_replaced(reason: str) -> None:
    assert screen(reason, [JUDGED], CATEGORY) == "data that identifies a person"


@pytest.mark.parametrize(
    "reason",
    [
        "The text holds a phone number and a password.",
        "it holds a QQ number",
        "文本里有电话号码",
        "two phone numbers (2) of a person",
    ],
)
def test_a_reason_in_words_of_its_own_is_shown(reason: str) -> None:
    assert screen(reason, [JUDGED], CATEGORY) == reason


def test_a_long_reason_is_cut() -> None:
    assert len(screen("word " * 100, ["[user] hi"], CATEGORY)) == 200
