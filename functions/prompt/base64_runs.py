"""Base64 in a text: in one word, in lines, and in groups; Base32.

6LSm5Y+3      6LSm 5Y+3      "6LSm" + "5Y+3"      PLUKL2M…
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import re2

from functions.prompt.changes import Change
from functions.prompt.charsets import as_text
from functions.prompt.traits import BASE64_MIXTURE

# Of all words only those that may be Base64, and RE2 to find them: it passes the others by fast.
BASE64: Final = re2.compile(f"[A-Za-z0-9+/_-]*(?:{BASE64_MIXTURE})[A-Za-z0-9+/_-]*={{0,2}}")
_CHARS_MIN: Final = 6
# From where a run begins, and never back into it, or a long run would be read from every place.
BASE64_LINES: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{40,}+\r?\n[ \t]*+)+[A-Za-z0-9+/_-]+={0,2}"
)
# Of Base64 in short groups, all of one length but the last.
_BASE64_GROUPS: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/]{4,}+"
    r"(?:(?:[^A-Za-z0-9+/=]{1,5}+|(?:[^A-Za-z0-9+/=]|(?<=[\s\"'])\+(?=[\s\"'])){1,5}+)"
    r"[A-Za-z0-9+/]{2,}+)++={0,2}"
)
_GROUP: Final = re.compile("[A-Za-z0-9+/]{2,}")
_NO_MERE_LETTER: Final = re.compile("[A-Z0-9+/]")
"""What Base64 of any text has, beyond its first letter, and mere words have not."""
_LINE_CHARS: Final = 16
"""So long a group is a line, of which there may be two."""
_GROUPS_TRIED: Final = 3
"""Words before the first group, and behind the last, that may have its length by chance."""
_TO_PLAIN: Final = str.maketrans("-_", "+/", "\r\n\t ")
BASE32: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7]{16,}(?![A-Za-z0-9])")


def base64_groups(text: str) -> Iterator[Change]:
    """What short groups of one length say, put together: `6LSm 5Y+3`."""
    for run in _BASE64_GROUPS.finditer(text):
        if _NO_MERE_LETTER.search(text, run.start() + 1, run.end()) is None:
            continue
        words = _GROUP.findall(text, *run.span())
        stretches = list(_stretches(words))
        if stretches:
            groups = list(_GROUP.finditer(text, *run.span()))
            for at, end in stretches:
                yield from _together(groups, at, end)


def _stretches(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where words of one length stand side by side that are not all mere words.

    Nearly all words differ from the next one in length, so only pairs that do not are looked at.
    """
    lengths = [*map(len, words), 0]
    done = 0
    for at, (length, following) in enumerate(pairwise(lengths)):
        if (length == following or length >= _LINE_CHARS) and at >= done:
            done = at + 1
            while lengths[done] == length:
                done += 1
            if _NO_MERE_LETTER.search("".join(words[at : done + 1]), 1):
                yield at, done


def _together(groups: Sequence[re.Match[str]], at: int, end: int) -> Iterator[Change]:
    """What the groups from `at` on say, which have one length up to `end`; the last may be shorter.

    Words around them may have that length by chance, so some at either end are left off in turn.
    """
    length = len(groups[at][0])
    for first in range(at, min(at + _GROUPS_TRIED, max(end - 1, at + 1))):
        for last in range(min(end + 1, len(groups)), max(end - _GROUPS_TRIED, first + 1), -1):
            if last <= end or len(groups[end][0]) < length:
                together = "".join(each[0] for each in groups[first:last])
                said = None if together[1:].islower() else from_base64(together)  # Or mere words.
                if said is not None:
                    yield Change(groups[first].start(), groups[last - 1].end(), said)
                    return


def from_base64(match: str) -> str | None:
    """What Base64 says, with or without line ends and padding, in either alphabet."""
    if len(match) < _CHARS_MIN:
        return None
    plain = match.translate(_TO_PLAIN).rstrip("=")
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
