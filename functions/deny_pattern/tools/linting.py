"""`lint`: what loads, and is still likely to be a mistake.

{"folder", "policy"}   → {"policy", "rule", "place", "code", "what"} for each

case            words in small letters that are not found with a capital
common          everyday sentences are found
redundant-word  a word that another word of the rule finds as well
restore         asks for values back that nothing masks
selector        a glob that no call can fit
shadowed        another rule denies all that this one would mask or let through
wide            a find to mask may take the rest of the text
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from functions.deny_pattern.compiled import forms
from functions.deny_pattern.tools.everyday import SENTENCES
from functions.deny_pattern.tools.folders import chosen
from functions.deny_pattern.tools.testing import matcher_of
from functions.policy import PolicySource, Rule, RuleAction, RulePhase, Select, load
from functions.policy.engine import Matcher
from functions.prompt.readings import readings

# One of `.`, a set or a group, repeated without a bound.
_UNBOUNDED: Final = re.compile(r"(?<!\\)(?:\\\\)*[.\])](?:\*|\+|\{[0-9]+,\})")


@dataclass(frozen=True, slots=True)
class Remark:
    """What is likely to be wrong, and with which rule; without one it is about the policy."""

    code: str
    what: str
    rule: int | None = None


def lint(requests: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A line for each remark, and one without a code for each policy that was looked at."""
    request = next(requests)
    for path in chosen(Path(request["folder"]), request["policy"]):
        source = load(path)
        policy = source.policy
        for each in remarks(source):
            named = {"rule": "", "place": source.file}
            if each.rule is not None:
                named = {"rule": policy.rules[each.rule].id, "place": source.places[each.rule]}
            yield {"policy": policy.policy, **named, "code": each.code, "what": each.what}
        yield {"policy": policy.policy, "code": "", "rules": len(policy.rules)}


def remarks(source: PolicySource) -> Iterator[Remark]:
    """All remarks on a policy. Raises `PolicyError` where it cannot be compiled."""
    matcher, rules = matcher_of(source), source.policy.rules
    if source.policy.select is not None:
        yield from _selectors(source.policy.select)
    found = [_found_by(matcher, rule.examples.find) for rule in rules]
    for index, rule in enumerate(rules):
        for code, what in _of_rule(rule):
            yield Remark(code, what, index)
        other = _shadow(index, rules, found[index])
        if other is not None:
            what = f"the rule {rules[other].id} denies every one of its examples as well"
            yield Remark("shadowed", what, index)
    for sentence in SENTENCES:
        for index in sorted(_found_by(matcher, [sentence])):
            if rules[index].action is not RuleAction.MONITOR:
                what = f"finds something in {sentence!r}; narrow it, or begin with action: monitor"
                yield Remark("common", what, index)


def _of_rule(rule: Rule) -> Iterator[tuple[str, str]]:
    match = rule.match
    for word in match.words:
        small = word.isascii() and word.islower() and not match.ignore_case
        if small and word.capitalize() not in match.words:
            yield "case", f"{word} is not found as {word.capitalize()}; set ignore_case: true"
    yield from _redundant(match.words)
    if rule.action is RuleAction.MASK and match.regex and _UNBOUNDED.search(match.regex):
        yield "wide", "a find may take the rest of the text; bound its repetitions, as in {0,40}"
    if rule.mask and rule.mask.restore and rule.phase is RulePhase.RESPONSE:
        yield "restore", "answers get back what the request masked, and this rule reads no request"


def _redundant(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    read = {word: forms(word) for word in words}

    def finds(word: str, other: str) -> bool:
        return any(form in reading for form in read[word] for reading in read[other])

    for number, word in enumerate(words):
        for place, other in enumerate(words):
            # Of two words that find each other, the first one stays.
            stays = place < number or not finds(word, other)
            if word != other and finds(other, word) and stays:
                yield "redundant-word", f"{other} finds {word} as well; leave {word} out"
                break


def _shadow(index: int, rules: Sequence[Rule], found: set[int]) -> int | None:
    """A rule that denies whatever this one would let through, as far as its examples tell."""
    if rules[index].action is RuleAction.DENY:
        return None
    for other in sorted(found - {index}):
        rule = rules[other]
        covers = rule.phase in (RulePhase.BOTH, rules[index].phase)
        everywhere = not (rule.scope.roles or rule.scope.parts)
        if rule.action is RuleAction.DENY and covers and everywhere:
            return other
    return None


def _found_by(matcher: Matcher, texts: Sequence[str]) -> set[int]:
    """The rules that find something in each of `texts`."""
    found = [
        {hit.rule for reading in readings(text) for hit in matcher.hits(reading.text.text)}
        for text in texts
    ]
    return set.intersection(*found)


def _selectors(select: Select) -> Iterator[Remark]:
    for host in select.hosts:
        if host != host.rstrip(".") or "/" in host or ":" in host:
            what = f"select.hosts: {host} fits no call; write the host alone, no port and no scheme"
            yield Remark("selector", what)
    for path in select.paths:
        if not path.startswith(("/", "*", "?")):
            yield Remark("selector", f"select.paths: {path} fits no call; paths begin with /")
    for workload in select.workloads:
        if "/" not in workload and "*" not in workload:
            what = f"select.workloads: {workload} fits no call; workloads are namespace/name"
            yield Remark("selector", what)
