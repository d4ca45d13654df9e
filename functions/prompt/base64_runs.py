"""Base64 in a text: in one word, in lines, and in groups; Base32.

6LSm5Y+3      6LSm 5Y+3      "6LSm" + "5Y+3"      PLUKL2M…
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress, count, pairwise
from operator import eq
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from functions.prompt.changes import Change
from functions.prompt.charsets import OTHER_BYTES_MIN, as_text
from functions.prompt.traits import BASE64_MIXTURE

_CHARS_MIN: Final = 6
# Of all words only those that may be Base64, from where a run begins.
BASE64: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?![A-Z]?[a-z]*+(?![A-Za-z0-9+/_-]))"
    f"(?=[A-Za-z0-9+/_-]{{{_CHARS_MIN}}})[A-Za-z0-9+/_-]*?(?:{BASE64_MIXTURE})[A-Za-z0-9+/_-]*+={{0,2}}"
)
# From where a run begins, and never back into it, or a long run would be read from every place.
BASE64_LINES: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{40,}+\r?\n[ \t]*+)+[A-Za-z0-9+/_-]+={0,2}"
)
_GROUP: Final = re.compile("([A-Za-z0-9+/]{2,})")
# What may stand between groups of Base64, all of one length but the last.
_BETWEEN: Final = re.compile(r"(?:[^A-Za-z0-9+/=]|(?<=[\s\"'])\+(?=[\s\"'])){1,5}")
_NO_MERE_LETTER: Final = re.compile("[A-Z0-9+/]")
"""What Base64 of any text has, beyond its first letter, and mere words have not."""
_GROUP_CHARS: Final = 4
"""Shorter words of one length stand everywhere; they count behind one that is no shorter."""
_LINE_CHARS: Final = 16
"""So long a group is a line, of which there may be two."""
_GROUPS_TRIED: Final = 3
"""Words before the first group, and behind the last, that may have its length by chance."""
_OTHER_CHARSET_CHARS: Final = OTHER_BYTES_MIN * 4 // 3
"""From so many characters on the bytes may be text in another charset than UTF-8."""
_TO_PLAIN: Final = str.maketrans("-_", "+/", "\r\n\t ")
_LETTERS: Final = (
    *enumerate(ascii_uppercase + ascii_lowercase + digits + "+/"),
    *enumerate("-_", 62),
)


def _begins_text(first: int, second: int) -> bool:
    """Whether text in UTF-8, or UTF-16's mark, may begin with the bits of two letters of Base64."""
    byte = first << 2 | second >> 4
    nibble = second & 0xF  # The first half of the next byte.
    if byte in b"\xfe\xff":
        return nibble == 0xF
    if byte >= 0xC2:  # More of the same character must follow.
        return byte <= 0xF4 and 0x8 <= nibble <= 0xB
    return (0x20 <= byte < 0x7F or byte in b"\t\n\r") and not (nibble == 1 or 0x8 <= nibble <= 0xB)


_BEGINNINGS: Final = frozenset(
    one + two for first, one in _LETTERS for second, two in _LETTERS if _begins_text(first, second)
)
"""How Base64 of text begins: two thirds of random words do not, and need not be decoded."""
BASE32: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7]{16,}(?![A-Za-z0-9])")


def base64_groups(text: str, _known: object = None) -> Iterator[Change]:
    """What short groups of one length say, put together: `6LSm 5Y+3`."""
    pieces = _GROUP.split(text)  # The odd ones are groups, the even ones stand between.
    starts: list[int] = []
    for first, last in _stretches(pieces[1::2]):
        for at, end in _unbroken(pieces, 2 * first + 1, 2 * last + 1):
            starts = starts or [0, *accumulate(map(len, pieces))]
            found = _together(pieces[at : end + 3 : 2], (end - at) // 2)
            if found is not None:
                begin, behind, said = found
                yield starts[at + 2 * begin], starts[at + 2 * behind - 1], said


def _stretches(groups: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The first and last of groups of one length that stand side by side and are no mere words.

    Nearly all words differ from the next one in length, so only pairs that do not are looked at.
    """
    lengths = [*map(len, groups), 0]
    done = 0
    for at in _beginnings(lengths):
        length = lengths[at]
        if at >= done and max(length, lengths[at - 1]) >= _GROUP_CHARS:
            done = at + 1
            while lengths[done] == length:
                done += 1
            if _NO_MERE_LETTER.search("".join(groups[at : done + 1]), 1):
                yield at, done - 1


def _beginnings(lengths: Sequence[int]) -> Iterable[int]:
    """Which groups are as long as the next one, or as a line."""
    if max(lengths) < _LINE_CHARS:
        return compress(count(), map(eq, lengths, lengths[1:]))
    pairs = enumerate(pairwise(lengths))
    return (at for at, (one, other) in pairs if one == other or one >= _LINE_CHARS)


def _unbroken(pieces: Sequence[str], first: int, last: int) -> Iterator[tuple[int, int]]:
    """Those of the groups from `first` to `last` between which nothing else stands.

    A group alone is one if it is as long as a line, and another may follow.
    """
    at = first
    while at <= last:
        end = at
        while end < last and _BETWEEN.fullmatch(pieces[end + 1]):
            end += 2
        if end > at or len(pieces[at]) >= _LINE_CHARS:
            yield at, end
        at = end + 2


def _together(groups: Sequence[str], end: int) -> tuple[int, int, str] | None:
    """What groups say, which have one length up to the one at `end`; another may follow.

    With the first of them that says it, and the one behind the last. Words around them may have
    that length by chance, so some at either end are left off in turn.
    """
    length = len(groups[0])
    for first in range(min(_GROUPS_TRIED, max(end - 1, 1))):
        for last in range(len(groups), max(end - _GROUPS_TRIED, first + 1), -1):
            if last <= end + 1 or len(groups[end + 1]) < length:
                together = "".join(groups[first:last])
                said = None if together[1:].islower() else from_base64(together)  # Or mere words.
                if said is not None:
                    return first, last, said
    return None


def from_base64(match: str) -> str | None:
    """What Base64 says, with or without line ends and padding, in either alphabet."""
    if len(match) < _CHARS_MIN or match.isdigit():  # No text gives digits alone.
        return None
    if len(match) < _OTHER_CHARSET_CHARS and match[:2] not in _BEGINNINGS:
        return None
    plain = match if match.isalnum() else match.translate(_TO_PLAIN).rstrip("=")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return as_text(binascii.a2b_base64(plain + "=" * (-len(plain) % 4)))
    except binascii.Error:
        return None


def from_base32(match: str) -> str | None:
    """What Base32 says, without its padding."""
    try:
        return as_text(base64.b32decode(match + "=" * (-len(match) % 8)))
    except binascii.Error:
        return None
