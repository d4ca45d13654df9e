"""Text in characters that nobody sees but models: tag characters, and bytes as variation selectors.

    U+E0068 U+E0069      ──▶  "hi"     ASCII as tag characters, each 0xE0000 higher (Unicode, 23.9)
    U+FE00 … U+E01EF     ──▶  bytes    variation selector n stands for byte n - 1

Normalising takes these away, since they are noise between visible letters; this reads them.
"""

import re
from typing import Final

from functions.prompt.changes import changed
from functions.prompt.normalise import Normalised

_HIDDEN: Final = re.compile("[\U000e0020-\U000e007e]{4,}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_TAGS: Final = 0xE0000
_FIRST_SELECTORS: Final = 0xFE00
_MORE_SELECTORS: Final = 0xE0100 - 16


def unhidden(text: str) -> Normalised | None:
    """`text` with what is hidden in it shown, and a way back; None where nothing is."""
    said = ((match, _said(match[0])) for match in _HIDDEN.finditer(text))
    changes = ((*match.span(), shown) for match, shown in said if shown)
    return changed(text, changes)


def _said(hidden: str) -> str | None:
    codes = [ord(each) for each in hidden]
    if _TAGS <= codes[0] < _MORE_SELECTORS:
        return "".join(chr(code - _TAGS) for code in codes)
    raw = bytes(code - (_FIRST_SELECTORS if code < _TAGS else _MORE_SELECTORS) for code in codes)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
