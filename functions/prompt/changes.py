"""Pieces of a text put in place of others, with the way back to where each character began.

"say 6LSm5Y+3 aloud"  ──(4, 12, "账号")──▶  "say 账号 aloud"
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate

from functions.prompt.normalise import Normalised

Change = tuple[int, int, str]
"""Characters from the first to the second number read as the text. A mere tuple, since a text may
have a million of them."""


def changed(text: str, changes: Iterable[Change]) -> Normalised | None:
    """`text` with the changes made, which are in order; None where there are none.

    Of changes that overlap the first counts. Every character of a change's text leads back to the
    whole of what it stands for.
    """
    made: list[Change] = []
    pieces: list[str] = []
    done = 0
    for change in changes:
        start, end, instead = change
        if start < done:
            continue
        pieces += (text[done:start], instead)
        made.append(change)
        done = end
    if not made:
        return None
    pieces.append(text[done:])
    return Normalised("".join(pieces), Moved(made).span)


class Moved:
    """The way back from a text in which `changes` were made, which are in order."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span before of what is now at `start` to `end`, which is not empty."""
        return self._origin(start), self._behind(end - 1)

    @cached_property
    def _starts(self) -> list[int]:
        """Where the text of each change begins now. Made for the first find, as nearly none is."""
        grown = accumulate(len(text) - end + start for start, end, text in self._changes)
        return [start + by for (start, _, _), by in zip(self._changes, (0, *grown), strict=False)]

    def _origin(self, at: int) -> int:
        before = bisect_right(self._starts, at) - 1
        if before < 0:
            return at
        start, end, text = self._changes[before]
        inside = at - self._starts[before]
        return start if inside < len(text) else end + inside - len(text)

    def _behind(self, at: int) -> int:
        """Where the next character began, or the next but those that are of one change with it."""
        before = bisect_right(self._starts, at) - 1
        if before >= 0:
            end = self._starts[before] + len(self._changes[before][2])
            if at < end:
                return self._origin(end)
        return self._origin(at + 1)
