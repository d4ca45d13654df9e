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
from functions.policy import Category, Judge, OnError, PolicyFile, PolicySource, Unreadable
from functions.prompt import denied, normalise, open_message, unknown_policy
from functions.verdict import REASONS, Callout, Decision, Finding, Reason, Severity, Verdict

NAME: Final = "llm-guard"

# A judge's reason that repeats so many characters of the text in a row is not shown. Everyday
# letters get more, since two English sentences share them by chance; Chinese says more in less.
_PLAIN_CHARS: Final = 16
_OTHER_CHARS: Final = 6
_WIDE_CHARS: Final = 3
_EVERYDAY: Final = re.compile(r"[a-z ,.'-]*")
_WIDE: Final = re.compile(r"[^\x00-\u024f]*")
_DIGITS: Final = 3
"""A model likes to quote a number in another spelling, so that so many digits are not shown."""
_REASON_CHARS_MAX: Final = 200
_SECONDS_MIN: Final = 0.001


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


def compile_policy(source: PolicySource, revision: str) -> JudgedPolicy:
    """Nothing to compile: categories are plain words."""
    return JudgedPolicy(source.policy, revision)


async def judge(
    callout: Callout,
    body: bytes,
    compiled: JudgedPolicy | None,
    client: AsksJudge,
    marker: Callable[[], str],
    seconds: float,
) -> Verdict:
    """The verdict on one message, after `seconds` at the latest.

    `compiled` is the callout's policy, None where there is none; `marker` makes a fresh random
    marker for each call.
    """
    if compiled is None:
        return unknown_policy(NAME, callout)
    revision, rules = compiled.revision, compiled.policy.judge
    if rules is None:
        detail = f"the policy {callout.policy} has no judge section"
        return denied(NAME, callout, revision, Reason.POLICY_UNKNOWN, detail)
    deny_unreadable = compiled.policy.unreadable is Unreadable.DENY
    message = open_message(NAME, callout, body, revision, deny_unreadable=deny_unreadable)
    if isinstance(message, Verdict):
        return message
    texts = prompt.texts_of(message.segments)
    if not texts:
        return _allow(callout, compiled, Reason.MESSAGE_EMPTY)
    asked = prompt.messages(texts, rules.categories, marker())
    try:
        opinion = await client.ask(
            asked,
            prompt.response_format(rules.categories),
            max(min(seconds, rules.timeout_ms / 1000), _SECONDS_MIN),
        )
        return _from_opinion(callout, compiled, rules, opinion, texts)
    except JudgeError as error:
        return _without_opinion(callout, compiled, rules, error.reason)


def _without_opinion(
    callout: Callout, compiled: JudgedPolicy, rules: Judge, reason: Reason
) -> Verdict:
    if rules.on_error is OnError.ALLOW:
        return _allow(callout, compiled, reason)
    return denied(NAME, callout, compiled.revision, reason, REASONS[reason].meaning)


def _from_opinion(
    callout: Callout,
    compiled: JudgedPolicy,
    rules: Judge,
    opinion: Opinion,
    texts: Sequence[str],
) -> Verdict:
    if opinion.verdict == "allow":
        return _allow(callout, compiled, Reason.JUDGE_CLEARED)
    category = next((each for each in rules.categories if each.id == opinion.category), None)
    if category is None:
        # A judge that denies for a reason nobody gave it has not kept to its task.
        raise JudgeError(Reason.JUDGE_MALFORMED, "a denial for no category of the policy")
    finding = Finding(
        rule=category.id,
        category=category.id,
        severity=Severity.HIGH,
        view="judge",
        confidence=opinion.confidence,
    )
    detail = f"{category.id}: {screen(opinion.reason, texts, category)}"
    return denied(NAME, callout, compiled.revision, Reason.JUDGE_FLAGGED, detail, (finding,))


def screen(reason: str, texts: Sequence[str], category: Category) -> str:
    """The judge's reason if it repeats nothing of the judged text, else the category's words.

    `texts` are normalised, as the judge was shown them.
    """
    shown = " ".join(normalise(reason).text.split())[:_REASON_CHARS_MAX]
    judged = "\n".join(texts).casefold()
    repeats = (
        _shares(shown, judged, _PLAIN_CHARS, lambda _: True)
        or _shares(shown, judged, _OTHER_CHARS, lambda piece: not _EVERYDAY.fullmatch(piece))
        or _shares(shown, judged, _WIDE_CHARS, lambda piece: bool(_WIDE.fullmatch(piece)))
    )
    if not shown or sum(map(str.isdigit, shown)) >= _DIGITS or repeats:
        return category.description
    return shown


def _shares(reason: str, judged: str, length: int, counts: Callable[[str], bool]) -> bool:
    """Whether `length` characters in a row that count stand in both, letter case aside."""
    starts = range(len(reason) - length + 1)
    pieces = {reason[at : at + length] for at in starts if counts(reason[at : at + length])}
    return any(piece.casefold() in judged for piece in pieces)


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
