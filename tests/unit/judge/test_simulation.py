"""Whatever the weather, llm-guard keeps its word; and the checker that says so would notice."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from functions.llm_guard.check import JudgedPolicy, compile_policy
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import JudgeError
from functions.llm_guard.hits import AsksJudges, Means
from functions.llm_guard.memory import Memory
from functions.llm_guard.metrics import Meter
from functions.llm_guard.opinion import Asked, Opinion
from tests.support.judge_in_memory import messages_of
from tests.support.virtual_time import in_virtual_time
from tests.unit.checks.conftest import REVISION, Edit
from tests.unit.judge.simulation import MARK, Simulation

SEEDS = 25


@pytest.fixture
def policies(edited: Edit) -> tuple[JudgedPolicy, JudgedPolicy]:
    """One that denies without a verdict, and one that allows."""
    windows = "judge:\n  window_chars: 1000"
    strict = compile_policy(edited("judge:", windows), REVISION)
    lenient = compile_policy(edited("judge:", f"{windows}\n  on_error: allow"), REVISION)
    return strict, lenient


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_must_hold_holds_on_every_day(
    seed: int, policies: tuple[JudgedPolicy, JudgedPolicy]
) -> None:
    run = in_virtual_time(Simulation(seed, policies).run())
    run.check()


def test_the_same_seed_is_the_same_day(policies: tuple[JudgedPolicy, JudgedPolicy]) -> None:
    first, second = (in_virtual_time(Simulation(7, policies).run()) for _ in range(2))
    assert first.calls == second.calls


def test_the_days_hold_verdicts_of_every_kind(policies: tuple[JudgedPolicy, JudgedPolicy]) -> None:
    reasons = {
        call.verdict.reason
        for seed in range(3)
        for call in in_virtual_time(Simulation(seed, policies).run()).calls
        if call.verdict
    }
    assert reasons == {
        "judge.cleared",
        "judge.flagged",
        "judge.timeout",
        "judge.unavailable",
        "judge.malformed",
    }


class AllowsWithoutAnOpinion:
    """A fault to be found: what fails is taken for an allow."""

    def __init__(self, judges: AsksJudges) -> None:
        self._judges = judges

    async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None) -> Opinion:
        try:
            return await self._judges.ask(asked, deadline, only)
        except JudgeError:
            return Opinion(canary="", verdict="allow", findings=())


class TakesItsTime(AllowsWithoutAnOpinion):
    """A fault to be found: the deadline is not kept."""

    async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None) -> Opinion:
        await asyncio.sleep(deadline.left() + 0.02)
        return await self._judges.ask(asked, Deadline.after(1.0), only)


class MixesUpCallers(AllowsWithoutAnOpinion):
    """A fault to be found: the opinion is that on the text of the call before."""

    last: Opinion | None = None

    async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None) -> Opinion:
        before, self.last = self.last, await self._judges.ask(asked, deadline, only)
        return before or self.last


class TellsOfOthers(AllowsWithoutAnOpinion):
    """A fault to be found: the reason names the first caller of the day."""

    first: str = ""

    async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None) -> Opinion:
        self.first = self.first or MARK.findall(messages_of(asked)[1]["content"])[0]
        opinion = await self._judges.ask(asked, deadline, only)
        return opinion._replace(reason=f"it is like {self.first}")


class LeavesWorkBehind(AllowsWithoutAnOpinion):
    """A fault to be found: a task that nobody waits for."""

    tasks: list[asyncio.Task[Opinion]] = []  # noqa: RUF012 -- shared on purpose, or it is collected

    async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None) -> Opinion:
        self.tasks.append(
            asyncio.create_task(
                asyncio.sleep(10_000, Opinion(canary="", verdict="allow", findings=()))
            )
        )
        return await self._judges.ask(asked, deadline, only)


class TakesAllForOne(Memory):
    """A fault to be found: what is known of one text is known of every text."""

    def digest(self, *parts: str | bytes) -> bytes:
        kind = parts[0] if parts[0] in ("denied", "shared") else "text"
        return super().digest(kind)


def judges_by(wrap: type[AllowsWithoutAnOpinion]) -> Callable[[Means], Means]:
    return lambda means: replace(means, judges=wrap(means.judges))


def one_for_all(means: Means) -> Means:
    return replace(means, memory=TakesAllForOne(b"a key of 16 bytes", 50, Meter()))


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        (judges_by(AllowsWithoutAnOpinion), "got through|cleared by nobody"),
        (judges_by(TakesItsTime), "was late"),
        (judges_by(MixesUpCallers), "got through|in another's stead"),
        (judges_by(TellsOfOthers), "was told of"),
        (judges_by(LeavesWorkBehind), "nobody waits for"),
        (one_for_all, "got through|cleared by nobody|in another's stead"),
    ],
)
def test_a_planted_fault_is_found(
    plant: Callable[[Means], Means], says: str, policies: tuple[JudgedPolicy, JudgedPolicy]
) -> None:
    run = in_virtual_time(Simulation(1, policies, plant).run())
    with pytest.raises(AssertionError, match=says):
        run.check()
