"""Text with its disguises taken off: a second reading, beside the normalised one.

    pаsswоrd (Cyrillic а, о)  ──▶  password        賬號  ──▶  账号
    p̷a̷s̷s̷w̷o̷r̷d̷                 ──▶  password        ٠١٢, ➀➁, 一三八〇〇一 ──▶  ASCII digits

Folding loses what other languages need, so it never replaces the normalised text: rules read both.
Letters that merely look Latin are folded where they stand among Latin ones, or where nothing else
in the text is written in their script; Russian stays Russian.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from string import ascii_letters, digits
from typing import Final

from functions.prompt.changes import Moved
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
CHINESE_DIGITS: Final = dict(
    zip("〇零○一二三四五六七八九壹贰叁参肆伍陆柒捌玖幺两", "000123456789123345678912", strict=True)
)
_CHINESE_NUMBER: Final = re.compile(f"[{''.join(CHINESE_DIGITS)}0-9]{{6,}}")
"""So many numerals in a row are read out one by one: no quantity is written so."""
_ACCENTED: Final = "\xc0-\xd6\xd8-\xf6\xf8-\u024f\u1e00-\u1eff"


_MARK: Final = re.compile(f"[{_MARKS}]")
_MARK_RUN: Final = re.compile(f"[{_MARKS}]+")


def _members(ranges: str) -> Iterator[str]:
    """The characters that a regular expression's class stands for."""
    for first, last, alone in re.findall("(.)-(.)|(.)", ranges):
        yield from alone or map(chr, range(ord(first), ord(last) + 1))


_OTHERS: Final = frozenset(
    {*_LOOK_ALIKES, *_members(_MARKS), *_members(_DIGITS), *_members(_ACCENTED)}
)
_TRADITIONAL: Final = frozenset(_SIMPLIFIED)
_NUMERALS: Final = frozenset(CHINESE_DIGITS)
FOLDABLE: Final = _OTHERS | _TRADITIONAL
"""Characters that folding changes, or may change."""


class _Simplified(dict[int, int | str]):
    """Traditional characters as simplified ones, and others as they are: a miss takes longer."""

    def __missing__(self, code: int) -> int:
        if len(self) < _TABLE_MAX:
            self[code] = code
        return code


_TABLE_MAX: Final = 16_384
_ONE_BY_ONE_MAX: Final = 24
"""Replacing a letter goes over a text at the speed of memory, translating 20 characters a µs."""
_TO_SIMPLIFIED: Final = _Simplified({ord(each): said for each, said in _SIMPLIFIED.items()})
_SYMBOLS: Final = "\U0001f130-\U0001f189\U0001f1e6-\U0001f1ff"
_SYMBOL: Final = frozenset(_members(_SYMBOLS))
# Signs that look like letters: flags' letters, letters in squares, some notes of music.
_SIGNS: Final = _SYMBOLS + "".join(
    sorted(each for each in _LOOK_ALIKES if not each.isalnum() and each not in _SYMBOL)
)
# A word from its first character that is not ASCII, with its marks. Python looks for that character
# fast; what stands before it in the word is looked at where it is found.
_TOKEN: Final = re.compile(
    rf"[^\x00-\x7f](?:(?<=[^\W_])|(?<=[{_MARKS}{_SIGNS}]))(?:[^\W_]|[{_MARKS}{_SIGNS}])*+"
)
_LATIN: Final = re.compile("[A-Za-z0-9]")
_LATIN_LETTERS: Final = frozenset(ascii_letters + digits)
# Greek, Cyrillic, Armenian, Cherokee and Coptic, of which many letters look like Latin ones.
_FOREIGN_SCRIPTS: Final = "\u0370-\u03ff\u0400-\u052f\u0531-\u058f\u13a0-\u13ff\u2c80-\u2cff"
_FOREIGN: Final = frozenset(_members(_FOREIGN_SCRIPTS)) - _LOOK_ALIKES.keys()


def fold(text: str) -> Normalised | None:
    """Normalised `text` with its disguises off, with a way back to it; None where it has none."""
    if text.isascii():
        return None
    letters = set(text)  # Of which a text has some hundred, however long it is.
    folded, back = text, None
    traditional = letters & _TRADITIONAL
    if traditional:
        folded = _translated(text, traditional, _TO_SIMPLIFIED)
    if not letters.isdisjoint(_OTHERS):
        folded = _undisguised(folded, letters)
        if len(folded) < len(text):  # Marks are gone.
            back = Moved([(*each.span(), "") for each in _MARK_RUN.finditer(text)]).span
    if not letters.isdisjoint(_NUMERALS):
        folded = _CHINESE_NUMBER.sub(_read_out, folded)
    return None if folded == text else Normalised(folded, back)


def _translated(text: str, letters: AbstractSet[str], table: Mapping[int, int | str]) -> str:
    """`text` with `letters`, which are all of it that `table` changes, as the table has them."""
    if len(letters) > _ONE_BY_ONE_MAX:
        return text.translate(table)
    for each in letters:
        said = table[ord(each)]
        text = text.replace(each, said if isinstance(said, str) else chr(said))
    return text


def _undisguised(text: str, letters: set[str]) -> str:
    """Simplified `text` with letters, digits and marks folded."""
    foreign = not letters.isdisjoint(_FOREIGN)
    if not foreign and letters.isdisjoint(_SYMBOL):
        return _translated(text, letters & _OTHERS, _AMONG_LATIN)

    def token(match: re.Match[str]) -> str:
        before = match.string[max(match.start() - 1, 0) : match.start()]
        latin = not foreign or before in _LATIN_LETTERS or _LATIN.search(match[0]) is not None
        return match[0].translate(_AMONG_LATIN if latin else _AMONG_OTHERS)

    return _TOKEN.sub(token, text)


class _Table(dict[int, str]):
    """What each character of a token is read as, by its code point; nothing for a mark.

    Filled as characters turn up, and emptied before a caller could fill memory with it.
    """

    def __init__(self, *, latin: bool) -> None:
        super().__init__()
        self._latin = latin

    def __missing__(self, code: int) -> str:
        if len(self) >= _TABLE_MAX:
            self.clear()
        folded = self[code] = _folded(chr(code), latin=self._latin)
        return folded


_AMONG_LATIN: Final = _Table(latin=True)
_AMONG_OTHERS: Final = _Table(latin=False)


def _folded(character: str, *, latin: bool) -> str:
    """What a character of a token is read as: one character, or nothing for a mark."""
    if latin and character in _LOOK_ALIKES:
        return _LOOK_ALIKES[character]
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    apart = unicodedata.normalize("NFD", character)
    if apart[0].isascii() and all(unicodedata.category(each) == "Mn" for each in apart[1:]):
        return apart[0]
    return "" if _MARK.match(character) else character


def _read_out(number: re.Match[str]) -> str:
    return "".join(CHINESE_DIGITS.get(each, each) for each in number[0])
