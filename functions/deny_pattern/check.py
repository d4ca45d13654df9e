"""Judges a message by the rules of a policy: pure, no clock, environment or network.

    body ──read──▶ segments ──normalise──▶ text ──Matcher──▶ hits ──▶ findings ──▶ Verdict

The message is denied when a rule with `action: deny` matches; rules with `action: monitor` only
leave their findings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from functions.policy import PolicyError, PolicyFile, RuleAction, Unreadable
from functions.policy.engine import Matcher, PatternError
from functions.prompt import (
    Message,
    Segment,
    View,
    denied,
    normalise,
    open_message,
    unknown_policy,
)
from functions.verdict import Callout, Decision, Finding, Reason, Verdict
from functions.verdict.models import FINDINGS_MAX

NAME: Final = "deny-pattern"


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy ready to judge by."""

    policy: PolicyFile
    revision: str
    matcher: Matcher


def compile_policy(policy: PolicyFile, revision: str) -> CompiledPolicy:
    """Compile a policy's rules and hold each to its own examples.

    Raises `PolicyError` for a pattern that an engine refuses and for an example that does not do
    what it says.
    """
    try:
        matcher = Matcher(policy.rules)
    except PatternError as error:
        raise PolicyError(f"{policy.policy}: {error}") from None
    for index, rule in enumerate(policy.rules):
        for found, examples in ((True, rule.examples.find), (False, rule.examples.pass_)):
            for number, example in enumerate(examples, start=1):
                hits = {hit.rule for hit in matcher.hits(normalise(example).text)}
                if (index in hits) is not found:
                    kind = "find" if found else "pass"
                    said = "is not found" if found else "is found"
                    raise PolicyError(
                        f"{policy.policy}: rule {rule.id}: examples.{kind} number {number} {said}"
                    )
    return CompiledPolicy(policy, revision, matcher)


def judge(callout: Callout, body: bytes, compiled: CompiledPolicy | None) -> Verdict:
    """The verdict on one message; `compiled` is the callout's policy, None where there is none."""
    if compiled is None:
        return unknown_policy(NAME, callout)
    revision, policy = compiled.revision, compiled.policy
    deny_unreadable = policy.unreadable is Unreadable.DENY
    message = open_message(NAME, callout, body, revision, deny_unreadable=deny_unreadable)
    if isinstance(message, Verdict):
        return message
    findings = tuple(_findings(message, compiled))[:FINDINGS_MAX]
    rules = {rule.id: rule for rule in policy.rules}
    denying = [each for each in findings if rules[each.rule].action is RuleAction.DENY]
    if denying:
        rule = rules[denying[0].rule]
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


def _findings(message: Message, compiled: CompiledPolicy) -> Iterator[Finding]:
    """Denying rules first, so that a cut list keeps them."""
    found = [each for segment in message.segments for each in _in_segment(segment, compiled)]
    rules = compiled.policy.rules
    actions = {rule.id: rule.action for rule in rules}
    yield from sorted(found, key=lambda each: actions[each.rule] is not RuleAction.DENY)


def _in_segment(segment: Segment, compiled: CompiledPolicy) -> Iterator[Finding]:
    normalised = normalise(segment.text)
    for hit in compiled.matcher.hits(normalised.text):
        rule = compiled.policy.rules[hit.rule]
        start, end = normalised.span(hit.start, hit.end)
        yield Finding(
            rule=rule.id,
            category=rule.category,
            severity=rule.severity,
            pointer=segment.pointer[:1024],
            # Elsewhere a span would name characters of a text that the body does not hold.
            start=start if segment.view is View.PLAIN else 0,
            end=end if segment.view is View.PLAIN else 0,
            view=segment.view,
        )
