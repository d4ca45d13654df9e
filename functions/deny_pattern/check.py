"""Judges a message by the rules of a policy: pure, no clock, environment or network.

    body ──read──▶ segments ──▶ readings ──Matcher──▶ finds ──▶ findings ──▶ Verdict
                                                        └─ to mask ──▶ new body, read again

The strictest action of all rules that hit decides: deny, then mask, then monitor, which only leaves
its findings. A masked message is read once more, and denied if a rule still hits: whatever could
not be masked, for whatever reason, does not pass.
"""

from collections.abc import Mapping
from typing import Final

from functions.deny_pattern.compiled import ENGINE, NAME, CompiledPolicy, compile_policy
from functions.deny_pattern.finds import NO_STRINGS, Found, findings, finds
from functions.deny_pattern.masking import masked
from functions.deny_pattern.memory import Memory, Sealing, opened, sealed
from functions.deny_pattern.restoring import restored
from functions.deny_pattern.stream_check import judge_stream
from functions.policy import RuleAction, Unreadable
from functions.prompt import (
    CannotEdit,
    Message,
    TooLarge,
    denied,
    is_stream,
    open_message,
    read,
    unknown_policy,
)
from functions.verdict import Callout, Decision, Phase, Reason, Verdict

__all__ = ["ENGINE", "NAME", "CompiledPolicy", "compile_policy", "judge"]

_JSON: Final = "application/json"
_STAYS: Final = "still finds something where no string can be changed"


def judge(
    callout: Callout, body: bytes, compiled: CompiledPolicy | None, sealing: Sealing
) -> Verdict:
    """The verdict on one message; `compiled` is the callout's policy, None where there is none."""
    if compiled is None:
        return unknown_policy(NAME, callout)
    bytes_max = compiled.policy.body_bytes_max
    if len(body) > bytes_max:
        detail = f"it has {len(body)} bytes, and the policy takes {bytes_max}"
        return denied(NAME, callout, compiled.revision, Reason.REQUEST_TOO_LARGE, detail)
    judge_it = judge_stream if is_stream(callout) else _judge_whole
    try:
        return judge_it(callout, body, compiled, sealing)
    except TooLarge as error:
        reason = Reason.REQUEST_TOO_LARGE
        return denied(NAME, callout, compiled.revision, reason, str(error))


def _judge_whole(
    callout: Callout, body: bytes, compiled: CompiledPolicy, sealing: Sealing
) -> Verdict:
    """The verdict on a message that came in one piece."""
    revision, policy = compiled.revision, compiled.policy
    deny_unreadable = policy.unreadable is Unreadable.DENY
    message = open_message(NAME, callout, body, revision, deny_unreadable=deny_unreadable)
    if isinstance(message, Verdict):
        return message
    found = finds(message, compiled, callout.phase)
    if found and found[0].rule.action is RuleAction.DENY:
        return _denied(callout, compiled, found)
    if found or callout.state:
        changed = _changed(callout, message, found, compiled, sealing)
        if changed is not None:
            return changed
    if message.empty:
        reason = Reason.MESSAGE_EMPTY
    else:
        reason = Reason.RULE_MONITORED if found else Reason.RULE_NONE
    return _allowed(callout, compiled, reason, found)


def _allowed(
    callout: Callout, compiled: CompiledPolicy, reason: Reason, found: list[Found]
) -> Verdict:
    """The verdict that lets a message through as it is; without finds it is made once."""
    key = (callout.phase, callout.policy, reason)
    verdict = None if found else compiled.allowances.get(key)
    if verdict is None:
        verdict = Verdict(
            check=NAME,
            phase=callout.phase,
            policy=callout.policy,
            revision=compiled.revision,
            decision=Decision.ALLOW,
            reason=reason,
            findings=findings(found),
            cache_seconds=compiled.policy.cache_seconds,
        )
        if not found:
            compiled.allowances[key] = verdict
    return verdict


def _changed(
    callout: Callout,
    message: Message,
    found: list[Found],
    compiled: CompiledPolicy,
    sealing: Sealing,
) -> Verdict | None:
    """The verdict with the message masked, and restored in a response; None where nothing is."""
    to_mask = [each for each in found if each.rule.action is RuleAction.MASK]
    memory = opened(callout, sealing) if callout.phase is Phase.RESPONSE else Memory()
    restorable: Mapping[str, str] = {}
    try:
        if to_mask:
            message, restorable = _masked(callout, message, to_mask, compiled, memory)
        body = restored(message, memory.values)
    except CannotEdit as error:
        detail = f"rule {to_mask[0].rule.id}: {error}" if to_mask else str(error)
        reason = Reason.MASK_IMPOSSIBLE
        return denied(NAME, callout, compiled.revision, reason, detail, findings(found))
    if not to_mask and body == (message.json or b""):
        return None
    return Verdict(
        check=NAME,
        phase=callout.phase,
        policy=callout.policy,
        revision=compiled.revision,
        decision=Decision.MASK,
        reason=Reason.RULE_MATCHED if to_mask else Reason.MASK_RESTORED,
        findings=findings(found),
        state=sealed(Memory(restorable), callout, sealing),
        content_type=callout.content_type or _JSON,
        body=body.decode("utf-8"),
    )


def _masked(
    callout: Callout,
    message: Message,
    to_mask: list[Found],
    compiled: CompiledPolicy,
    memory: Memory,
) -> tuple[Message, Mapping[str, str]]:
    """The message masked and read once more, and what its placeholders stand for.

    Raises `CannotEdit` where it cannot be masked, or a rule still finds something.
    """
    if message.json is None:
        raise CannotEdit("only JSON can be masked, and not a path")
    stays = next((each for each in to_mask if each.segment.view in NO_STRINGS), None)
    if stays is not None:
        raise CannotEdit(f"{stays.rule.id} {_STAYS}")
    done = masked(message.json, to_mask, memory.values)
    path = callout.path if callout.phase is Phase.REQUEST else ""
    again = read(done.body, callout.content_type, "", path)
    left = finds(again, compiled, callout.phase)
    if left and left[0].rule.action is not RuleAction.MONITOR:
        raise CannotEdit(f"{left[0].rule.id} {_STAYS}")
    return again, done.restorable if callout.phase is Phase.REQUEST else {}


def _denied(callout: Callout, compiled: CompiledPolicy, found: list[Found]) -> Verdict:
    rule = found[0].rule
    detail = f"rule {rule.id}: {rule.message}"
    reason = Reason.RULE_MATCHED
    return denied(NAME, callout, compiled.revision, reason, detail, findings(found))
