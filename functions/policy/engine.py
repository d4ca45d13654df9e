"""The matcher: hyperscan says which rules hit, RE2 says where.

    text ──hyperscan (one pass, all rules)──▶ rule numbers ──RE2 (those rules)──▶ spans

Both engines run in linear time. A pattern has to be accepted by both, so look-around and
back-references are refused when a policy is loaded. Where hyperscan hits and RE2 finds no span, the
hit stands, with an empty span: a miss would be worse than a finding without a place.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import hyperscan
import re2

from functions.policy.rule import Match, Rule

VERSION: Final = f"hyperscan {hyperscan.__version__}"  # type: ignore[attr-defined]
"""Part of a policy's revision: another engine may find otherwise."""

# SINGLEMATCH: a rule reports once, which is all that is asked. Never UCP (seconds a rule) nor
# start-of-match (a twentieth of the speed).
_FLAGS: Final = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_UTF8


class PatternError(Exception):
    """A pattern that one of the engines refuses. `rule` is its rule's index in the policy."""

    def __init__(self, rule: int, what: str) -> None:
        super().__init__(what)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that matched: its index in the policy, and the span in characters of the text."""

    rule: int
    start: int
    end: int


class Matcher:
    """All rules of one policy, compiled. Safe to use from several threads.

    `fold` is what the texts to match go through as well; words are folded alike, or a word that
    is written in full-width letters could never be found. Raises `PatternError`.
    """

    def __init__(self, rules: Sequence[Rule], fold: Callable[[str], str]) -> None:
        patterns = [_pattern(index, rule.match, fold) for index, rule in enumerate(rules)]
        self._finders = [_finder(index, pattern) for index, pattern in enumerate(patterns)]
        self._database = _compile(patterns) if patterns else None
        self._local = threading.local()

    def hits(self, text: str) -> Iterator[Hit]:
        """The rules that match `text`, each once, in the order of the policy."""
        if self._database is None or not text:
            return
        found: list[int] = []
        self._database.scan(
            text.encode("utf-8"),
            match_event_handler=lambda number, *_: found.append(number),
            scratch=self._scratch(),
        )
        for number in sorted(set(found)):
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


def _pattern(index: int, match: Match, fold: Callable[[str], str]) -> str:
    words = [fold(word) for word in match.words]
    if not all(word.strip() for word in words):
        raise PatternError(index, "match.words: a word consists of invisible characters only")
    alternatives = [re2.escape(word) for word in words]
    if match.regex is not None:
        alternatives.insert(0, f"(?:{match.regex})")
    # A group, so that what the regular expression says of itself ends with it.
    return f"(?{'i' if match.ignore_case else ''}:{'|'.join(alternatives)})"


def _finder(index: int, pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        hint = "; look-around and back-references do not exist here" if "(?" in reason else ""
        raise PatternError(index, f"match.regex: RE2 refuses it: {reason}{hint}") from None


def _compile(patterns: Sequence[str]) -> hyperscan.Database:
    database = hyperscan.Database()
    try:
        database.compile(
            expressions=[pattern.encode("utf-8") for pattern in patterns],
            ids=list(range(len(patterns))),
            flags=[_FLAGS] * len(patterns),
        )
    except hyperscan.HyperscanError:
        raise _refused(patterns) from None
    return database


def _refused(patterns: Sequence[str]) -> PatternError:
    """Which pattern hyperscan refuses; it does not say for a set."""
    for index, pattern in enumerate(patterns):
        try:
            hyperscan.Database().compile(expressions=[pattern.encode()], ids=[0], flags=[_FLAGS])
        except hyperscan.HyperscanError as error:
            return PatternError(index, f"match.regex: hyperscan refuses it: {error}")
    return PatternError(len(patterns) - 1, "hyperscan refuses the rules together: too many of them")
