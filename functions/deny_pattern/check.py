"""Judges a message by the rules of a policy: pure, no clock, environment or network.

    body ──read──▶ segments ──normalise──▶ text ──Matcher──▶ finds ──▶ findings ──▶ Verdict

The strictest action of all rules that hit decides. A rule with `action: mask` denies for now, since
masking is not built yet; rules with `action: monitor` only leave their findings.
"""

from typing import Final

from functions.deny_pattern.compiled import ENGINE, CompiledPolicy, compile_policy
from functions.deny_pattern.finds import finds
from functions.policy import RuleAction, Unreadable
from functions.prompt import denied, open_message, unknown_policy
from functions.verdict import Callout, Decision, Reason, Verdict
from functions.verdict.models import FINDINGS_MAX

__all__ = ["ENGINE", "NAME", "CompiledPolicy", "compile_policy", "judge"]

NAME: Final = "deny-pattern"


def judge(callout: Callout, body: bytes, compiled: CompiledPolicy | None) -> Verdict:
    """The verdict on one message; `compiled` is the callout's policy, None where there is none."""
    if compiled is None:
        return unknown_policy(NAME, callout)
    revision, policy = compiled.revision, compiled.policy
    if len(body) > policy.body_bytes_max:
        detail = f"it has {len(body)} bytes, and the policy takes {policy.body_bytes_max}"
        return denied(NAME, callout, revision, Reason.REQUEST_TOO_LARGE, detail)
    deny_unreadable = policy.unreadable is Unreadable.DENY
    message = open_message(NAME, callout, body, revision, deny_unreadable=deny_unreadable)
    if isinstance(message, Verdict):
        return message
    found = finds(message, compiled, callout.phase)
    findings = tuple(each.finding() for each in found[:FINDINGS_MAX])
    if found and found[0].rule.action is not RuleAction.MONITOR:
        rule = found[0].rule
        detail = f"rule {rule.id}: {rule.message}"
        return denied(NAME, callout, revision, Reason.RULE_MATCHED, detail, findings)
    if message.empty:
        reason = Reason.MESSAGE_EMPTY
    else:
        reason = Reason.RULE_MONITORED if findings else Reason.RULE_NONE
    return Verdict(
        check=NAME,
        phase=callout.phase,
        policy=callout.policy,
        revision=revision,
        decision=Decision.ALLOW,
        reason=reason,
        findings=findings,
        cache_seconds=policy.cache_seconds,
    )
