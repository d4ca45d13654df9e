"""From the pieces of a message to the findings that count.

keys ──memory──▶ cleared before · denied before · new
new ──windows──▶ questions, some at once ──judges──▶ opinions ──thresholds──▶ hits
"""

import asyncio
import json
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.opinion import Asked, Opinion
from functions.llm_guard.pieces import Piece, new_in_context, windows
from functions.llm_guard.pieces import keys as keys_of
from functions.llm_guard.prompt import Questions
from functions.llm_guard.screen import screen
from functions.llm_guard.streams import Seals
from functions.policy import Category, CategoryAction, Judge, JudgeMode, Quorum

_AT_ONCE_MAX: Final = 8
"""Windows of one message at the judges at once: a long one must not keep all others waiting."""
_REMEMBERED_PIECES_MAX: Final = 2000
"""Of a message; one of more is judged whole each time, or it would push out all that is known of
others."""
_CLEARED: Final = b"1"
_DENIED: Final = b"denied"
"""Before the key of a message that was denied: a piece's is never so long."""
_CLEARED_SECONDS: Final = 24 * 3600
_DENIED_SECONDS: Final = 300
"""Long enough for a client that tries the same again; a judge may be mended soon."""


class AsksJudges(Protocol):
    """The part of `Judges` that the check needs."""

    async def ask(self, asked: Asked, deadline: Deadline, only: int | None = None, /) -> Opinion:
        """An opinion, of the judge in the place `only` or of any; or `JudgeError`."""


class Remembers(Protocol):
    """The part of `Memory` that the check needs."""

    def digest(self, *parts: str | bytes) -> bytes:
        """A keyed digest."""

    async def recall(self, keys: Sequence[bytes], deadline: Deadline) -> list[bytes | None]:
        """What is kept under each key."""

    async def keep(self, values: Mapping[bytes, bytes], seconds: int, deadline: Deadline) -> None:
        """Keep these values for so long."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the check needs of the outside. `nonce` makes 64 random hex digits, `chance` a number
    from 0 to 1, fresh for each call.
    """

    judges: AsksJudges
    memory: Remembers
    nonce: Callable[[], str]
    chance: Callable[[], float]
    seals: Seals


@dataclass(frozen=True, slots=True)
class Hit:
    """A finding of the judge that counts; `why` has been screened."""

    category: Category
    confidence: float
    why: str

    @property
    def denies(self) -> bool:
        """Whether the policy denies what falls into the category."""
        return self.category.action is CategoryAction.DENY


class TooMuch(Exception):
    """More new text than the policy has judged for one message."""


class Case(NamedTuple):
    """One message's judging: whose it is, by what, in which words, with what, until when."""

    workload: str
    revision: str
    rules: Judge
    questions: Questions
    means: Means
    deadline: Deadline


async def hits_in(case: Case, pieces: Sequence[Piece]) -> list[Hit]:
    """What counts of the judges' findings, those of earlier judging included."""
    rules, memory = case.rules, case.means.memory
    if len(pieces) > _REMEMBERED_PIECES_MAX:
        return await _in_windows(case, pieces)
    keys = keys_of(pieces, rules.context_chars, memory.digest, case.revision, case.workload)
    # Of one piece, as most messages are, it is known by that piece's key.
    whole = _DENIED + (keys[0] if len(keys) == 1 else memory.digest(b"".join(keys)))
    *known, denied_before = await memory.recall([*keys, whole], case.deadline)
    if denied_before is not None:
        return _remembered(rules, denied_before)
    fresh = pieces
    if any(known):
        cleared = [value is not None for value in known]
        fresh = new_in_context(pieces, cleared, rules.context_chars)
        if not fresh:
            return []
    hits = await _in_windows(case, fresh)
    denials = [hit for hit in hits if hit.denies] if hits else []
    if denials and rules.mode is JudgeMode.ENFORCE:
        found = [[hit.category.id, hit.confidence] for hit in denials]
        value = json.dumps(found).encode()
        await memory.keep({whole: value}, _DENIED_SECONDS, case.deadline)
    else:
        await memory.keep(dict.fromkeys(keys, _CLEARED), _CLEARED_SECONDS, case.deadline)
    return hits


