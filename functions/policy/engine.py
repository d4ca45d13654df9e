"""The matcher: hyperscan says which rules hit, RE2 says where.

    text ──hyperscan (one pass, all rules)──▶ rule numbers ──RE2 (those rules)──▶ spans

Both engines run in linear time. A pattern has to be accepted by both, so look-around and
back-references are refused when a policy is loaded. Where hyperscan hits and RE2 finds no span, the
hit stands, with an empty span: a miss would be worse than a finding without a place.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import hyperscan
import re2

from functions.policy.model import Rule

# SINGLEMATCH: a rule reports once, which is all that is asked. Never UCP (seconds a rule) nor
# start-of-match (a twentieth of the speed).
_FLAGS = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_UTF8


class PatternError(Exception):
    """A pattern that one of the engines refuses; the message names rule and reason."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matched: its index in the policy, and the span in characters of the text."""

    rule: int
    start: int
    end: int


class Matcher:
    """All rules of one policy, compiled. Safe to use from several threads."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        patterns = [_pattern(rule) for rule in rules]
        self._finders = [_re2(rule, pattern) for rule, pattern in zip(rules, patterns, strict=True)]
        self._database = _compile(rules, patterns) if rules else None
        self._local = threading.local()

    def hits(self, text: str) -> Iterator[Hit]:
        """The rules that match `text`, each once, in no particular order."""
        if self._database is None or not text:
            return
        found: list[int] = []
        self._database.scan(
            text.encode("utf-8"),
            match_event_handler=lambda number, *_: found.append(number),
            scratch=self._scratch(),
        )
        for number in dict.fromkeys(found):
            match = self._finders[number].search(text)
            start, end = match.span() if match else (0, 0)
            yield Hit(number, start, end)

    def _scratch(self) -> hyperscan.Scratch:
        """This thread's scratch space; a shared one gives wrong answers."""
        scratch = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = hyperscan.Scratch(self._database)
            self._local.scratch = scratch
        return scratch


def _pattern(rule: Rule) -> str:
    words = [re2.escape(word) for word in rule.match.words]
    return "|".join([*([f"(?:{rule.match.regex})"] if rule.match.regex else []), *words])


def _re2(rule: Rule, pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        raise PatternError(f"rule {rule.id}: RE2 refuses the pattern: {reason}") from None


def _compile(rules: Sequence[Rule], patterns: Sequence[str]) -> hyperscan.Database:
    database = hyperscan.Database()
    try:
        database.compile(
            expressions=[pattern.encode("utf-8") for pattern in patterns],
            ids=list(range(len(patterns))),
            flags=[_FLAGS] * len(patterns),
        )
    except hyperscan.HyperscanError:
        raise PatternError(_refused_alone(rules, patterns)) from None
    return database


def _refused_alone(rules: Sequence[Rule], patterns: Sequence[str]) -> str:
    """Which rule hyperscan refuses; it does not say for a set."""
    for rule, pattern in zip(rules, patterns, strict=True):
        try:
            hyperscan.Database().compile(expressions=[pattern.encode()], ids=[0], flags=[_FLAGS])
        except hyperscan.HyperscanError as error:
            return f"rule {rule.id}: hyperscan refuses the pattern: {error}"
    return "hyperscan refuses the rules together; they may be too many"
