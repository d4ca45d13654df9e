"""The judge's reason, shown only where it repeats nothing of the judged text."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from functions.prompt import normalise

# A reason that repeats so many characters of the text in a row is not shown. Everyday letters get
# more, since two English sentences share them by chance; Chinese says more in less.
_PLAIN_CHARS: Final = 16
_OTHER_CHARS: Final = 6
_WIDE_CHARS: Final = 3
_EVERYDAY: Final = re.compile(r"[a-z ,.'-]*")
_WIDE: Final = re.compile(r"[^\x00-\u024f]*")
_DIGITS: Final = 3
"""A model likes to quote a number in another spelling, so that so many digits are not shown."""
_REASON_CHARS_MAX: Final = 200


def screen(reason: str, texts: Sequence[str], instead: str) -> str:
    """The judge's reason if it repeats nothing of the judged texts, else `instead`.

    `texts` are normalised, as the judge was shown them.
    """
    shown = " ".join(normalise(reason).text.split())[:_REASON_CHARS_MAX]
    judged = "\n".join(texts).casefold()
    repeats = (
        _shares(shown, judged, _PLAIN_CHARS, lambda _: True)
        or _shares(shown, judged, _OTHER_CHARS, lambda piece: not _EVERYDAY.fullmatch(piece))
        or _shares(shown, judged, _WIDE_CHARS, lambda piece: bool(_WIDE.fullmatch(piece)))
    )
    if not shown or sum(map(str.isdigit, shown)) >= _DIGITS or repeats:
        return instead
    return shown


def _shares(reason: str, judged: str, length: int, counts: Callable[[str], bool]) -> bool:
    """Whether `length` characters in a row that count stand in both, letter case aside."""
    starts = range(len(reason) - length + 1)
    pieces = {reason[at : at + length] for at in starts if counts(reason[at : at + length])}
    return any(piece.casefold() in judged for piece in pieces)
