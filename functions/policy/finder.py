"""Where one rule hits: every place that its pattern matches, and what becomes of it there.

    candidate ──unless──▶ excepted
              ──near────▶ no keyword
              ──valid───▶ not valid
              ──────────▶ hit

Works on UTF-8 bytes, as RE2 does, so that a text is encoded once and a candidate's surroundings are
looked at in place. A rule whose first candidate fails is hit by a later one all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import re2

from functions.policy.patterns import Patterns, re2_of
from functions.policy.rule import Near
from functions.policy.validators import valid
from functions.verdict.models import FINDINGS_MAX

CANDIDATES_MAX: Final = 4096
"""Candidates of one rule that are looked at in one text: a page of numbers holds hundreds."""
_EXCEPTION_BYTES: Final = 400
"""How far around a candidate an exception may reach that overlaps it."""
_UTF8_BYTES_MAX: Final = 4
_KEYWORD_BYTES_MAX: Final = 200 * _UTF8_BYTES_MAX


class Outcome(StrEnum):
    """What became of a candidate."""

    HIT = "hit"
    EXCEPTED = "excepted"
    NO_KEYWORD = "no keyword near"
    NOT_VALID = "not valid"
    UNPLACED = "hit, without a place"
    REST = "hit, too many candidates"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span in bytes, and what became of it."""

    start: int
    end: int
    outcome: Outcome


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

    def finds(self, data: bytes) -> list[tuple[int, int]]:
        """The spans of all hits in bytes of `data`, which hyperscan says this rule matches.

        At most `FINDINGS_MAX`; where there are more, the last one is the rest of the text.
        """
        found: list[tuple[int, int]] = []
        candidate = None
        for candidate in self.looks(data):
            if candidate.outcome in (Outcome.HIT, Outcome.REST):
                found.append((candidate.start, candidate.end))
            if len(found) > FINDINGS_MAX:
                found[-2:] = [(found[-2][0], len(data))]
                break
        return [(0, 0)] if candidate is None else found

    def looks(self, data: bytes) -> Iterator[Candidate]:
        """Every candidate in `data`, and what becomes of it."""
        group = self._main.groupindex.get("find", 0)
        for count, match in enumerate(self._main.finditer(data)):
            start, end = match.span(group)
            if start < 0:  # The group took no part in this match.
                start, end = match.span()
            if count == CANDIDATES_MAX:
                yield Candidate(start, len(data), Outcome.REST)
                return
            yield Candidate(start, end, self._outcome(data, start, end))

    def _outcome(self, data: bytes, start: int, end: int) -> Outcome:
        if self._patterns.unless and self._excepted(data, start, end):
            return Outcome.EXCEPTED
        if self._patterns.near and not self._has_keyword(data, start, end):
            return Outcome.NO_KEYWORD
        if self._validator is not None and not valid(
            self._validator, data[start:end].decode("utf-8", "replace")
        ):
            return Outcome.NOT_VALID
        return Outcome.HIT

    def _excepted(self, data: bytes, start: int, end: int) -> bool:
        first, last = max(0, start - _EXCEPTION_BYTES), min(len(data), end + _EXCEPTION_BYTES)
        for match in self._unless.finditer(data, first, last):
            if match.start() >= end:
                return False
            if match.end() > start:
                return True
        return False

    def _has_keyword(self, data: bytes, start: int, end: int) -> bool:
        reach = self._within * _UTF8_BYTES_MAX + _KEYWORD_BYTES_MAX
        first, last = max(0, start - reach), min(len(data), end + reach)
        for match in self._near.finditer(data, first, last):
            gap = data[match.end() : start] or data[end : match.start()]
            if len(gap.decode("utf-8", "ignore")) <= self._within:
                return True
        return False

    @cached_property
    def _main(self) -> "re2._Regexp":
        return re2_of(self._index, self._patterns.main, "match.regex")

    @cached_property
    def _near(self) -> "re2._Regexp":
        return re2_of(self._index, self._patterns.near, "match.near")

    @cached_property
    def _unless(self) -> "re2._Regexp":
        return re2_of(self._index, self._patterns.unless, "match.unless")
