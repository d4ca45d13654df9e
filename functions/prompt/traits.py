"""What a text has that asks for another reading of it: told in one pass, at the speed of memory.

    "请写三句话, thanks"  ──▶  nothing: the text is its only reading, as nearly always
    "賬號 6LSm5Y+3"       ──▶  FOLDABLE, BASE64

One set of patterns of RE2, which runs in linear time. A trait is there at least where it is needed:
without it, the step that it stands for would change nothing.
"""

from enum import IntEnum, auto
from typing import Final

import re2

from functions.prompt.folding import CHINESE_DIGITS, FOLDABLE
from functions.prompt.normalise import PLAIN

_NUMERAL: Final = f"[{''.join(CHINESE_DIGITS)}]"
_DIGIT: Final = f"[{''.join(CHINESE_DIGITS)}0-9]"
_READ_OUT: Final = "|".join(
    f"{_DIGIT}{{{before}}}{_NUMERAL}{_DIGIT}{{{5 - before}}}" for before in range(6)
)
"""Six numerals in a row, at least one of them Chinese."""
_BASE64: Final = "[A-Za-z0-9+/_-]"
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
    BASE64 = auto()
    BASE64_LINES = auto()


_PATTERNS: Final = {
    Trait.NONE: "",  # Matches always: a set that finds nothing at all has failed.
    Trait.UNUSUAL: f"[^{PLAIN}]",
    Trait.FOLDABLE: f"[{''.join(sorted(FOLDABLE))}]|{_READ_OUT}",
    Trait.URL: "%[0-9A-Fa-f]{2}",
    Trait.ENTITY: "&[#A-Za-z]",
    Trait.ESCAPE: r"\\[xuU0-3]|[uU]\+[0-9A-Fa-f]{4}",
    Trait.HEX: ("(?:[0-9][0-9A-Fa-f]|[A-Fa-f][0-9])(?:[ :,-]{0,2}(?:0[xX])?[0-9A-Fa-f]{2}){3}"),
    Trait.BASE64: BASE64_MIXTURE,
    Trait.BASE64_LINES: f"{_BASE64}{{40}}\r?\n",
}
ALL: Final = frozenset(Trait) - {Trait.NONE}
_NOTHING: Final[frozenset[Trait]] = frozenset()


def _compiled() -> "re2._Set":
    options = re2.Options()
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    for each in _PATTERNS.values():
        patterns.Add(each)
    patterns.Compile()
    return patterns


_SET: Final = _compiled()
_PLAIN_RESULT: Final = [int(Trait.NONE)]


def traits_of(text: str) -> frozenset[Trait]:
    """The traits of `text`; all of them where they cannot be told."""
    found = _SET.Match(text.encode("utf-8", "replace"))
    if found == _PLAIN_RESULT:
        return _NOTHING
    return frozenset(map(Trait, found)) - {Trait.NONE} if found else ALL
