"""Rules → the patterns that both engines read.

words [账号, a.b], regex x+    ──▶  (?:(?:x+)|账号|a\\.b)
words [账号], spread           ──▶  (?:账[ …]{0,3}号)
near, needs, unless            ──▶  a pattern of their own, in any letter case
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import re2

from functions.policy.rule import Rule

Forms = Callable[[str], Sequence[str]]
"""How a word looks in the texts to match, which are normalised and folded before."""

SPREAD: Final = "[\\s!-/:-@\\[-`{-~·•・、。，；：…—–]{0,3}"
"""What may stand between the letters of a spread word: spaces and punctuation, three at most."""


class PatternError(Exception):
    """A pattern that one of the engines refuses. `rule` is its rule's index in the policy."""

    def __init__(self, rule: int, what: str) -> None:
        super().__init__(what)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Patterns:
    """One rule's patterns, empty where it does not say one."""

    main: str
    near: str
    unless: str
    needs: str = ""

    @property
    def first(self) -> str:
        """What a text must hold to be looked at, where the rule says so."""
        return self.near or self.needs


def patterns_of(rules: Sequence[Rule], forms: Forms) -> list[Patterns]:
    """The patterns of each rule. Raises `PatternError` for a word that vanishes when folded."""
    return [_patterns(index, rule, forms) for index, rule in enumerate(rules)]


def _patterns(index: int, rule: Rule, forms: Forms) -> Patterns:
    match = rule.match
    main = _pattern(
        match.regex,
        _words(index, match.words, forms, "match.words", spread=match.spread),
        ignore_case=match.ignore_case,
    )
    near = unless = ""
    if match.near is not None:
        words = _words(index, match.near.words, forms, "match.near.words")
        near = _pattern(None, words, ignore_case=True)
    if match.unless is not None:
        words = _words(index, match.unless.words, forms, "match.unless.words")
        unless = _pattern(match.unless.regex, words, ignore_case=True)
    needs = ""
    if match.needs:
        needs = _pattern(None, _words(index, match.needs, forms, "match.needs"), ignore_case=True)
    return Patterns(main, near, unless, needs)


def _words(
    index: int, words: Sequence[str], forms: Forms, field: str, *, spread: bool = False
) -> list[str]:
    found = list(dict.fromkeys(form for word in words for form in forms(word)))
    if not all(form.strip() for form in found):
        raise PatternError(index, f"{field}: a word consists of invisible characters only")
    if spread:
        return [SPREAD.join(map(re2.escape, form)) for form in found]
    return [re2.escape(form) for form in found]


def _pattern(regex: str | None, words: Sequence[str], *, ignore_case: bool) -> str:
    alternatives = [*([f"(?:{regex})"] if regex is not None else []), *words]
    # A group, so that what the regular expression says of itself ends with it.
    return f"(?{'i' if ignore_case else ''}:{'|'.join(alternatives)})"


def re2_of(index: int, pattern: str, field: str) -> "re2._Regexp":
    """`pattern` for RE2, to search bytes with. Raises `PatternError` where RE2 refuses it."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace")
        hint = "; look-around and back-references do not exist here" if "(?" in reason else ""
        raise PatternError(index, f"{field}: RE2 refuses it: {reason}{hint}") from None
