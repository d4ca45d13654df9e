"""Text as a matcher should see it, with a map back to the text as it was sent.

    ＱＱ號\u200b码  ──▶  QQ號码          NFKC; invisible characters gone; every space a space

All of it happens in C: full-width forms are translated one for one, and text is composed in pieces
of some hundred characters. The way back is made where a find asks for it, piece by piece, in groups
of a base and its marks, since only these compose.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

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
_UNUSUAL: Final = re.compile(f"[^{PLAIN}]")
_HANGUL_TAIL: Final = range(0x1161, 0x1200)
_TOGETHER_MIN: Final = 256
_TOGETHER_MAX: Final = 320
"""Characters that are composed together: NFKC sorts marks, in a time that grows with the square of
their number."""

Back = Callable[[int, int], tuple[int, int]]
"""The way from a span that is not empty to the span in the original text that it came from."""


class Normalised(NamedTuple):
    """Normalised `text`, and the way `back` to the original; None where nothing moved."""

    text: str
    back: Back | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original text that characters `start` to `end` here came from."""
        if self.back is None or end <= start:
            return start, end
        return self.back(start, end)

    def then(self, further: "Normalised") -> "Normalised":
        """`further`, which was made of this text, with its way back to where this one began."""
        first, second = self.back, further.back
        if first is None or second is None:
            return Normalised(further.text, first or second)
        return Normalised(further.text, lambda start, end: first(*second(start, end)))


def narrowed(text: str) -> str:
    """`text` with the commonest full-width marks as ASCII ones, one for one."""
    if text.isascii():
        return text
    for wide, narrow in _USUAL_WIDE:
        text = text.replace(wide, narrow)
    return text


def normalise(text: str) -> Normalised:
    """`text` for matching."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return Normalised(text)
    even = narrowed(text)
    # Of which a text has some hundred, however long it is.
    letters = "".join(set(even))
    if _ONE_FOR_ONE.search(letters):
        even = even.translate(_EVEN)
    if _UNUSUAL.search(letters) is None:
        return Normalised(even)
    starts = _cuts(even)
    pieces = [_composed(even[start:end]) for start, end in pairwise(starts)]
    composed = "".join(pieces)
    if composed == even:
        return Normalised(even)
    return Normalised(composed, _Recomposed(even, starts, pieces).span)


class _Even(dict[int, int]):
    """Full-width forms and exotic spaces as ASCII, and other characters as they are."""

    def __missing__(self, code: int) -> int:
        if len(self) >= _EVEN_MAX:  # No caller fills memory with it.
            self.clear()
        wide = _ONE_FOR_ONE.match(chr(code)) is not None
        even = self[code] = code if not wide else code - _FULL_WIDTH_OFFSET if code > 0xFF00 else 32
        return even


_EVEN_MAX: Final = 16_384
_EVEN: Final = _Even()


def _composed(text: str) -> str:
    invisible = _INVISIBLE.findall("".join(set(text)))
    for each in invisible:
        text = text.replace(each, "")
    return unicodedata.normalize("NFKC", text)


def _cuts(text: str) -> list[int]:
    """Where to cut a text so that no piece is long, and nothing composes across a cut.

    In a row of marks without end something may; a model reads no such row.
    """
    cuts = [0]
    at = _TOGETHER_MIN
    while at < len(text):
        last = min(at + _TOGETHER_MAX - _TOGETHER_MIN, len(text))
        while at < last and _fate(text[at]) is not _Fate.STANDS:
            at += 1
        cuts.append(at)
        at += _TOGETHER_MIN
    if cuts[-1] < len(text):
        cuts.append(len(text))
    return cuts


class _Recomposed:
    """The way back from composed text. Each piece is looked at when a find lies in it."""

    def __init__(self, text: str, cuts: Sequence[int], pieces: Sequence[str]) -> None:
        self._text = text
        self._cuts = cuts
        self._starts = list(accumulate(map(len, pieces), initial=0))
        self._known: dict[int, list[int]] = {}

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span before of what is now at `start` to `end`."""
        begin, origins = self._origins(start)
        first = origins[start - begin]
        begin, origins = self._origins(end - 1)
        at = end - 1 - begin
        last = origins[at]
        while origins[at] == last:  # One character became several: take it whole.
            at += 1
        return first, origins[at]

    def _origins(self, at: int) -> tuple[int, list[int]]:
        """Where the piece that holds the character `at` begins now, and where each character of it
        began, and the end."""
        number = bisect_right(self._starts, at) - 1
        origins = self._known.get(number)
        if origins is None:
            begin, end = self._cuts[number], self._cuts[number + 1]
            origins = self._known[number] = _origins(self._text, begin, end)
        return self._starts[number], origins


def _origins(text: str, begin: int, end: int) -> list[int]:
    """Where each character of the composed characters `begin` to `end` began, and the end."""
    origins: list[int] = []
    group: list[str] = []
    group_at = begin
    for at in range(begin, end):
        fate = _fate(text[at])
        if fate is _Fate.GONE:
            continue
        if fate is _Fate.STANDS or not group:
            origins += [group_at] * len(_composed("".join(group)))
            group = []
            group_at = at
        group.append(text[at])
    origins += [group_at] * len(_composed("".join(group)))
    origins.append(end)
    return origins


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
