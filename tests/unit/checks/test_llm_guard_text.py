"""llm-guard: several judges, long texts, and what is not judged again."""

import asyncio
from collections.abc import Iterable

import pytest

from functions.llm_guard.check import JudgedPolicy, compile_policy, judge
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.opinion import Asked, Opinion
from functions.verdict import Decision, Reason
from tests.support.fixed_judge import ALLOW, Answer, FixedJudge, Jury, deny, means, verdict_of
from tests.unit.checks.conftest import REVISION, Edit, callout, chat

FAILS = JudgeError(Failure.PROSE, "")


@pytest.mark.parametrize(
    ("answers", "deny", "reason"),
    [
        ((deny(), deny(), ALLOW), 2, Reason.JUDGE_FLAGGED),
        ((deny(), ALLOW, ALLOW), 2, Reason.JUDGE_CLEARED),
        ((deny(), ALLOW, ALLOW), 1, Reason.JUDGE_FLAGGED),
        ((deny(), deny(), ALLOW), 3, Reason.JUDGE_CLEARED),
        # Who does not answer is not waited for once the others have decided it.
        ((deny(), deny(), None), 2, Reason.JUDGE_FLAGGED),
        ((ALLOW, None, ALLOW), 2, Reason.JUDGE_CLEARED),
        # What cannot be decided is not allowed.
        ((ALLOW, FAILS, deny()), 2, Reason.JUDGE_MALFORMED),
        ((ALLOW, ALLOW, FAILS), 1, Reason.JUDGE_MALFORMED),
        ((FAILS, FAILS, FAILS), 2, Reason.JUDGE_MALFORMED),
    ],
)
async def test_a_quorum_decides(
    edited: Edit, answers: tuple[Answer | None, ...], deny: int, reason: Reason
) -> None:
    quorum = f"judge:\n  quorum: {{ask: 3, deny: {deny}}}"
    policy = compile_policy(edited("judge:", quorum), REVISION)
    verdict = await judge(callout(), chat("hi"), policy, means(Jury(*answers)), 0.5)
    assert verdict.reason is reason


LONG = "a harmless sentence. " * 300


def long_policy(edited: Edit, more: str = "") -> JudgedPolicy:
    return compile_policy(edited("judge:", f"judge:\n  window_chars: 1000{more}"), REVISION)


async def test_a_long_text_is_judged_in_windows(edited: Edit) -> None:
    client = FixedJudge(ALLOW)
    verdict = await judge(callout(), chat(LONG), long_policy(edited), means(client), 0.5)
    assert verdict.reason is Reason.JUDGE_CLEARED
    assert len(client.asked) == 10


async def test_the_windows_of_a_text_are_judged_at_the_same_time(edited: Edit) -> None:
    inside, most = 0, 0

    class Counting(FixedJudge):
        async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None) -> Opinion:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            return await super().ask(asked, deadline, only)

    await judge(callout(), chat(LONG), long_policy(edited), means(Counting(ALLOW)), 0.5)
    assert most == 8


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


async def test_forty_turns_cost_at_most_three_times_the_last_one(judged: JudgedPolicy) -> None:
    said = [f"This is what is said as number {number}. " * 30 for number in range(80)]

    async def characters(turns: Iterable[int]) -> int:
        client = FixedJudge(ALLOW)
        with_memory = means(client)
        for turn in turns:
            await judge(callout(), chat(*said[: 2 * turn + 1]), judged, with_memory, 0.5)
        return sum(map(len, client.asked))

    assert await characters(range(40)) <= 3 * await characters([39])


async def test_no_workload_has_its_texts_cleared_by_another(judged: JudgedPolicy) -> None:
    client = FixedJudge(ALLOW)
    with_memory = means(client)
    for workload in ("shop/cart", "shop/till"):
        call = callout().model_copy(update={"workload": workload})
        await judge(call, chat("hi"), judged, with_memory, 0.5)
    assert len(client.asked) == 2


async def test_very_many_strings_are_judged_and_push_nothing_out_of_the_memory(
    judged: JudgedPolicy,
) -> None:
    client = FixedJudge(ALLOW)
    with_memory = means(client)
    for contents in (["hi"], ["a"] * 2500, ["hi"]):
        await judge(callout(), chat(*contents), judged, with_memory, 0.5)
    assert "".join(client.asked).count('{"role": "user", "text": "a"}') >= 2500
    assert "".join(client.asked).count('"text": "hi"') == 1


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
