"""Judges a message by asking a judge: pure but for the judge, which is an argument.

body ──read──▶ segments ──prompt──▶ judge ──▶ Opinion ──screen──▶ Verdict
                                      └─ JudgeError ─▶ the policy's judge.on_error
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from functions.llm_guard import prompt
from functions.llm_guard.judge import JudgeError, Opinion
from functions.policy import Category, Judge, OnError, PolicyFile, Unreadable
from functions.prompt import Segment, View, denied, open_message, unknown_policy
from functions.verdict import REASONS, Callout, Decision, Finding, Reason, Severity, Verdict

NAME: Final = "llm-guard"

_MARGIN_MS: Final = 50
"""Kept back from the callout's deadline, so that the verdict still arrives in time."""
_SHARED_CHARS: Final = 6
_LONG_CHARS: Final = 16
"""A judge's reason that repeats so many characters of the text in a row is not shown; the shorter
length for anything but everyday letters, which two sentences share by chance."""
_COMMON: Final = re.compile(r"[a-z ,.'-]*")
_DIGITS: Final = 3
"""A model likes to quote a number in another spelling, so that so many digits are not shown."""
_REASON_CHARS_MAX: Final = 200
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class AsksJudge(Protocol):
    """The part of a judge's client that the check needs."""

    async def ask(
        self,
        messages: Sequence[dict[str, str]],
        response_format: dict[str, Any],
        seconds: float,
    ) -> Opinion:
        """The opinion, or `JudgeError`."""


@dataclass(frozen=True, slots=True)
class JudgedPolicy:
    """A policy ready to judge by."""

    policy: PolicyFile
    revision: str


def compile_policy(policy: PolicyFile, revision: str) -> JudgedPolicy:
    """Nothing to compile: categories are plain words."""
    return JudgedPolicy(policy, revision)


async def judge(
    callout: Callout,
    body: bytes,
    compiled: JudgedPolicy | None,
    client: AsksJudge,
    marker: Callable[[], str],
) -> Verdict:
    """The verdict on one message. `marker` makes a fresh random marker for each call."""
    if compiled is None or compiled.policy.judge is None:
        return unknown_policy(NAME, callout)
    deny_unreadable = compiled.policy.unreadable is Unreadable.DENY
    message = open_message(NAME, callout, body, compiled.revision, deny_unreadable=deny_unreadable)
    if isinstance(message, Verdict):
        return message
    if message.empty:
        return _allow(callout, compiled, Reason.MESSAGE_EMPTY)
    rules = compiled.policy.judge
    texts = _judged(message.segments)
    try:
        opinion = await client.ask(
            prompt.messages(texts, rules.categories, marker()),
            prompt.response_format(rules.categories),
            max(callout.deadline_ms - _MARGIN_MS, 1) / 1000,
        )
        return _from_opinion(callout, compiled, rules, opinion, texts)
    except JudgeError as error:
        if rules.on_error is OnError.ALLOW:
            return _allow(callout, compiled, error.reason)
        meaning = REASONS[error.reason].meaning
        return denied(NAME, callout, compiled.revision, error.reason, meaning)


def _from_opinion(
    callout: Callout,
    compiled: JudgedPolicy,
    rules: Judge,
    opinion: Opinion,
    texts: Sequence[Segment],
) -> Verdict:
    if opinion.verdict == "allow":
        return _allow(callout, compiled, Reason.JUDGE_CLEARED)
    category = next((each for each in rules.categories if each.id == opinion.category), None)
    if category is None:
        # A judge that denies for a reason nobody gave it has not kept to its task.
        raise JudgeError(Reason.JUDGE_MALFORMED)
    why = screen(opinion.reason, [segment.text for segment in texts], category)
    finding = Finding(
        rule=category.id,
        category=category.id,
        severity=Severity.HIGH,
        view="judge",
        confidence=opinion.confidence,
    )
    detail = f"{category.id}: {why}"
    revision = compiled.revision
    return denied(NAME, callout, revision, Reason.JUDGE_FLAGGED, detail, (finding,))


def screen(reason: str, texts: Sequence[str], category: Category) -> str:
    """The judge's reason if it repeats nothing of the judged text, else words of our own."""
    plain = " ".join(reason.split())[:_REASON_CHARS_MAX]
    digits = sum(map(str.isdigit, plain))
    judged = "\n".join(texts)
    repeats = _shares(plain, judged, _SHARED_CHARS, _COMMON) or _shares(plain, judged, _LONG_CHARS)
    if not plain or digits >= _DIGITS or repeats:
        return f"the judge sees {category.id} in the text"
    return plain


def _shares(reason: str, text: str, length: int, common: re.Pattern[str] | None = None) -> bool:
    """Whether `length` characters of `reason` in a row stand in `text` and are not all common."""
    pieces = {reason[at : at + length] for at in range(len(reason) - length + 1)}
    return any(piece in text and not (common and common.fullmatch(piece)) for piece in pieces)


def _judged(segments: Sequence[Segment]) -> list[Segment]:
    """What the judge is shown: everything once, without keys that are plain names."""
    return [
        each
        for each in segments
        if each.text.strip()
        and each.view is not View.JOINED
        and not (each.view is View.KEY and _PLAIN_NAME.fullmatch(each.text))
    ]


def _allow(callout: Callout, compiled: JudgedPolicy, reason: Reason) -> Verdict:
    judged = reason in (Reason.JUDGE_CLEARED, Reason.MESSAGE_EMPTY)
    return Verdict(
        check=NAME,
        phase=callout.phase,
        policy=callout.policy,
        revision=compiled.revision,
        decision=Decision.ALLOW,
        reason=reason,
        cache_seconds=compiled.policy.cache_seconds if judged else 0,
    )
