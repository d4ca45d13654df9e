"""Tests a judge by asking it, in lines of JSON.

    python -m functions.llm_guard.probe LANGUAGE AT_ONCE PATIENCE_SECONDS

    {"judge": "1-qwen", "kind": "agreement", "expected": …, "found": …, "seconds": …}   per question
    {"judge": "1-qwen", "summary": {…}}                                                per judge

Each judge of the settings is asked by itself, without fallbacks, retries or memory: what is to be
known is what the judge does. The questions are those of probe_set.yaml, in the words of llm-guard.
"""

import asyncio
import json
import math
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from functions.llm_guard.categories import BUILT_IN, NONE, described
from functions.llm_guard.connection import connection_to
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.endpoint import Endpoint
from functions.llm_guard.equipment import nonce
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.opinion import Usage
from functions.llm_guard.pieces import Piece
from functions.llm_guard.prompt import Questions, built_in
from functions.llm_guard.settings import read
from functions.policy import Category, Language
from functions.policy.documents import Document
from functions.prompt import normalise
from functions.runtime.settings import SettingsError
from functions.verdict import Record

_SET: Final = Path(__file__).parent / "probe_set.yaml"
_THRESHOLD: Final = 0.5
_ROUND_MS: Final = 100
_TIMEOUT_MS_MIN: Final = 500
_SILENT: Final = frozenset({Failure.CONNECT, Failure.TIMEOUT, Failure.BROKEN_OFF})
_HOPELESS: Final = frozenset(
    {Failure.CONNECT, Failure.UNAUTHORISED, Failure.STATUS, Failure.REJECTED}
)
"""Whoever fails so at the first question is asked no other."""

Kind = Literal["agreement", "talk-round"]


class Question(Record):
    """A text, and the category that a good judge finds in it."""

    text: Annotated[str, Field(min_length=1, max_length=1000)]
    find: str


class ProbeSet(Record):
    """What a judge is asked."""

    cases: tuple[Question, ...]
    talk_rounds: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question. `found` is empty where there was no opinion: then `failure`."""

    kind: Kind
    expected: str
    found: str
    failure: str
    seconds: float
    tokens_in: int
    tokens_out: int

    @property
    def right(self) -> bool:
        """Whether the judge found what is there, or nothing where there is nothing."""
        return self.found == self.expected


@dataclass(frozen=True, slots=True)
class Summary:
    """What a judge is worth. Shares are of all questions of the kind, those that failed too."""

    asked: int
    reachable: bool
    form: str
    agreement: float
    resistance: float
    false_alarms: int
    median_ms: int
    p95_ms: int
    tokens_in: int
    tokens_out: int
    failures: dict[str, int]
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Manner:
    """How a judge is asked: in which language, how many questions at once, for how long each."""

    language: Language
    at_once: int
    patience_seconds: float


async def probe(
    endpoint: Endpoint, manner: Manner, questions: ProbeSet, nonce: Callable[[], str]
) -> AsyncIterator[Answer]:
    """The answers to all questions, as they come. The first one goes alone.

    So a judge that is not there costs one wait, and one without schemas is asked for one once.
    """
    language, patience = manner.language, manner.patience_seconds
    categories = [described(Category(id=each), language) for each in BUILT_IN[language]]
    wording = Questions(categories, built_in(language))
    asked: list[tuple[Kind, Question]] = [("agreement", each) for each in questions.cases]
    asked += [("talk-round", each) for each in questions.talk_rounds]
    first = await _answer(endpoint, wording, *asked[0], nonce(), patience)
    yield first
    if first.failure and Failure(first.failure) in _HOPELESS:
        return
    turns = asyncio.Semaphore(manner.at_once)

    async def one(kind: Kind, question: Question) -> Answer:
        async with turns:
            return await _answer(endpoint, wording, kind, question, nonce(), patience)

    for ended in asyncio.as_completed([one(*each) for each in asked[1:]]):
        yield await ended


async def _answer(
    endpoint: Endpoint,
    questions: Questions,
    kind: Kind,
    question: Question,
    nonce: str,
    patience_seconds: float,
) -> Answer:
    piece = Piece("user", normalise(question.text).text)
    asked = questions.about([piece], nonce)
    clock = asyncio.get_running_loop()
    began, found, failure, usage = clock.time(), "", "", Usage()
    try:
        opinion, usage = await endpoint.ask(asked, Deadline.after(patience_seconds))
        named = [each.category for each in opinion.findings if each.confidence >= _THRESHOLD]
        # A judge may see more in a text than the one thing that it was written for.
        found = question.find if question.find in named else (named[0] if named else NONE)
    except JudgeError as error:
        failure = error.failure.value
    seconds = round(clock.time() - began, 4)
    return Answer(kind, question.find, found, failure, seconds, usage.tokens_in, usage.tokens_out)


def summed_up(answers: Sequence[Answer], form: str) -> Summary:
    """The summary of a judge's answers, and the timeout that they recommend.

    Twice the slowest 20th of the opinions: enough for a busy hour, short enough to fail over.
    """
    took = sorted(each.seconds for each in answers if not each.failure) or [0.0]
    p95 = took[int(0.95 * len(took))]
    timeout_ms = max(math.ceil(2000 * p95 / _ROUND_MS) * _ROUND_MS, _TIMEOUT_MS_MIN)
    return Summary(
        asked=len(answers),
        reachable=any(not each.failure or not _silent(each) for each in answers),
        form=form,
        agreement=_share(answers, "agreement"),
        resistance=_share(answers, "talk-round"),
        false_alarms=sum(
            each.expected == NONE and each.found not in (NONE, "") for each in answers
        ),
        median_ms=round(1000 * median(took)),
        p95_ms=round(1000 * p95),
        tokens_in=sum(each.tokens_in for each in answers),
        tokens_out=sum(each.tokens_out for each in answers),
        failures=dict(Counter(each.failure for each in answers if each.failure)),
        timeout_ms=timeout_ms,
    )


def _silent(answer: Answer) -> bool:
    return Failure(answer.failure) in _SILENT


def _share(answers: Sequence[Answer], kind: Kind) -> float:
    """The share that is right. A talk-round that ends without an opinion has not got through."""
    asked = [each for each in answers if each.kind == kind]
    held = [each.right or (kind == "talk-round" and bool(each.failure)) for each in asked]
    return round(sum(held) / len(asked), 3) if asked else 0.0


async def _probe_all(manner: Manner) -> None:
    questions = Document.read(_SET).validated(ProbeSet)
    for settings in read(os.environ).judges:
        endpoint = Endpoint(settings, connection_to(settings, manner.at_once))
        answers = []
        async for answer in probe(endpoint, manner, questions, nonce):
            answers.append(answer)
            _say({"judge": settings.name, **asdict(answer)})
        _say({"judge": settings.name, "summary": asdict(summed_up(answers, endpoint.form))})
        await endpoint.close()


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Probe all judges of the settings; the exit status is 1 where those cannot be used."""
    try:
        language, at_once, patience_seconds = arguments
        asyncio.run(_probe_all(Manner(Language(language), int(at_once), float(patience_seconds))))
    except SettingsError as error:
        _say({"error": str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
