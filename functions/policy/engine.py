"""The matcher: hyperscan says which rules may hit, RE2 says where, conditions say whether.

    text ──hyperscan (one pass, all rules)──▶ rules ──RE2──▶ candidates ──conditions──▶ hits

Both engines run in linear time. A pattern has to be accepted by both, so look-around and
back-references are refused when a policy is loaded. What cannot be decided counts as a hit, since a
miss would be worse: where hyperscan hits and RE2 finds no span, the hit has an empty span; where
there are more candidates than are looked at, the rest of the text is one hit.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import hyperscan

from functions.policy.compiling import compile_bounded
from functions.policy.finder import Finder, Outcome
from functions.policy.patterns import Forms, PatternError, patterns_of
from functions.policy.rule import Rule

__all__ = ["VERSION", "ForeignDatabase", "Hit", "Look", "Matcher", "Outcome", "PatternError"]

VERSION: Final = f"hyperscan {hyperscan.__version__}"  # type: ignore[attr-defined]
"""Part of a policy's revision: another engine may find otherwise."""
Compiler = Callable[[Sequence[str]], bytes]


@dataclass(frozen=True, slots=True)
class Hit:
    """A find: its rule's index in the policy, and the span in characters of the text."""

    rule: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Look:
    """What became of one candidate of a rule; the span is in characters of the text."""

    rule: int
    start: int
    end: int
    outcome: Outcome


class ForeignDatabase(Exception):
    """A serialised database that this machine and version of the engine do not take."""


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
        with_near = [index for index, each in enumerate(patterns) if each.near]
        self._near = {index: self.rules + at for at, index in enumerate(with_near)}
        expressions = [each.main for each in patterns]
        expressions += [patterns[index].near for index in with_near]
        self.serialised = b""
        self._database: hyperscan.Database | None = None
        if expressions:
            if serialised is None:
                for each in self._finders:
                    each.compile()
                serialised = _compiled(expressions, with_near, compiler)
            self.serialised = serialised
            self._database = _loaded(serialised)
        self._local = threading.local()

    def hits(self, text: str, reads: Sequence[bool] | None = None) -> list[Hit]:
        """The finds of all rules in `text`, by rule in the order of the policy, then by place.

        `reads` says for each rule whether it reads this text; without it all do. A rule has at most
        `FINDINGS_MAX` finds; where there are more, the last one is the rest of the text.
        """
        if self._database is None or not text:
            return []
        data = _bytes_of(text)
        numbers: list[int] = []
        self._database.scan(data, _note, 0, numbers, self._scratch())  # By position: it is faster.
        if not numbers:
            return []
        return list(self._located(text, data, set(numbers), reads))

    def _located(
        self, text: str, data: bytes, numbers: set[int], reads: Sequence[bool] | None
    ) -> Iterator[Hit]:
        for rule in sorted(numbers):
            if rule >= self.rules:  # The keywords of rules; they come after the rules.
                return
            near = self._near.get(rule)
            if (near is None or near in numbers) and (reads is None or reads[rule]):
                for start, end in _in_characters(text, data, self._finders[rule].finds(data)):
                    yield Hit(rule, start, end)

    def looks(self, text: str) -> Iterator[Look]:
        """How each rule fares with `text`: for people who ask why, not for the way of a call."""
        data = _bytes_of(text)
        for rule, finder in enumerate(self._finders):
            looks = list(finder.looks(data))
            spans = _in_characters(text, data, [(look.start, look.end) for look in looks])
            for look, (start, end) in zip(looks, spans, strict=True):
                yield Look(rule, start, end, look.outcome)

    def _scratch(self) -> hyperscan.Scratch:
        """This thread's scratch space; a shared one gives wrong answers."""
        scratch: hyperscan.Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = hyperscan.Scratch(self._database)
            self._local.scratch = scratch
        return scratch


def _loaded(serialised: bytes) -> hyperscan.Database:
    try:
        return hyperscan.loadb(serialised, mode=hyperscan.HS_MODE_BLOCK)
    except hyperscan.HyperscanError as error:
        raise ForeignDatabase(f"{type(error).__name__}: {error}") from None


def _note(number: int, _start: int, _end: int, _flags: int, numbers: Any) -> None:  # noqa: ANN401 -- whatever was given to `scan`
    """hyperscan's call for each expression that matches."""
    numbers.append(number)


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


def _compiled(expressions: Sequence[str], with_near: Sequence[int], compiler: Compiler) -> bytes:
    """The database; an error is about the rule that the expression came from."""
    try:
        return compiler(expressions)
    except PatternError as error:
        beyond = error.rule - (len(expressions) - len(with_near))
        if beyond < 0:
            raise PatternError(error.rule, f"match.regex: {error}") from None
        raise PatternError(with_near[beyond], f"match.near: {error}") from None
