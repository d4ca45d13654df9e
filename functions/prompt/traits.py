"""What a text has that asks for another reading of it: told at the speed of memory.

    "请写三句话, thanks"  ──▶  nothing: the text is its only reading, as nearly always
    "賬號 6LSm5Y+3"       ──▶  FOLDABLE, BASE64

One set of short patterns of RE2 says in one pass which traits there may be, and a pattern of its
own whether one is. A trait is there at least where it is needed: without it, the step that it
stands for would change nothing.
"""

from enum import IntEnum, auto
from functools import cache
from typing import Final

import re2

from functions.prompt.closing_up import TAG
from functions.prompt.folding import CHINESE_DIGITS, FOLDABLE
from functions.prompt.normalise import PLAIN

_NUMERAL: Final = f"[{''.join(CHINESE_DIGITS)}]"
_DIGIT: Final = f"[{''.join(CHINESE_DIGITS)}0-9]"
_READ_OUT: Final = "|".join(
    f"{_DIGIT}{{{before}}}{_NUMERAL}{_DIGIT}{{{5 - before}}}" for before in range(6)
)
"""Six numerals in a row, at least one of them Chinese."""
_LOOK_ALIKE: Final = f"[{''.join(sorted(FOLDABLE))}]"
_BASE64: Final = "[A-Za-z0-9+/_-]"
_BYTE: Final = "(?:[0-9][0-9A-Fa-f]|[A-Fa-f][0-9])"
"""Two hexadecimal digits, one of them decimal: so begins the UTF-8 of nearly any text."""
_LETTER: Final = r"[\pL\pN]"
_BETWEEN: Final = r"[^\pL\pN<>&%\\]+"  # Counting to nine would take RE2 20 ms at each start.
_EMPHASIS: Final = rf"{_LETTER}(?:[*~`]{{1,8}}|_{{2,4}}){_LETTER}"
BASE64_MIXTURE: Final = (
    "[a-z][A-Z0-9+/]|[0-9+/][A-Za-z]|[A-Z][0-9+/]|[A-Z][A-Z][a-z]|[a-z][_-][A-Z]|[A-Z][_-][a-z]"
)
"""Base64 of text mixes kinds of letters within a few characters; words do not."""


class Trait(IntEnum):
    """A reason to read a text once more. The values are places in the set of patterns."""

    NONE = 0
    UNUSUAL = auto()
    """Characters that normalising changes, or may change."""
    FOLDABLE = auto()
    URL = auto()
    ENTITY = auto()
    ESCAPE = auto()
    HEX = auto()
    DECIMAL = auto()
    """Numbers that may be the codes of characters."""
    BINARY = auto()
    BASE32 = auto()
    BASE64 = auto()
    BASE64_LINES = auto()
    APART = auto()
    """Letters with something between them that may have been slipped in."""


_HINTS: Final = {
    # Matches always: a set that finds nothing at all has failed. At the end alone, since RE2 keeps
    # account of what has matched at each byte: that would be a third of the time.
    Trait.NONE: r"\z",
    Trait.UNUSUAL: f"[^{PLAIN}]",
    Trait.FOLDABLE: f"{_LOOK_ALIKE}|{_NUMERAL}{_DIGIT}|{_DIGIT}{_NUMERAL}",
    Trait.URL: "%[0-9A-Fa-f]{2}|=\r?\n?[0-9A-F]{2}=",
    Trait.ENTITY: "&[#A-Za-z]",
    Trait.ESCAPE: r"\\[xuU0-9A-Fa-f]|%u|[uU]\+[0-9A-Fa-f]",
    Trait.HEX: _BYTE,
    Trait.DECIMAL: "[0-9]{2}",
    Trait.BINARY: "[01]{2}",
    Trait.BASE32: "[A-Z2-7]{2}",
    Trait.BASE64: BASE64_MIXTURE,
    Trait.BASE64_LINES: f"{_BASE64}\r?\n",
    # Two letters that stand alone: of one, such as "a", English is full.
    Trait.APART: (
        rf"(?:{_BETWEEN}{_LETTER}){{2}}{_BETWEEN}|{_EMPHASIS}|{TAG}|[A-Za-z][_+./|-][A-Za-z]"
    ),
}
"""What each trait has and ordinary text seldom, within so few characters that together they are
one small automaton. Patterns that count make one with a state for each row of characters: 5 µs for
a character of a hash, each time anew."""
_PROOFS: Final = {
    Trait.FOLDABLE: f"{_LOOK_ALIKE}|{_READ_OUT}",
    Trait.ESCAPE: r"\\[xuU0-9A-Fa-f]|%u|[uU]\+[0-9A-Fa-f]{4}",
    Trait.HEX: rf"{_BYTE}(?:[\s:,.|_-]{{0,2}}(?:0[xX])?[0-9A-Fa-f]{{2}}){{3}}",
    Trait.DECIMAL: r"[0-9]{2}(?:[\s,;|]{1,2}[0-9]{2,6}){2}[\s,;|]{1,2}[0-9]{2}",
    Trait.BINARY: r"(?:[01]{8}[\s,]{0,2}){3}[01]{8}",
    Trait.BASE32: "[A-Z2-7]{16}",
    Trait.BASE64_LINES: f"{_BASE64}{{40}}\r?\n",
    Trait.APART: (
        rf"(?:{_LETTER}{_BETWEEN}){{5}}{_LETTER}|{_EMPHASIS}|{TAG}"
        "|[A-Za-z]{2}(?:[_+./|-][A-Za-z]{2,20}){3}"
    ),
}
"""What has to be there besides, one pattern each."""
ALL: Final = frozenset(Trait) - {Trait.NONE}
_NOTHING: Final[frozenset[Trait]] = frozenset()


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _compiled() -> "re2._Set":
    patterns = re2.Set.SearchSet(_options())
    for trait in Trait:
        patterns.Add(_HINTS[trait])
    patterns.Compile()
    return patterns


_SET: Final = _compiled()
_PLAIN_RESULT: Final = [int(Trait.NONE)]


@cache
def _proof(trait: Trait) -> "re2._Regexp":
    return re2.compile(_PROOFS[trait], _options())


def traits_of(text: str) -> frozenset[Trait]:
    """The traits of `text`; all of them where they cannot be told."""
    return traits_in(text.encode("utf-8", "replace"))


def traits_in(data: bytes) -> frozenset[Trait]:
    """The traits of a text in UTF-8."""
    hinted = _SET.Match(data)
    if hinted == _PLAIN_RESULT:
        return _NOTHING
    if not hinted:
        return ALL
    return frozenset(
        trait
        for trait in map(Trait, hinted)
        if trait is not Trait.NONE and (trait not in _PROOFS or _proof(trait).search(data))
    )
