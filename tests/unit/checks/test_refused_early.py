"""llm-guard in a storm: what is denied before anybody reads it, and what is not."""

import pytest

from functions.llm_guard.check import JudgedPolicy, compile_policy, refused_early
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError
from functions.verdict import Decision, Reason
from tests.unit.checks.conftest import REVISION, Edit, callout

FULL = JudgeError(Failure.OVERLOADED, "the queue before the judge is full")


class Storm:
    """Judges who would refuse, or not; and how much time they were told of."""

    def __init__(self, error: JudgeError | None) -> None:
        self.error = error
        self.seconds: list[float] = []

    @property
    def busy(self) -> bool:
        return self.error is not None

    def refusal(self, deadline: Deadline) -> JudgeError | None:
        self.seconds.append(deadline.left())
        return self.error


async def test_what_the_judges_would_refuse_is_denied_unread(judged: JudgedPolicy) -> None:
    storm = Storm(FULL)
    verdict = refused_early(callout(), judged, storm, 3.0)
    assert verdict is not None
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.JUDGE_UNAVAILABLE)
    assert verdict.revision == REVISION
    assert storm.seconds == [pytest.approx(3.0, abs=0.1)]


async def test_what_the_judges_would_take_is_read(judged: JudgedPolicy) -> None:
    assert refused_early(callout(), judged, Storm(None), 3.0) is None


@pytest.mark.parametrize("lenient", ["on_error: allow", "mode: monitor", "sample: 0.5"])
async def test_what_may_pass_without_a_judge_is_read_first(edited: Edit, lenient: str) -> None:
    policy = compile_policy(edited("judge:", f"judge:\n  {lenient}"), REVISION)
    assert refused_early(callout(), policy, Storm(FULL), 3.0) is None


async def test_without_a_policy_the_check_says_so_itself() -> None:
    assert refused_early(callout(), None, Storm(FULL), 3.0) is None
