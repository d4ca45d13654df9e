"""Pieces of a text put in place of others, with a map back to where each character began."""

from collections.abc import Iterable
from typing import NamedTuple

from functions.prompt.normalise import Normalised


class Change(NamedTuple):
    """Characters `start` to `end` read as `text`. A tuple: a text may have 500,000 of them."""

    start: int
    end: int
    text: str


def changed(here: Normalised, changes: Iterable[Change]) -> Normalised | None:
    """`here` with the changes made, which are in order; None where there are none.

    Of changes that overlap the first counts. Every character of a change's text leads back to the
    whole of what it stands for.
    """
    source = here.origins or range(len(here.text) + 1)
    pieces: list[str] = []
    origins: list[int] = []
    done = 0
    text = here.text
    for start, end, instead in changes:
        if start < done:
            continue
        pieces += (text[done:start], instead)
        origins += source[done:start]
        origins += [source[start]] * len(instead)
        done = end
    if not pieces:
        return None
    pieces.append(text[done:])
    origins += source[done:]
    return Normalised("".join(pieces), tuple(origins))
