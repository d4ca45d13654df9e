"""Text with its disguises taken off: a second reading, beside the normalised one.

    pаsswоrd (Cyrillic а, о)  ──▶  password        賬號  ──▶  账号
    p̷a̷s̷s̷w̷o̷r̷d̷                 ──▶  password        ٠١٢, ➀➁, 一三八〇〇一 ──▶  ASCII digits

Folding loses what other languages need, so it never replaces the normalised text: rules read both.
Letters that merely look Latin are folded where they stand among Latin ones, or where nothing else
in the text is written in their script; Russian stays Russian.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from functions.prompt.normalise import Normalised
from functions.prompt.tables import pairs

_SIMPLIFIED: Final = pairs("simplified.table")
_LOOK_ALIKES: Final = pairs("look_alikes.table")
# Marks drawn over or round what stands before them: accents, strokes, enclosures.
_MARKS: Final = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
# Scripts with digits of their own, and enclosed or styled digits that NFKC leaves alone.
_DIGITS: Final = (
    "\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9\u0966-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef"
    "\u0b66-\u0b6f\u0be6-\u0bef\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f\u0e50-\u0e59\u0ed0-\u0ed9"
    "\u0f20-\u0f29\u1040-\u1049\u17e0-\u17e9\u1810-\u1819\u24f5-\u24fe\u2776-\u2793\ua620-\ua629"
    "\uabf0-\uabf9\U000104a0-\U000104a9\U00011066-\U0001106f\U0001e950-\U0001e959"
    "\U0001f100\U0001f10b\U0001f10c"
)
_CHINESE_DIGITS: Final = dict(
    zip("〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖", "00123456789123456789", strict=True)
)
_CHINESE_NUMBER: Final = re.compile(f"[{''.join(_CHINESE_DIGITS)}0-9]{{6,}}")
"""So many numerals in a row are read out one by one: no quantity is written so."""
_ACCENTED: Final = "\xc0-\xd6\xd8-\xf6\xf8-\u024f\u1e00-\u1eff"


def _members(ranges: str) -> Iterator[str]:
    """The characters that a regular expression's class stands for."""
    for first, last, alone in re.findall("(.)-(.)|(.)", ranges):
        yield from alone or map(chr, range(ord(first), ord(last) + 1))


_FOLDABLE: Final = frozenset(
    {*_SIMPLIFIED, *_LOOK_ALIKES, *_members(_MARKS), *_members(_DIGITS), *_members(_ACCENTED)}
)
_SYMBOLS: Final = "\U0001f130-\U0001f189\U0001f1e6-\U0001f1ff"
_TOKEN: Final = re.compile(rf"(?:[^\W_]|[{_SYMBOLS}])(?:[^\W_]|[{_MARKS}{_SYMBOLS}])*")
_LATIN: Final = re.compile("[A-Za-z0-9]")
_FOREIGN: Final = re.compile(
    f"(?![{''.join(_LOOK_ALIKES)}])[\u0370-\u03ff\u0400-\u052f\u0531-\u058f\u13a0-\u13ff\u2c80-\u2cff]"
)


def fold(text: str) -> Normalised | None:
    """Normalised `text` with its disguises off, with a map back to it; None where it has none."""
    if text.isascii() or (_FOLDABLE.isdisjoint(text) and not _CHINESE_NUMBER.search(text)):
        return None
    foreign = _FOREIGN.search(text) is not None
    characters: list[str] = []
    origins: list[int] = []
    done = 0
    for token in _TOKEN.finditer(text):
        begin, end = token.span()
        if _FOLDABLE.isdisjoint(token[0]):
            continue
        latin = not foreign or _LATIN.search(text, begin, end) is not None
        characters += text[done:begin]
        origins += range(done, begin)
        for at in range(begin, end):
            folded = _folded(text[at], latin=latin)
            characters += folded
            origins += [at] * len(folded)
        done = end
    characters += text[done:]
    origins += range(done, len(text) + 1)
    folded_text = _CHINESE_NUMBER.sub(_read_out, "".join(characters))
    if folded_text == text:
        return None
    return Normalised(folded_text, tuple(origins))


@lru_cache(maxsize=8192)
def _folded(character: str, *, latin: bool) -> str:
    """What a character of a token is read as; nothing for a mark."""
    if character in _SIMPLIFIED:
        return _SIMPLIFIED[character]
    if latin and character in _LOOK_ALIKES:
        return _LOOK_ALIKES[character]
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    apart = unicodedata.normalize("NFD", character)
    if apart[0].isascii() and all(unicodedata.category(each) == "Mn" for each in apart[1:]):
        return apart[0]
    if re.match(f"[{_MARKS}]", character):
        return ""
    return character


def _read_out(number: re.Match[str]) -> str:
    return "".join(_CHINESE_DIGITS.get(each, each) for each in number[0])
