"""Judges a message by the rules of a policy: pure, no clock, environment or network.

    body ──read──▶ segments ──normalise──▶ text ──Matcher──▶ hits ──▶ findings ──▶ Verdict

The message is denied when a rule with `action: deny` matches, and with `action: mask` too, since
masking is not built yet; rules with `action: monitor` only leave their findings.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

from functions.policy import PolicyFile, PolicySource, Rule, RuleAction, Unreadable
from functions.policy import engine as engines
from functions.prompt import (
    Message,
    Segment,
    View,
    denied,
    normalise,
    open_message,
    unknown_policy,
)
from functions.verdict import Callout, Decision, Finding, Phase, Reason, Verdict
from functions.verdict.models import FINDINGS_MAX

NAME: Final = "deny-pattern"
ENGINE: Final = f"{engines.VERSION}, unicode {unicodedata.unidata_version}"
"""What a verdict depends on besides the policy."""
_SHOWN_CHARS: Final = 60
"""Of an example in an error: enough to find it in its file."""


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy ready to judge by."""

    policy: PolicyFile
    revision: str
    matcher: engines.Matcher


def compile_policy(source: PolicySource, revision: str) -> CompiledPolicy:
    """Compile a policy's rules and hold each to its own examples.

    Raises `PolicyError` for a pattern that an engine refuses and for an example that does not do
    what it says.
    """
    rules = source.policy.rules
    try:
        matcher = engines.Matcher(rules, _fold)
    except engines.PatternError as error:
        raise source.error(error.rule, str(error)) from None
    for index, rule in enumerate(rules):
        complaint = _complaint(matcher, index, rule)
        if complaint:
            raise source.error(index, complaint)
    return CompiledPolicy(source.policy, revision, matcher)


def _complaint(matcher: engines.Matcher, index: int, rule: Rule) -> str:
    """The first example of a rule that does not do what it says, empty where all do."""
    examples = [("find", each) for each in rule.examples.find]
    examples += [("pass", each) for each in rule.examples.pass_]
    for kind, example in examples:
        found = any(hit.rule == index for hit in matcher.hits(_fold(example)))
        if found != (kind == "find"):
            said = "is found, and must not be" if found else "is not found"
            return f"examples.{kind}: {example[:_SHOWN_CHARS]!r} {said}"
    return ""


def judge(callout: Callout, body: bytes, compiled: CompiledPolicy | None) -> Verdict:
    """The verdict on one message; `compiled` is the callout's policy, None where there is none."""
    if compiled is None:
        return unknown_policy(NAME, callout)
    revision, policy = compiled.revision, compiled.policy
    deny_unreadable = policy.unreadable is Unreadable.DENY
    message = open_message(NAME, callout, body, revision, deny_unreadable=deny_unreadable)
    if isinstance(message, Verdict):
        return message
    hits = _hits(message, compiled, callout.phase)
    findings = tuple(finding for _, finding in hits[:FINDINGS_MAX])
    if hits and hits[0][0].action is not RuleAction.MONITOR:
        rule = hits[0][0]
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


def _hits(message: Message, compiled: CompiledPolicy, phase: Phase) -> list[tuple[Rule, Finding]]:
    """What the rules of this phase find, denying rules first, at most `FINDINGS_MAX` of each."""
    denying: list[tuple[Rule, Finding]] = []
    monitored: list[tuple[Rule, Finding]] = []
    for segment in message.segments:
        normalised = normalise(segment.text)
        for hit in compiled.matcher.hits(normalised.text):
            rule = compiled.policy.rules[hit.rule]
            found = monitored if rule.action is RuleAction.MONITOR else denying
            if (
                rule.phase.covers(phase)
                and len(found) < FINDINGS_MAX
                and not _told(rule, segment, found)
            ):
                span = normalised.span(hit.start, hit.end)
                found.append((rule, _finding(rule, segment, span, normalised.text)))
        if len(denying) == FINDINGS_MAX:
            break
    return denying + monitored


def _told(rule: Rule, segment: Segment, found: list[tuple[Rule, Finding]]) -> bool:
    """Whether the same text has been found already, in one of the parts of which this is made."""
    match segment.view:
        case View.INNER:
            return any(each is rule and told.pointer == segment.pointer for each, told in found)
        case View.JOINED:
            parts = segment.pointer + "/"
            return any(each is rule and told.pointer.startswith(parts) for each, told in found)
        case _:
            return False


def _finding(rule: Rule, segment: Segment, span: tuple[int, int], normalised: str) -> Finding:
    plain = segment.view is View.PLAIN
    # Elsewhere a span would name characters of a text that the body does not hold.
    start, end = span if plain else (0, 0)
    return Finding(
        rule=rule.id,
        category=rule.category,
        severity=rule.severity,
        pointer=segment.pointer,
        start=start,
        end=end,
        view="normalised" if plain and normalised != segment.text else segment.view,
    )


def _fold(text: str) -> str:
    return normalise(text).text
