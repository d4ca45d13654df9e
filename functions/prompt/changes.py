"""Pieces of a text put in place of others, with a map back to where each character began."""

from collections.abc import Iterable
from dataclasses import dataclass

from functions.prompt.normalise import Normalised


@dataclass(frozen=True, slots=True)
class Change:
    """Characters `start` to `end` read as `text`."""

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
    for change in changes:
        if change.start < done:
            continue
        pieces += (here.text[done : change.start], change.text)
        origins += source[done : change.start]
        origins += [source[change.start]] * len(change.text)
        done = change.end
    if not pieces:
        return None
    pieces.append(here.text[done:])
    origins += source[done:]
    return Normalised("".join(pieces), tuple(origins))