async def hits_in_new(case: Case, pieces: Sequence[Piece]) -> list[Hit]:
    """What counts of the judges' findings in `pieces`, of which none has been judged before."""
    return await _in_windows(case, pieces)


def _in_windows(case: Case, pieces: Sequence[Piece]) -> Awaitable[list[Hit]]:
    """The hits in `pieces`, window by window; raises `TooMuch` at once where there are too many."""
    rules = case.rules
    shown = windows(pieces, rules.window_chars, rules.context_chars)
    if len(shown) > rules.windows_max:
        most = rules.windows_max * rules.window_chars
        raise TooMuch(f"it holds more new text than the {most} characters that are judged")
    # What is judged in one piece, as nearly all is, has no layers of its own to go through.
    return _window(case, shown[0]) if len(shown) == 1 else _judged(case, shown)


def _remembered(rules: Judge, value: bytes) -> list[Hit]:
    """The hits of the same message's earlier denial; the judge's own words were not kept."""
    named = {each.id: each for each in rules.categories}
    return [
        Hit(named[name], confidence, named[name].message or named[name].description)
        for name, confidence in json.loads(value)
    ]


async def _judged(case: Case, shown: Sequence[Sequence[Piece]]) -> list[Hit]:
    """The hits in all windows; the rest is dropped once one of them denies.

    Raises `JudgeError` where a window has no opinion and no other one denies.
    """
    turns = asyncio.Semaphore(_AT_ONCE_MAX)

    async def one(window: Sequence[Piece]) -> list[Hit]:
        async with turns:
            return await _window(case, window)

    hits: list[Hit] = []
    failure: JudgeError | None = None
    async with _at_once(one(window) for window in shown) as results:
        for ended in results:
            try:
                hits += await ended
            except JudgeError as error:
                failure = failure or error
            if case.rules.mode is JudgeMode.ENFORCE and any(hit.denies for hit in hits):
                return hits
    if failure is not None:
        raise failure
    return hits


@asynccontextmanager
async def _at_once(
    work: Iterable[Coroutine[Any, Any, list[Hit]]],
) -> AsyncIterator[Iterator[Awaitable[list[Hit]]]]:
    """Results in the order in which they come; what is not waited for any more is ended."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield asyncio.as_completed(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _window(case: Case, window: Sequence[Piece]) -> Coroutine[Any, Any, list[Hit]]:
    quorum = case.rules.quorum
    return _opinion(case, window) if quorum is None else _voted(case, window, quorum)


async def _voted(case: Case, window: Sequence[Piece], quorum: Quorum) -> list[Hit]:
    """What enough of the judges flag; else what they have only to record.

    Raises `JudgeError` where so many have no opinion that neither is certain.
    """
    flagged: list[Hit] = []
    recorded: list[Hit] = []
    votes = clears = 0
    failure = JudgeError(Failure.BREAKER_OPEN, "no judge is left to ask")
    async with _at_once(_opinion(case, window, each) for each in range(quorum.ask)) as results:
        for ended in results:
            try:
                hits = await ended
            except JudgeError as error:
                failure = error
                continue
            denials = [hit for hit in hits if hit.denies]
            votes, clears = votes + bool(denials), clears + (not denials)
            flagged += denials
            recorded += [hit for hit in hits if not hit.denies]
            if votes >= quorum.deny:
                return flagged + recorded
            if clears > quorum.ask - quorum.deny:
                return recorded
    raise failure


async def _opinion(case: Case, window: Sequence[Piece], only: int | None = None) -> list[Hit]:
    """What counts of one judge's findings, of any judge's or of that one's."""
    rules = case.rules
    asked = case.questions.about(window, case.means.nonce())
    opinion = await case.means.judges.ask(asked, case.deadline, only)
    if not opinion.findings:
        return []
    texts = [piece.text for piece in window]
    named = {each.id: each for each in rules.categories}
    hits = []
    for found in opinion.findings:
        category = named[found.category]
        least = rules.threshold if category.threshold is None else category.threshold
        if found.confidence >= least:
            why = category.message or screen(opinion.reason, texts, category.description)
            hits.append(Hit(category, found.confidence, why))
    return hits
