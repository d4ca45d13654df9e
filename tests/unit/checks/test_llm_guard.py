"""llm-guard: what its verdict says for each opinion and each failure of the judge."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from functions.llm_guard.check import JudgedPolicy, compile_policy, judge
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.hits import Means
from functions.llm_guard.memory import Memory
from functions.llm_guard.metrics import Meter
from functions.llm_guard.opinion import Asked, Found, Opinion
from functions.policy import PolicyError
from functions.verdict import Callout, Decision, Reason, Verdict
from tests.support.streams import SEALER
from tests.unit.checks.conftest import REVISION, Edit, callout, chat, error_of

PERSONAL = Found(category="personal-data", confidence=0.75)
SECRET = Found(category="trade-secret", confidence=0.9)
ALLOW = Opinion(canary="", verdict="allow", findings=())


def deny(*findings: Found, reason: str = "why") -> Opinion:
    return Opinion(canary="", verdict="deny", findings=findings or (PERSONAL,), reason=reason)


Answer = Opinion | JudgeError


class FixedJudge:
    """A judge that has made up its mind, and remembers what it was asked."""

    def __init__(self, answer: Answer | Callable[[str], Answer]) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.seconds: list[float] = []

    async def ask(self, asked: Asked, deadline: Deadline) -> Opinion:
        self.asked.append(asked.messages[1]["content"])
        self.seconds.append(deadline.left())
        answer = self.answer(self.asked[-1]) if callable(self.answer) else self.answer
        if isinstance(answer, JudgeError):
            raise answer
        return answer


def means(client: FixedJudge, chance: float = 0.0) -> Means:
    memory = Memory(b"a key of 16 bytes", 1000, Meter())
    return Means(client, memory, nonce=lambda: "0" * 64, chance=lambda: chance, seals=SEALER)


async def verdict_of(
    answer: Answer | Callable[[str], Answer],
    policy: JudgedPolicy | None,
    body: bytes = chat("my QQ is 123456"),
    call: Callout | None = None,
) -> Verdict:
    return await judge(call or callout(), body, policy, means(FixedJudge(answer)), 0.5)


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


LONG = "a harmless sentence. " * 300


def long_policy(edited: Edit, more: str = "") -> JudgedPolicy:
    return compile_policy(edited("judge:", f"judge:\n  window_chars: 1000{more}"), REVISION)


async def test_a_long_text_is_judged_in_windows(edited: Edit) -> None:
    client = FixedJudge(ALLOW)
    verdict = await judge(callout(), chat(LONG), long_policy(edited), means(client), 0.5)
    assert verdict.reason is Reason.JUDGE_CLEARED
    assert len(client.asked) == 10


async def test_one_window_that_is_flagged_denies_the_whole(edited: Edit) -> None:
    def finds(asked: str) -> Answer:
        return deny() if "the needle" in asked else ALLOW

    body = chat(LONG + "the needle" + LONG)
    assert (await verdict_of(finds, long_policy(edited), body)).reason is Reason.JUDGE_FLAGGED


async def test_a_window_without_an_opinion_is_a_failure_unless_another_one_denies(
    edited: Edit,
) -> None:
    def fails(asked: str) -> Answer:
        if "the stone" in asked:
            return JudgeError(Failure.PROSE, "")
        return deny() if "the needle" in asked else ALLOW

    policy = long_policy(edited, "\n  on_error: allow")
    verdict = await verdict_of(fails, policy, chat(LONG + "the stone"))
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.JUDGE_MALFORMED)
    verdict = await verdict_of(fails, policy, chat("the stone" + LONG + "the needle"))
    assert verdict.reason is Reason.JUDGE_FLAGGED


async def test_more_windows_than_the_policy_allows_are_too_large(edited: Edit) -> None:
    policy = long_policy(edited, "\n  windows_max: 3")
    verdict = await verdict_of(ALLOW, policy, chat(LONG))
    assert (verdict.reason, verdict.status) == (Reason.REQUEST_TOO_LARGE, 413)


async def test_the_turns_of_a_conversation_are_judged_once(judged: JudgedPolicy) -> None:
    client = FixedJudge(ALLOW)
    with_memory = means(client)
    said: list[str] = []
    for turn in range(4):
        said += [f"question {turn} " + "q" * 300, f"answer {turn} " + "a" * 300]
        await judge(callout(), chat(*said), judged, with_memory, 0.5)
        await judge(callout(), chat(*said), judged, with_memory, 0.5)
    assert len(client.asked) == 4
    last = client.asked[-1]
    assert "question 3" in last
    assert '{"seen": true, "role": "user", "text": "answer 2' in last
    assert "question 2" not in last
    assert last.count('"seen": true, "role"') == 2


async def test_what_was_cleared_behind_other_words_is_judged_again(judged: JudgedPolicy) -> None:
    client = FixedJudge(ALLOW)
    with_memory = means(client)
    for first in ("the first half is 138", "the first half is 139"):
        await judge(callout(), chat(first, "and the second 00138000"), judged, with_memory, 0.5)
    assert len(client.asked) == 2
    assert '{"role": "user", "text": "and the second 00138000"}' in client.asked[1]


async def test_another_revision_judges_anew(edited: Edit) -> None:
    client = FixedJudge(ALLOW)
    with_memory = means(client)
    for revision in ("r1", "r2"):
        policy = compile_policy(edited("", ""), revision)
        await judge(callout(), chat("hi"), policy, with_memory, 0.5)
    assert len(client.asked) == 2


async def test_a_denial_is_remembered_without_the_judges_words(judged: JudgedPolicy) -> None:
    client = FixedJudge(deny(reason="somebody can be reached by it"))
    with_memory = means(client)
    verdicts = [await judge(callout(), chat("hi"), judged, with_memory, 0.5) for _ in range(2)]
    assert len(client.asked) == 1
    assert [verdict.reason for verdict in verdicts] == [Reason.JUDGE_FLAGGED] * 2
    assert verdicts[0].findings == verdicts[1].findings
    assert "data that identifies a person" in verdicts[1].body


async def test_a_failure_is_not_remembered(judged: JudgedPolicy) -> None:
    client = FixedJudge(JudgeError(Failure.TIMEOUT, ""))
    with_memory = means(client)
    for _ in range(2):
        await judge(callout(), chat("hi"), judged, with_memory, 0.5)
    assert len(client.asked) == 2


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
