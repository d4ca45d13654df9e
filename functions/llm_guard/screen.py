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
_SQUEEZED_CHARS: Final = 12
"""The same with letters and digits alone, forwards and backwards: some 16 characters of prose."""
_DIGITS: Final = 3
"""A model likes to quote a number in another spelling, so that so many digits are not shown."""
_DIGIT_WORD: Final = re.compile(
    r"(?i)\b(?:zero|one|two|three|four|five|six|seven|eight|nine)\b|[〇零一二三四五六七八九幺]"
)
_DIGIT_WORDS: Final = 4
_WORD_CHARS_MAX: Final = 24
"""Of ASCII without a space: what is longer may be the text in base64 or hex."""
_LONG_WORD: Final = re.compile(rf"[!-~]{{{_WORD_CHARS_MAX + 1},}}")
_LETTER_BY_LETTER: Final = re.compile(r"(?:\b\w\W+){3}\w\b")
_REASON_CHARS_MAX: Final = 200


def screen(reason: str, texts: Sequence[str], instead: str) -> str:
    """The judge's reason if it repeats nothing of the judged texts, else `instead`.

    `texts` are normalised, as the judge was shown them.
    """
    shown = " ".join(normalise(reason).text.split())[:_REASON_CHARS_MAX]
    judged = "\n".join(texts).casefold()
    squeezed, letters = _squeezed(shown), _squeezed(judged)
    repeats = (
        _shares(squeezed, letters, _SQUEEZED_CHARS, lambda _: True)
        or _shares(squeezed[::-1], letters, _SQUEEZED_CHARS, lambda _: True)
        or _shares(shown, judged, _PLAIN_CHARS, lambda _: True)
        or _shares(shown, judged, _OTHER_CHARS, lambda piece: not _EVERYDAY.fullmatch(piece))
        or _shares(shown, judged, _WIDE_CHARS, lambda piece: bool(_WIDE.fullmatch(piece)))
    )
    spelt = (
        sum(map(str.isdigit, shown)) >= _DIGITS
        or len(_DIGIT_WORD.findall(shown)) >= _DIGIT_WORDS
        or _LONG_WORD.search(shown) is not None
        or _LETTER_BY_LETTER.search(shown) is not None
    )
    return instead if not shown or spelt or repeats else shown


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _shares(reason: str, judged: str, length: int, counts: Callable[[str], bool]) -> bool:
    """Whether `length` characters in a row that count stand in both, letter case aside."""
    starts = range(len(reason) - length + 1)
    pieces = {reason[at : at + length] for at in starts if counts(reason[at : at + length])}
    return any(piece.casefold() in judged for piece in pieces)
