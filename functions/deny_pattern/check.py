"""Judges a message by the rules of a policy: pure, no clock, environment or network.

    body ──read──▶ segments ──▶ readings ──Matcher──▶ hits ──▶ findings ──▶ Verdict

The message is denied when a rule with `action: deny` matches, and with `action: mask` too, since
masking is not built yet; rules with `action: monitor` only leave their findings.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from functions.policy import PolicyFile, PolicySource, Rule, RuleAction, Unreadable
from functions.policy import engine as engines
from functions.prompt import (
    Message,
    Reading,
    Segment,
    View,
    denied,
    normalise,
    open_message,
    readings,
    unknown_policy,
)
from functions.verdict import Callout, Decision, Finding, Phase, Reason, Verdict
from functions.verdict.models import FINDINGS_MAX

NAME: Final = "deny-pattern"
ENGINE: Final = f"{engines.VERSION}, unicode {unicodedata.unidata_version}"
"""What a verdict depends on besides the policy."""
_PLAIN_VIEWS: Final = ("plain", "normalised")
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
    for segment, reading in _readings(message):
        for hit in compiled.matcher.hits(reading.text.text):
            rule = compiled.policy.rules[hit.rule]
            found = monitored if rule.action is RuleAction.MONITOR else denying
            if (
                rule.phase.covers(phase)
                and len(found) < FINDINGS_MAX
                and not _told(rule, segment, reading, found)
            ):
                found.append((rule, _finding(rule, segment, reading, hit)))
        if len(denying) == FINDINGS_MAX:
            break
    return denying + monitored


def _readings(message: Message) -> Iterator[tuple[Segment, Reading]]:
    for segment in message.segments:
        for reading in readings(segment.text):
            yield segment, reading


def _told(
    rule: Rule, segment: Segment, reading: Reading, found: list[tuple[Rule, Finding]]
) -> bool:
    """Whether the same text has been found already: plainer, or in a part of which this is made."""
    told = [finding.pointer for each, finding in found if each is rule]
    if segment.view is View.JOINED:
        return any(pointer.startswith(segment.pointer + "/") for pointer in told)
    if segment.view is View.INNER or reading.view not in _PLAIN_VIEWS:
        return segment.pointer in told
    return False


def _finding(rule: Rule, segment: Segment, reading: Reading, hit: engines.Hit) -> Finding:
    plain = segment.view is View.PLAIN
    # Elsewhere a span would name characters of a text that the body does not hold.
    start, end = reading.text.span(hit.start, hit.end) if plain else (0, 0)
    views = [] if plain else [segment.view.value]
    if plain or reading.view not in _PLAIN_VIEWS:
        views.append(reading.view)
    return Finding(
        rule=rule.id,
        category=rule.category,
        severity=rule.severity,
        pointer=segment.pointer,
        start=start,
        end=end,
        view=".".join(views),
    )


def _fold(text: str) -> str:
    return normalise(text).text
