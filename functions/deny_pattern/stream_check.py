"""The verdict on one window of a streamed answer, or on a streamed answer that came whole."""

from functions.deny_pattern.compiled import NAME, CompiledPolicy
from functions.deny_pattern.finds import findings
from functions.deny_pattern.memory import Sealing, opened, sealed
from functions.deny_pattern.streams import Window, judge_window
from functions.policy import RuleAction, Unreadable
from functions.prompt import STREAM_CONTENT_TYPE, CannotEdit, denied
from functions.verdict import Callout, Decision, Finding, Phase, Reason, Verdict


def judge_stream(
    callout: Callout, body: bytes, compiled: CompiledPolicy, sealing: Sealing
) -> Verdict:
    """The verdict on one window; one without a position is all of the stream."""
    revision = compiled.revision
    if callout.content_encoding not in ("", "identity"):
        detail = "the stream is compressed; its windows cannot be read"
        return denied(NAME, callout, revision, Reason.REQUEST_MALFORMED, detail)
    memory = opened(callout, sealing)
    final = callout.stream is None or callout.stream.final
    if not memory.values and not any(compiled.readers(Phase.RESPONSE, None, None)):
        return _let_through(callout, compiled, (), Reason.RULE_NONE)
    try:
        window = judge_window(body, compiled, memory, final=final)
    except CannotEdit as error:
        return denied(NAME, callout, revision, Reason.MASK_IMPOSSIBLE, str(error))
    return _told(callout, window, compiled, sealed(window.memory, callout, sealing))


def _told(callout: Callout, window: Window, compiled: CompiledPolicy, state: str | None) -> Verdict:
    """The verdict that says what `window` is."""
    revision, told = compiled.revision, findings(window.found)
    if window.found and window.found[0].rule.action is RuleAction.DENY:
        rule = window.found[0].rule
        detail = f"rule {rule.id}: {rule.message}"
        return denied(NAME, callout, revision, Reason.RULE_MATCHED, detail, told)
    if window.text.unreadable and compiled.policy.unreadable is Unreadable.DENY:
        detail = "it holds images, sound, files or references"
        return denied(NAME, callout, revision, Reason.MESSAGE_UNREADABLE, detail)
    if window.body is None:
        reason = _reason(window)
        return _let_through(callout, compiled, told, reason, window.kept, state)
    masks = any(each.rule.action is RuleAction.MASK for each in window.found)
    return Verdict(
        check=NAME,
        phase=callout.phase,
        policy=callout.policy,
        revision=revision,
        decision=Decision.MASK,
        reason=Reason.RULE_MATCHED if masks else Reason.MASK_RESTORED,
        findings=told,
        keep=window.kept,
        state=state,
        content_type=callout.content_type or STREAM_CONTENT_TYPE,
        body=window.body.decode("utf-8"),
    )


def _reason(window: Window) -> Reason:
    if window.found:
        return Reason.RULE_MONITORED
    return Reason.RULE_NONE if window.text.channels else Reason.MESSAGE_EMPTY


def _let_through(
    callout: Callout,
    compiled: CompiledPolicy,
    told: tuple[Finding, ...],
    reason: Reason,
    kept: int = 0,
    state: str | None = None,
) -> Verdict:
    return Verdict(
        check=NAME,
        phase=callout.phase,
        policy=callout.policy,
        revision=compiled.revision,
        decision=Decision.ALLOW,
        reason=reason,
        findings=told,
        keep=kept,
        state=state,
    )
