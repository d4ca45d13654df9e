"""Judges that have made up their minds, and what the check needs beside them."""

import asyncio
from collections.abc import Callable

from functions.llm_guard.check import JudgedPolicy, judge
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import JudgeError
from functions.llm_guard.hits import AsksJudges, Means
from functions.llm_guard.memory import Memory
from functions.llm_guard.metrics import Meter
from functions.llm_guard.opinion import Asked, Found, Opinion
from functions.verdict import Callout, Verdict
from tests.support.judge_in_memory import messages_of
from tests.support.streams import SEALER
from tests.unit.checks.conftest import callout, chat

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

    async def ask(self, asked: Asked, deadline: Deadline, _only: int | None = None) -> Opinion:
        self.asked.append(messages_of(asked)[1]["content"])
        self.seconds.append(deadline.left())
        answer = self.answer(self.asked[-1]) if callable(self.answer) else self.answer
        if isinstance(answer, JudgeError):
            raise answer
        return answer


def means(client: AsksJudges, chance: float = 0.0) -> Means:
    memory = Memory(b"a key of 16 bytes", 1000, Meter())
    return Means(client, memory, nonce=lambda: "0" * 64, chance=lambda: chance, seals=SEALER)


class Jury:
    """Judges with fixed answers, each asked by its place; None never answers."""

    def __init__(self, *answers: Answer | None) -> None:
        self.answers = answers

    async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None) -> Opinion:
        assert asked.canary
        assert only is not None
        answer = self.answers[only]
        if answer is None:
            await asyncio.sleep(deadline.left() + 100)
        if not isinstance(answer, Opinion):
            raise answer or AssertionError("it was waited for")
        return answer


async def verdict_of(
    answer: Answer | Callable[[str], Answer],
    policy: JudgedPolicy | None,
    body: bytes = chat("my QQ is 123456"),
    call: Callout | None = None,
) -> Verdict:
    return await judge(call or callout(), body, policy, means(FixedJudge(answer)), 0.5)
