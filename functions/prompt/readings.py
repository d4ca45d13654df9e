"""All the ways in which one piece of text is read before rules look for anything in it.

    text ──unhide──▶ what no eye sees    "hidden"
    text ──normalise──▶ normalised ──┬──▶ itself                      "normalised"
                                     ├──fold──▶ without disguises     "folded"
                                     ├──close up──▶ nothing between letters    "closed-up"
                                     └──decode──▶ what is encoded     "base64", "url.base64", …
                                                   └── normalised and folded again

Every reading has a way back to the text as it was sent. Most text has one reading only, which one
pass over it tells (`traits`).
"""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Final, NamedTuple

from functions.prompt.closing_up import closed_up
from functions.prompt.decoding import decode
from functions.prompt.folding import fold
from functions.prompt.normalise import Normalised, narrowed, normalise
from functions.prompt.smuggling import unhidden
from functions.prompt.traits import Trait, traits_in, traits_of

_PLAIN: Final = "plain"
_NORMALISED: Final = "normalised"
_BETWEEN: Final = "<>"
"""Stands between texts that are looked at together: nothing that they end and begin with makes a
trait across it."""
_AT_ONCE: Final = 16
"""Texts that are looked at together. One with a trait has all of them looked at again."""


class Reading(NamedTuple):
    """One reading of a text. `view` says how it came about; `plain` where nothing was changed.

    `data` is its text in UTF-8 where that had to be made to read it: large texts take longer to
    encode than to match.
    """

    view: str
    text: Normalised
    data: bytes | None = None


class Look(NamedTuple):
    """What one look at a text tells: how rules read it first, the same in UTF-8, and its traits."""

    narrow: str
    data: bytes
    traits: frozenset[Trait]


def look_at(text: str) -> Look:
    """One look at `text`: without traits, `narrow` is its only reading."""
    narrow = narrowed(text)
    data = narrow.encode("utf-8", "replace")
    return Look(narrow, data, traits_in(data))


def plain_texts(texts: Sequence[str]) -> Iterator[bytes | None]:
    """Each of `texts` as rules read it first, in UTF-8, if it has no other reading.

    None where it may have one. Many are looked at at once: what is a trait of one is a trait of all
    of them together.
    """
    for start in range(0, len(texts), _AT_ONCE):
        some = texts[start : start + _AT_ONCE]
        look = look_at(_BETWEEN.join(some))
        data = [] if look.traits else look.data.split(_BETWEEN.encode())
        yield from data if len(data) == len(some) else repeat(None, len(some))


def readings(text: str, look: Look | None = None) -> Iterator[Reading]:
    """Every reading of `text`, the plainest first, each text once; `look` is one at this text."""
    narrow, data, traits = look or look_at(text)
    if not traits:
        yield Reading(_PLAIN if narrow == text else _NORMALISED, Normalised(narrow), data)
        return
    seen: set[str] = set()
    for reading in _all(text, traits):
        if reading.text.text not in seen:
            seen.add(reading.text.text)
            yield reading


def _all(text: str, traits: frozenset[Trait]) -> Iterator[Reading]:
    first = normalise(text)
    yield Reading(_PLAIN if first.text == text else _NORMALISED, first)
    if Trait.UNUSUAL in traits:
        shown = unhidden(text)
        if shown is not None:
            yield Reading("hidden", shown.then(normalise(shown.text)))
        traits = traits_of(first.text)
    if Trait.FOLDABLE in traits:
        yield from _folded("folded", first)
    yield from _closed_up("closed-up", first, traits)
    for decoded in decode(first.text, traits):
        there = first.then(decoded.text)
        there = there.then(normalise(there.text))
        yield Reading(decoded.how, there)
        yield from _folded(f"{decoded.how}.folded", there)
        yield from _closed_up(f"{decoded.how}.closed-up", there, traits_of(there.text))


def _closed_up(view: str, text: Normalised, traits: frozenset[Trait]) -> Iterator[Reading]:
    if Trait.APART in traits:
        closed = closed_up(text.text)
        if closed is not None:
            there = text.then(closed)
            yield Reading(view, there)
            yield from _folded(f"{view}.folded", there)


def _folded(view: str, text: Normalised) -> Iterator[Reading]:
    folded = fold(text.text)
    if folded is not None:
        yield Reading(view, text.then(folded))
