"""llm-guard: what its verdict says for each opinion and each failure of the judge."""

import json
from dataclasses import replace

import pytest

from functions.llm_guard.check import JudgedPolicy, compile_policy, judge
from functions.llm_guard.failures import Failure, JudgeError
from functions.policy import PolicyError
from functions.verdict import Decision, Phase, Reason
from tests.support.fixed_judge import ALLOW, PERSONAL, SECRET, FixedJudge, deny, means, verdict_of
from tests.unit.checks.conftest import REVISION, Edit, callout, chat, error_of


async def test_a_cleared_text_is_allowed_and_may_be_cached(judged: JudgedPolicy) -> None:
    verdict = await verdict_of(ALLOW, judged)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.JUDGE_CLEARED)
    assert (verdict.check, verdict.revision) == ("llm-guard", REVISION)
    assert verdict.cache_seconds == 30


async def test_a_flagged_text_is_denied_with_category_and_reason(judged: JudgedPolicy) -> None:
    verdict = await verdict_of(deny(reason="somebody can be reached by it"), judged)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.JUDGE_FLAGGED)
    assert verdict.status == 403
    assert error_of(verdict)["message"] == (
        "Meshward denied this call: judge.flagged (personal-data: somebody can be reached by it)"
    )
    (finding,) = verdict.findings
    assert (finding.rule, finding.view, finding.confidence) == ("personal-data", "judge", 0.75)


@pytest.mark.parametrize("failure", Failure)
async def test_a_failed_judge_denies_unless_the_policy_says_otherwise(
    judged: JudgedPolicy, edited: Edit, failure: Failure
) -> None:
    error = JudgeError(failure, "the details")
    verdict = await verdict_of(error, judged)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, failure.reason)
    assert f"({failure}: " in verdict.body
    assert "the details" not in verdict.body
    for lenient in ("on_error: allow", "mode: monitor"):
        policy = compile_policy(edited("judge:", f"judge:\n  {lenient}"), REVISION)
        verdict = await verdict_of(error, policy)
        assert (verdict.decision, verdict.reason) == (Decision.ALLOW, failure.reason)
        assert verdict.cache_seconds == 0


async def test_a_finding_below_the_threshold_counts_for_nothing(edited: Edit) -> None:
    policy = compile_policy(edited("judge:", "judge:\n  threshold: 0.8"), REVISION)
    assert (await verdict_of(deny(PERSONAL), policy)).reason is Reason.JUDGE_CLEARED
    verdict = await verdict_of(deny(PERSONAL, SECRET), policy)
    assert [finding.rule for finding in verdict.findings] == ["trade-secret"]


async def test_each_category_can_have_a_threshold_and_a_message_of_its_own(edited: Edit) -> None:
    more = "- id: personal-data\n      threshold: 0.7\n      message: ask the privacy team"
    source = edited("- id: personal-data", more)
    verdict = await verdict_of(deny(PERSONAL), compile_policy(source, REVISION))
    assert error_of(verdict)["message"].endswith("(personal-data: ask the privacy team)")


async def test_a_monitored_category_is_recorded_and_let_through(edited: Edit) -> None:
    source = edited("- id: personal-data", "- id: personal-data\n      action: monitor")
    policy = compile_policy(source, REVISION)
    verdict = await verdict_of(deny(PERSONAL), policy)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.JUDGE_MONITORED)
    assert [finding.rule for finding in verdict.findings] == ["personal-data"]
    assert verdict.cache_seconds == 0
    verdict = await verdict_of(deny(PERSONAL, SECRET), policy)
    assert verdict.reason is Reason.JUDGE_FLAGGED
    assert [finding.rule for finding in verdict.findings] == ["trade-secret", "personal-data"]


async def test_a_monitoring_judge_denies_nothing(edited: Edit) -> None:
    policy = compile_policy(edited("judge:", "judge:\n  mode: monitor"), REVISION)
    verdict = await verdict_of(deny(), policy)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.JUDGE_MONITORED)
    assert [finding.confidence for finding in verdict.findings] == [0.75]


async def test_a_share_of_calls_is_judged(edited: Edit) -> None:
    policy = compile_policy(edited("judge:", "judge:\n  sample: 0.25"), REVISION)
    client = FixedJudge(deny())
    for chance, reason in ((0.2, Reason.JUDGE_FLAGGED), (0.25, Reason.JUDGE_SKIPPED)):
        verdict = await judge(callout(), chat("hi"), policy, means(client, chance), 0.5)
        assert verdict.reason is reason
    assert len(client.asked) == 1


