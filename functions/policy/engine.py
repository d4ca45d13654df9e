"""The matcher: hyperscan says which rules may hit, RE2 says where, conditions say whether.

    text ──hyperscan, one pass──▶ rules ─────────────────────────┬─RE2──▶ candidates
                              └─▶ keywords ──hyperscan──▶ rules ─┘           └─conditions──▶ hits

Both engines run in linear time. A pattern has to be accepted by both, so look-around and
back-references are refused when a policy is loaded. What cannot be decided counts as a hit, since a
miss would be worse: where hyperscan hits and RE2 finds no span, the hit has an empty span; where
there are more candidates than are looked at, the rest of the text is one hit.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import hyperscan

from functions.policy.compiling import compile_bounded
from functions.policy.finder import Finder, Outcome
from functions.policy.patterns import Forms, PatternError, patterns_of
from functions.policy.rule import Rule
from functions.policy.scanning import ForeignDatabase, Scanner, split

__all__ = ["VERSION", "ForeignDatabase", "Hit", "Look", "Matcher", "Outcome", "PatternError"]

VERSION: Final = f"hyperscan {hyperscan.__version__}, keywords first"  # type: ignore[attr-defined]
"""Part of a policy's revision: another engine may find otherwise."""
Compiler = Callable[[Sequence[str], int], bytes]
"""Makes one database of the first so many expressions, and one of each other one."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A find: its rule's index in the policy, and the span in characters of the text.

    `rest`: the span is the rest of the text, since it holds more candidates than are looked at.
    """

    rule: int
    start: int
    end: int
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What became of one candidate of a rule; the span is in characters of the text."""

    rule: int
    start: int
    end: int
    outcome: Outcome


class Matcher:
    """All rules of one policy, compiled. Safe to use from several threads.

    `serialised` is what `compiler` made of the same rules, where that is at hand. Raises
    `PatternError` for a rule that an engine refuses, and `ForeignDatabase`.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        forms: Forms,
        *,
        compiler: Compiler = compile_bounded,
        serialised: bytes | None = None,
    ) -> None:
        patterns = patterns_of(rules, forms)
        self._finders = [
            Finder(index, rule.match.valid, rule.match.near, patterns[index])
            for index, rule in enumerate(rules)
        ]
        self.rules = len(rules)
        self._owners = [index for index, each in enumerate(patterns) if not each.first]
        with_near = [index for index, each in enumerate(patterns) if each.first]
        expressions = [patterns[index].main for index in self._owners]
        expressions += [patterns[index].first for index in with_near]
        expressions += [patterns[index].main for index in with_near]
        self._owners += with_near
        self.serialised = b""
        self._first: Scanner | None = None
        self._second: dict[int, Scanner] = {}
        if expressions:
            if serialised is None:
                for each in self._finders:
                    each.compile()
                serialised = self._compiled(expressions, compiler)
            self.serialised = serialised
            first, *second = map(Scanner, split(serialised))
            self._first = first
            self._second = dict(zip(with_near, second, strict=True))

    def may_hit(self, data: bytes) -> bool:
        """Whether any rule may have a find in a text in UTF-8; if not, none has."""
        return self._first is not None and bool(self._first.numbers(data))

    def hits(
        self, text: str, reads: Sequence[bool] | None = None, data: bytes | None = None
    ) -> list[Hit]:
        """The finds of all rules in `text`, by rule in the order of the policy, then by place.

        `reads` says for each rule whether it reads this text; without it all do. `data` is the text
        in UTF-8, where that is at hand. A rule has at most
        `FINDINGS_MAX` finds; where there are more, the last one is the rest of the text.
        """
        if self._first is None or not text:
            return []
        if data is None:
            data = _bytes_of(text)
        numbers = self._first.numbers(data)
        if not numbers:
            return []
        rules = sorted({self._owners[number] for number in numbers})
        return list(self._located(text, data, rules, reads))

    def _located(
        self, text: str, data: bytes, rules: Sequence[int], reads: Sequence[bool] | None
    ) -> Iterator[Hit]:
        for rule in rules:
            if reads is not None and not reads[rule]:
                continue
            second = self._second.get(rule)
            if second is None or second.numbers(data):
                spans, rest = self._finders[rule].finds(data)
                last = len(spans) - 1
                for at, (start, end) in enumerate(_in_characters(text, data, spans)):
                    yield Hit(rule, start, end, rest and at == last)

    def looks(self, text: str) -> Iterator[Look]:
        """How each rule fares with `text`: for people who ask why, not for the way of a call."""
        data = _bytes_of(text)
        for rule, finder in enumerate(self._finders):
            looks = list(finder.looks(data))
            spans = _in_characters(text, data, [(look.start, look.end) for look in looks])
            for look, (start, end) in zip(looks, spans, strict=True):
                yield Look(rule, start, end, look.outcome)

    def _compiled(self, expressions: Sequence[str], compiler: Compiler) -> bytes:
        """The databases; an error is about the rule that the expression came from."""
        together = len(self._owners)
        try:
            return compiler(expressions, together)
        except PatternError as error:
            at = error.rule
            with_near = len(expressions) - together
            is_near = together - with_near <= at < together
            owner = self._owners[at if at < together else at - with_near]
            raise PatternError(owner, f"match.{'near' if is_near else 'regex'}: {error}") from None


def _bytes_of(text: str) -> bytes:
    """`text` as both engines read it; half a surrogate pair is no reason not to."""
    return text.encode("utf-8", "replace")


def _in_characters(
    text: str, data: bytes, spans: Sequence[tuple[int, int]]
) -> Sequence[tuple[int, int]]:
    """Spans in bytes, ordered, as spans in characters; in one pass over the text."""
    if len(text) == len(data):
        return spans
    found: list[tuple[int, int]] = []
    at = characters = 0
    for start, end in spans:
        characters += _characters(data, at, start)
        length = _characters(data, start, end)
        found.append((characters, characters + length))
        at, characters = end, characters + length
    return found


def _characters(data: bytes, start: int, end: int) -> int:
    return len(data[start:end].decode("utf-8", "replace"))
