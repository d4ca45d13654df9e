"""Judges a message by asking judges: pure but for its means, which are arguments.

body ──read──▶ pieces ──memory──▶ those not judged before ──windows──▶ questions, in parallel
                                                                          │
      Verdict ◀──the strictest finding that counts── hits ◀──thresholds── opinions
              ◀──the policy's judge.on_error───────────────────────────── JudgeError
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from functions.llm_guard.categories import described
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import JudgeError
from functions.llm_guard.hits import Case, Hit, Means, TooMuch, hits_in, hits_in_new
from functions.llm_guard.pieces import Piece, pieces_of
from functions.llm_guard.prompt import Questions, built_in
from functions.llm_guard.streams import identity, opened, read_window, sealed
from functions.policy import (
    Judge,
    JudgeMode,
    OnError,
    PolicyError,
    PolicyFile,
    PolicySource,
    Unreadable,
)
from functions.prompt import denied, is_stream, open_message, unknown_policy
from functions.verdict import (
    REASONS,
    Callout,
    Decision,
    Finding,
    Phase,
    Reason,
    Severity,
    Verdict,
)

NAME: Final = "llm-guard"


@dataclass(frozen=True, slots=True)
class JudgedPolicy:
    """A policy ready to judge by: its categories described, its questions worded."""

    policy: PolicyFile
    revision: str
    judge: Judge | None = None
    questions: Questions | None = None


def compile_policy(source: PolicySource, revision: str) -> JudgedPolicy:
    """The policy, ready. Raises `PolicyError` for a category that nobody describes."""
    judge, policy = source.policy.judge, source.policy
    if judge is None:
        return JudgedPolicy(policy, revision)
    try:
        categories = tuple(described(each, judge.language) for each in judge.categories)
    except PolicyError as error:
        raise PolicyError(f"{source.file}: {error}") from None
    judge = judge.model_copy(update={"categories": categories})
    texts = judge.prompt or built_in(judge.language)
    return JudgedPolicy(policy, revision, judge, Questions(categories, texts))


class Refuses(Protocol):
    """The part of `Judges` that tells of a storm."""

    @property
    def busy(self) -> bool:
        """Whether a question that came now would have to wait."""

    def refusal(self, deadline: Deadline, /) -> JudgeError | None:
        """Why a question that came now would be refused at once, None where it would not be."""


def refused_early(
    callout: Callout, compiled: JudgedPolicy | None, judges: Refuses, seconds: float
) -> Verdict | None:
    """The denial of a message whose question would be refused now, before anybody reads it.

    None where a question might be taken, and where a message may pass without one: then only
    reading it tells. One that would be remembered is refused as well, in a storm that is no loss.
    """
    if not judges.busy:
        return None
    rules = None if compiled is None else compiled.judge
    if compiled is None or rules is None or rules.sample < 1 or _passes_unjudged(rules):
        return None
    error = judges.refusal(_deadline(callout, rules, seconds))
    return None if error is None else _without_hits(callout, compiled, rules, error)


async def judge(
    callout: Callout, body: bytes, compiled: JudgedPolicy | None, means: Means, seconds: float
) -> Verdict:
    """The verdict on one message, after `seconds` at the latest.

    `compiled` is the callout's policy, None where there is none.
    """
    if compiled is None or compiled.judge is None or compiled.questions is None:
        return _unjudgeable(callout, compiled)
    rules, questions = compiled.judge, compiled.questions
    if len(body) > compiled.policy.body_bytes_max:
        detail = f"it has {len(body)} bytes, and the policy takes {compiled.policy.body_bytes_max}"
        return denied(NAME, callout, compiled.revision, Reason.REQUEST_TOO_LARGE, detail)
    deadline = _deadline(callout, rules, seconds)
    case = Case(callout.workload, compiled.revision, rules, questions, means, deadline)
    if is_stream(callout):
        return await _judge_stream(callout, body, compiled, case)
    found = _read_whole(callout, body, compiled, case)
    if isinstance(found, Verdict):
        return found
    try:
        return _from_hits(callout, compiled, rules, await hits_in(case, found))
    except (JudgeError, TooMuch) as error:
        return _without_hits(callout, compiled, rules, error)


def _unjudgeable(callout: Callout, compiled: JudgedPolicy | None) -> Verdict:
    if compiled is None:
        return unknown_policy(NAME, callout)
    detail = f"the policy {callout.policy} has no judge section"
    return denied(NAME, callout, compiled.revision, Reason.POLICY_UNKNOWN, detail)


def _deadline(callout: Callout, rules: Judge, seconds: float) -> Deadline:
    waited = max(callout.deadline_ms / 1000 - seconds, 0.0)
    return Deadline.after(min(seconds, rules.timeout_ms / 1000), waited)


def _read_whole(
    callout: Callout, body: bytes, compiled: JudgedPolicy, case: Case
) -> list[Piece] | Verdict:
    """What is to be judged of a message that came in one piece; its verdict where nothing is."""
    rules = case.rules
    deny_unreadable = compiled.policy.unreadable is Unreadable.DENY
    message = open_message(NAME, callout, body, case.revision, deny_unreadable=deny_unreadable)
    if isinstance(message, Verdict):
        return message
    pieces = pieces_of(message.segments)
    if not pieces:
        return _allow(callout, compiled, Reason.MESSAGE_EMPTY)
    if rules.sample < 1 and case.means.chance() >= rules.sample:
        return _allow(callout, compiled, Reason.JUDGE_SKIPPED)
    return pieces


async def _judge_stream(
    callout: Callout, body: bytes, compiled: JudgedPolicy, case: Case
) -> Verdict:
    """The verdict on one window of a streamed answer; one without a position is all of it."""
    if callout.content_encoding not in ("", "identity"):
        detail = "the stream is compressed; its windows cannot be read"
        return denied(NAME, callout, case.revision, Reason.REQUEST_MALFORMED, detail)
    final = callout.stream is None or callout.stream.final
    window = read_window(body, opened(callout, case.means.seals), final=final)
    if window.unreadable and compiled.policy.unreadable is Unreadable.DENY:
        detail = "it holds images, sound, files or references"
        return denied(NAME, callout, case.revision, Reason.MESSAGE_UNREADABLE, detail)
    if window.empty:
        verdict = _allow(callout, compiled, Reason.MESSAGE_EMPTY)
    elif case.rules.sample < 1 and _lot(callout, case) >= case.rules.sample:
        verdict = _allow(callout, compiled, Reason.JUDGE_SKIPPED)
    else:
        try:
            hits = await hits_in_new(case, window.pieces)
            verdict = _from_hits(callout, compiled, case.rules, hits)
        except (JudgeError, TooMuch) as error:
            verdict = _without_hits(callout, compiled, case.rules, error)
    if verdict.decision is Decision.DENY:
        return verdict
    state = sealed(window.heard, callout, case.means.seals)
    return verdict.model_copy(update={"keep": window.kept, "state": state, "cache_seconds": 0})


def _lot(callout: Callout, case: Case) -> float:
    """A number from 0 to 1 that is the same for all windows of a stream, and nobody can foresee."""
    digest = case.means.memory.digest("sample", identity(callout).hex())
    return int.from_bytes(digest[:8], "big") / 2**64


def _without_hits(
    callout: Callout, compiled: JudgedPolicy, rules: Judge, error: JudgeError | TooMuch
) -> Verdict:
    if isinstance(error, TooMuch):
        return denied(NAME, callout, compiled.revision, Reason.REQUEST_TOO_LARGE, str(error))
    reason = error.failure.reason
    if _passes_unjudged(rules):
        return _allow(callout, compiled, reason)
    detail = f"{error.failure}: {REASONS[reason].meaning}"
    return denied(NAME, callout, compiled.revision, reason, detail)


def _passes_unjudged(rules: Judge) -> bool:
    return rules.on_error is OnError.ALLOW or rules.mode is JudgeMode.MONITOR


def _from_hits(
    callout: Callout, compiled: JudgedPolicy, rules: Judge, hits: Sequence[Hit]
) -> Verdict:
    if not hits:
        return _allow(callout, compiled, Reason.JUDGE_CLEARED)
    ranked = sorted(hits, key=lambda hit: (hit.denies, hit.confidence), reverse=True)
    findings: dict[str, Finding] = {}
    for hit in ranked:
        findings.setdefault(hit.category.id, _finding(hit))
    worst, found = ranked[0], tuple(findings.values())
    if not worst.denies or rules.mode is JudgeMode.MONITOR:
        return _allow(callout, compiled, Reason.JUDGE_MONITORED, found)
    detail = f"{worst.category.id}: {worst.why}"
    return denied(NAME, callout, compiled.revision, Reason.JUDGE_FLAGGED, detail, found)


def _finding(hit: Hit) -> Finding:
    return Finding(
        rule=hit.category.id,
        category=hit.category.id,
        severity=Severity.HIGH if hit.denies else Severity.MEDIUM,
        view="judge",
        confidence=hit.confidence,
    )


def _allow(
    callout: Callout,
    compiled: JudgedPolicy,
    reason: Reason,
    findings: tuple[Finding, ...] = (),
) -> Verdict:
    judged = reason in (Reason.JUDGE_CLEARED, Reason.MESSAGE_EMPTY)
    seconds = compiled.policy.cache_seconds if judged else 0
    return _allowed(callout.phase, callout.policy, compiled.revision, reason, findings, seconds)


@lru_cache(maxsize=1024)
def _allowed(
    phase: Phase,
    policy: str,
    revision: str,
    reason: Reason,
    findings: tuple[Finding, ...],
    cache_seconds: int,
) -> Verdict:
    """The verdict; most are the same as one before."""
    return Verdict(
        check=NAME,
        phase=phase,
        policy=policy,
        revision=revision,
        decision=Decision.ALLOW,
        reason=reason,
        findings=findings,
        cache_seconds=cache_seconds,
    )
