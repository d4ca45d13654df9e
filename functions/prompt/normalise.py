"""Text as a matcher should see it, with a map back to the text as it was sent.

    ＱＱ號\u200b码  ──▶  QQ號码          NFKC; invisible characters gone; every space a space

Order matters: invisible characters go first, since they keep letters from composing. Most prompts
need nothing of this; they are recognised by one regular expression and returned as they are.
"""

import re
import unicodedata
from dataclasses import dataclass

# Format characters (Cf, tag characters among them), variation selectors, fillers that draw nothing,
# and control characters other than tab and line ends.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891"
    "\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# RE2's \s and hyperscan's differ on \x0b and know nothing of the others.
_SPACES = re.compile("[\x0b\x0c\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000]")
_PLAIN = re.compile("[\t\n\r\x20-\x7e\u3001\u3002\u4e00-\u9fff]*")
_HANGUL_TAIL = re.compile("[\u1161-\u11ff]")


@dataclass(frozen=True, slots=True)
class Normalised:
    """Normalised `text`; `origins[i]` is where its character i began, None where nothing moved."""

    text: str
    origins: tuple[int, ...] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original text that characters `start` to `end` here came from."""
        if self.origins is None:
            return start, end
        return self.origins[start], self.origins[end]


def normalise(text: str) -> Normalised:
    """`text` for matching. The map has one more entry than the text has characters: its end."""
    if _PLAIN.fullmatch(text):
        return Normalised(text, None)
    pieces: list[str] = []
    origins: list[int] = []
    group, group_at = "", 0
    for at, character in enumerate(text):
        if _INVISIBLE.match(character):
            continue
        if group and (unicodedata.combining(character) or _HANGUL_TAIL.match(character)):
            group += character
            continue
        _close(group, group_at, pieces, origins)
        group, group_at = character, at
    _close(group, group_at, pieces, origins)
    origins.append(len(text))
    return Normalised("".join(pieces), tuple(origins))


def _close(group: str, at: int, pieces: list[str], origins: list[int]) -> None:
    """Add one base character with its marks, composed."""
    composed = _SPACES.sub(" ", unicodedata.normalize("NFKC", _SPACES.sub(" ", group)))
    pieces.append(composed)
    origins.extend([at] * len(composed))