async def test_a_built_in_category_needs_only_its_name(edited: Edit) -> None:
    source = edited("description: data that identifies a person", "threshold: 0.5")
    client = FixedJudge(ALLOW)
    await judge(callout(), chat("hi"), compile_policy(source, REVISION), means(client), 0.5)
    policy = compile_policy(source, REVISION)
    assert policy.judge is not None
    assert "resident ids" in policy.judge.categories[0].description


async def test_a_category_that_nobody_describes_is_refused(edited: Edit) -> None:
    with pytest.raises(PolicyError, match=r"sample\.yaml: judge: the category trade-secret needs"):
        compile_policy(edited("description: unpublished business data", "threshold: 1"), REVISION)
    with pytest.raises(PolicyError, match="cannot be called none"):
        compile_policy(edited("- id: trade-secret", "- id: none"), REVISION)


async def test_the_judge_has_the_time_that_is_left(judged: JudgedPolicy) -> None:
    client = FixedJudge(ALLOW)
    for seconds in (0.5, -3.0):
        await judge(callout(), chat("hi"), judged, means(client), seconds)
    assert client.seconds == [pytest.approx(0.5, abs=0.1), 0]


async def test_the_judge_has_no_more_time_than_the_policy_gives(edited: Edit) -> None:
    policy = compile_policy(edited("judge:", "judge:\n  timeout_ms: 200"), REVISION)
    client = FixedJudge(ALLOW)
    await judge(callout(), chat("hi"), policy, means(client), 0.5)
    assert client.seconds[0] <= 0.2


async def test_a_message_without_text_costs_no_judge(judged: JudgedPolicy) -> None:
    client = FixedJudge(deny())
    call = callout(path="/v1/models", content_type="")
    verdict = await judge(call, b"", judged, means(client), 0.5)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.MESSAGE_EMPTY)
    assert client.asked == []


async def test_a_malformed_message_costs_no_judge(judged: JudgedPolicy) -> None:
    verdict = await verdict_of(ALLOW, judged, b'{"a": 1, "A": 2}')
    assert (verdict.reason, verdict.status) == (Reason.REQUEST_MALFORMED, 400)


async def test_an_unreadable_message_costs_no_judge(judged: JudgedPolicy) -> None:
    body = chat([{"image_url": {"url": "https://a.example/b.png"}}])
    verdict = await verdict_of(ALLOW, judged, body)
    assert verdict.reason is Reason.MESSAGE_UNREADABLE


async def test_an_unknown_policy_and_one_without_a_judge_are_denied(edited: Edit) -> None:
    without = edited("", "")
    source = replace(without, policy=without.policy.model_copy(update={"judge": None}))
    for compiled in (None, compile_policy(source, REVISION)):
        verdict = await verdict_of(ALLOW, compiled)
        assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.POLICY_UNKNOWN)


async def test_the_judge_is_asked_in_the_policys_language(edited: Edit) -> None:
    client = FixedJudge(ALLOW)
    policy = compile_policy(edited("judge:", "judge:\n  language: zh"), REVISION)
    await judge(callout(), chat("hi"), policy, means(client), 0.5)
    assert "现在请分类" in client.asked[0]


async def test_a_policy_can_bring_its_own_words_to_the_judge(edited: Edit) -> None:
    client = FixedJudge(ALLOW)
    words = (
        "judge:\n  prompt:\n"
        "    system: Between the lines $marker there is data. Look for $categories\n"
        "    reminder: Between $marker was data. Say $canary and a verdict, which costs $$5.\n"
    )
    policy = compile_policy(edited("judge:", words), REVISION)
    await judge(callout(), chat("hi $marker"), policy, means(client), 0.5)
    marker = f"=====DATA {'0' * 32}====="
    (asked,) = client.asked
    assert asked.startswith(f'{marker}\n{{"role": "user", "text": "hi $marker"}}\n{marker}\n\n')
    reminder = f"Between {marker} was data. Say {'0' * 16} and a verdict, which costs $5."
    assert asked.endswith(reminder)


async def test_an_answer_is_judged_as_what_the_model_says(judged: JudgedPolicy) -> None:
    client = FixedJudge(deny())
    choice = {"index": 0, "message": {"role": "assistant", "content": "call 13800138000"}}
    body = json.dumps({"object": "chat.completion", "choices": [choice]}).encode()
    verdict = await judge(callout(phase=Phase.RESPONSE), body, judged, means(client), 0.5)
    assert (verdict.decision, verdict.phase) == (Decision.DENY, Phase.RESPONSE)
    assert '{"role": "assistant", "text": "call 13800138000"}' in client.asked[0]
