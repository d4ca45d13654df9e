"""What was made of an object, where the object comes again and again.

Most calls get the very same verdict object: it is told by which object it is, at no cost.
"""

from typing import Generic, TypeVar

Made = TypeVar("Made")


class Again(Generic[Made]):
    """What was made of objects and some words; `entries_max` at most, then it begins anew."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        # Each entry holds its object, so that no other one takes over its number.
        self._entries: dict[tuple[int | str | bytes, ...], tuple[object, Made]] = {}

    def known(self, source: object, *words: str | bytes) -> Made | None:
        """What was made of `source` and `words` before, None where nothing was."""
        entry = self._entries.get((id(source), *words))
        return None if entry is None else entry[1]

    def keep(self, made: Made, source: object, *words: str | bytes) -> None:
        """Keep what was made of them."""
        if len(self._entries) >= self._entries_max:
            self._entries.clear()
        self._entries[(id(source), *words)] = (source, made)
