"""Text as a matcher should see it, with a map back to the text as it was sent.

    ＱＱ號\u200b码  ──▶  QQ號码          NFKC; invisible characters gone; every space a space

Most text needs little of this, and gets it in C: full-width forms are translated one for one, runs
of plain characters are copied whole, and so is text that is in form NFKC already. Only what is left
is looked at character by character, in groups of a base and its marks, since only these compose.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Final

# Format characters (Cf, tag characters among them), variation selectors, fillers that draw nothing,
# and control characters other than tab and line ends.
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891"
    "\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Spaces of which RE2's \s and hyperscan's know nothing (or differ: \x0b), and full-width ASCII.
_SPACES: Final = "\x0b\x0c\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000"
_ONE_FOR_ONE: Final = re.compile(f"[{_SPACES}\uff01-\uff5e]")
_FULL_WIDTH_OFFSET: Final = 0xFF01 - ord("!")
_USUAL_WIDE: Final = tuple(zip("，：？！；（）", ",:?!;()", strict=True))
"""Full-width marks of which every Chinese text is full."""
PLAIN: Final = (
    "\t\n\r\x20-\x7e\xa1-\xa7\xa9\xab\xac\xae\xb0\xb1\xb6\xb7\xbb\xbf-\xff\u0391-\u03a1\u03a3-\u03c9"
    "\u0401-\u045f\u2010\u2012-\u2016\u2018-\u2023\u2027\u2030\u20ac\u2190-\u21ff\u3001-\u3003"
    "\u3005-\u3011\u3014-\u301b\u3041-\u3094\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3"
    "\U0001f300-\U0001f64f\U0001f680-\U0001f6c5\U0001f900-\U0001f9ff"
)
"""Characters that NFKC leaves alone and that join nothing before them: ASCII, Latin, Greek and
Cyrillic letters, quotes and dashes, Chinese and Japanese with their punctuation, Hangul, emoji."""
_UNUSUAL_RUN: Final = re.compile(f"[^{PLAIN}]+")
_HANGUL_TAIL: Final = range(0x1161, 0x1200)
_MARKS_MAX: Final = 30
"""Marks on one base that are composed together, as in Unicode's stream-safe text (UAX 15); NFKC
sorts marks, in a time that grows with the square of their number."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """Normalised `text`; `origins[i]` is where its character i began, None where nothing moved.

    The map has one entry more than the text has characters: the end.
    """

    text: str
    origins: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original text that characters `start` to `end` here came from."""
        if self.origins is None or end <= start:
            return start, end
        last = self.origins[end - 1]
        while self.origins[end] == last:  # One character became several: take it whole.
            end += 1
        return self.origins[start], self.origins[end]


def narrowed(text: str) -> str:
    """`text` with the commonest full-width marks as ASCII ones, one for one."""
    if text.isascii():
        return text
    for wide, narrow in _USUAL_WIDE:
        text = text.replace(wide, narrow)
    return text


def normalise(text: str) -> Normalised:
    """`text` for matching."""
    if text.isascii() and text.isprintable():
        return Normalised(text, None)
    even = _ONE_FOR_ONE.sub(_even, narrowed(text))
    unusual = _UNUSUAL_RUN.search(even)
    if unusual is None or (
        unicodedata.is_normalized("NFKC", even) and _INVISIBLE.search(even) is None
    ):
        return Normalised(even, None)
    pieces: list[str] = []
    origins: list[int] = []
    done = 0
    while unusual is not None:
        # The character in front may compose with the first one of the run.
        begin = max(done, unusual.start() - 1)
        pieces.append(even[done:begin])
        origins.extend(range(done, begin))
        done = unusual.end()
        _compose(even, begin, done, pieces, origins)
        unusual = _UNUSUAL_RUN.search(even, done)
    pieces.append(even[done:])
    origins.extend(range(done, len(even) + 1))
    return Normalised("".join(pieces), tuple(origins))


def _even(match: re.Match[str]) -> str:
    at = ord(match[0])
    return chr(at - _FULL_WIDTH_OFFSET) if at > 0xFF00 else " "


def _compose(text: str, begin: int, end: int, pieces: list[str], origins: list[int]) -> None:
    """Add characters `begin` to `end`, group by group."""
    group: list[str] = []
    group_at = begin
    for at in range(begin, end):
        fate = _fate(text[at])
        if fate is _Fate.GONE:
            continue
        if group and (fate is _Fate.STANDS or len(group) > _MARKS_MAX):
            _close(group, group_at, pieces, origins)
            group = []
        if not group:
            group_at = at
        group.append(text[at])
    _close(group, group_at, pieces, origins)


def _close(group: list[str], at: int, pieces: list[str], origins: list[int]) -> None:
    composed = unicodedata.normalize("NFKC", "".join(group))
    pieces.append(composed)
    origins.extend([at] * len(composed))


class _Fate(Enum):
    GONE = auto()
    JOINS = auto()
    """It composes with what stands before it."""
    STANDS = auto()


@lru_cache(maxsize=8192)
def _fate(character: str) -> _Fate:
    if _INVISIBLE.match(character):
        return _Fate.GONE
    first = unicodedata.normalize("NFKD", character)[0]
    joins = unicodedata.category(first) in ("Mn", "Mc") or ord(first) in _HANGUL_TAIL
    return _Fate.JOINS if joins else _Fate.STANDS
