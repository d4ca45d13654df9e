"""Where one rule hits: every place that its pattern matches, and what becomes of it there.

    candidate ──unless──▶ excepted
              ──near────▶ no keyword
              ──valid───▶ not valid
              ──────────▶ hit

Works on UTF-8 bytes, as RE2 does, so that a text is encoded once. Keywords and exceptions are found
in one pass over a text, and not once more for each candidate. A rule whose first candidate fails is
hit by a later one all the same.

What is looked at is bounded, in proportion to the text: whoever writes a text of nothing but
candidates gets a hit for its rest, and no more of the processor's time than others.
"""

from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple

import re2

from functions.policy.patterns import Patterns, re2_of
from functions.policy.rule import Near
from functions.policy.validators import valid
from functions.verdict.models import FINDINGS_MAX

LOOKS_MIN: Final = 1250
"""Candidates of one rule that are looked at in a text of any length: a page of numbers holds
hundreds."""
LOOK_BYTES: Final = 80
"""In a long text, one candidate for so many bytes. A look takes some 2 µs."""
NOT_VALID_LOOKS: Final = 5
"""What a candidate counts that fails its validator, which takes up to 12 µs. Of hundreds of numbers
that are none, every tenth to hundredth has the right check digit by chance: such a text is hit
before the looks have come to an end."""
_UTF8_BYTES_MAX: Final = 4


class Outcome(StrEnum):
    """What became of a candidate."""

    HIT = "hit"
    EXCEPTED = "excepted"
    NO_KEYWORD = "no keyword near"
    NOT_VALID = "not valid"
    UNPLACED = "hit, without a place"
    REST = "hit, too many candidates"


class Candidate(NamedTuple):
    """A span in bytes, and what became of it."""

    start: int
    end: int
    outcome: Outcome


class Finds(NamedTuple):
    """The spans of a rule's hits in bytes.

    `rest`: the last one is the rest of a text of too many candidates.
    """

    spans: list[tuple[int, int]]
    rest: bool = False


class Finder:
    """One rule's eye for places. RE2's patterns are made when they are first needed."""

    def __init__(
        self, index: int, validator: str | None, near: Near | None, patterns: Patterns
    ) -> None:
        self._index = index
        self._validator = validator
        self._within = near.within if near else 0
        self._patterns = patterns

    def compile(self) -> None:
        """Make all patterns now. Raises `PatternError` for one that RE2 refuses."""
        _ = self._main
        if self._patterns.near:
            _ = self._near
        if self._patterns.unless:
            _ = self._unless

    def finds(self, data: bytes) -> Finds:
        """The spans of all hits in bytes of `data`, which hyperscan says this rule matches.

        At most `FINDINGS_MAX`; where there are more, the last one is the rest of the text.
        """
        found: list[tuple[int, int]] = []
        candidate = None
        for candidate in self.looks(data):
            start, end, outcome = candidate
            if outcome is Outcome.HIT or outcome is Outcome.REST:
                found.append((start, end))
                if len(found) > FINDINGS_MAX:
                    found[-2:] = [(found[-2][0], len(data))]
                    break
        if candidate is None:
            return Finds([(0, 0)])
        return Finds(found, rest=candidate.outcome is Outcome.REST)

    def looks(self, data: bytes) -> Iterator[Candidate]:
        """Every candidate in `data`, and what becomes of it."""
        group = self._main.groupindex.get("find", 0)
        excepted = _Places(self._unless, data) if self._patterns.unless else None
        keywords = _Places(self._near, data) if self._patterns.near else None
        validator = self._validator
        told: dict[bytes, bool] = {}  # Of this text alone: finds are not kept.
        left = _looks_at(data)
        for match in self._main.finditer(data):
            start, end = match.span(group)
            if start < 0:  # The group took no part in this match.
                start, end = match.span()
            if left <= 0:
                yield Candidate(start, len(data), Outcome.REST)
                return
            left -= 1
            if excepted is not None and excepted.overlap(start, end):
                yield Candidate(start, end, Outcome.EXCEPTED)
            elif keywords is not None and not keywords.near(start, end, self._within):
                yield Candidate(start, end, Outcome.NO_KEYWORD)
            elif validator is None or _passes(validator, data[start:end], told):
                yield Candidate(start, end, Outcome.HIT)
            else:
                left -= NOT_VALID_LOOKS - 1
                yield Candidate(start, end, Outcome.NOT_VALID)

    @cached_property
    def _main(self) -> "re2._Regexp":
        return re2_of(self._index, self._patterns.main, "match.regex")

    @cached_property
    def _near(self) -> "re2._Regexp":
        return re2_of(self._index, self._patterns.near, "match.near")

    @cached_property
    def _unless(self) -> "re2._Regexp":
        return re2_of(self._index, self._patterns.unless, "match.unless")


def _passes(validator: str, find: bytes, told: dict[bytes, bool]) -> bool:
    """Whether a find is valid; what has been `told` of an equal one is told again."""
    passes = told.get(find)
    if passes is None:
        passes = told[find] = valid(validator, find.decode("utf-8", "replace"))
    return passes


class _Places:
    """Where keywords or exceptions stand in a text, as far as they are looked for.

    Beyond that nothing is excepted, and a keyword is taken to be near: that makes a hit.
    """

    def __init__(self, pattern: "re2._Regexp", data: bytes) -> None:
        self._data = data
        most = _looks_at(data)
        spans = [match.span() for match in islice(pattern.finditer(data), most)]
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        self._known = len(data) if len(spans) < most else self._ends[-1]

    def overlap(self, start: int, end: int) -> bool:
        """Whether one of them shares a byte with `start` to `end`."""
        at = bisect_right(self._ends, start)
        return at < len(self._starts) and self._starts[at] < end

    def near(self, start: int, end: int, within: int) -> bool:
        """Whether one of them stands no more than `within` characters before or behind."""
        before = bisect_right(self._ends, start) - 1
        if before >= 0 and self._close(self._ends[before], start, within):
            return True
        behind = before + 1
        if behind < len(self._starts):
            return self._close(end, self._starts[behind], within)
        return end > self._known

    def _close(self, start: int, end: int, within: int) -> bool:
        """Whether at most `within` characters lie between; a negative distance is an overlap."""
        gap = end - start
        if gap <= within:
            return True
        if gap > within * _UTF8_BYTES_MAX:
            return False
        return len(self._data[start:end].decode("utf-8", "ignore")) <= within


def _looks_at(data: bytes) -> int:
    return max(LOOKS_MIN, len(data) // LOOK_BYTES)
