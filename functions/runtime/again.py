"""What is made of an object, made once where the object comes again and again.

Most calls get the very same verdict object: it is told by which object it is, at no cost.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Again(Generic[Made]):
    """What was made of objects and some words; `entries_max` at most, then it begins anew."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        # Each entry holds its object, so that no other one takes over its number.
        self._entries: dict[tuple[int | str | bytes, ...], tuple[object, Made]] = {}

    def made(
        self, source: object, words: tuple[str | bytes, ...], make: Callable[[], Made]
    ) -> Made:
        """What `make` makes of `source` and `words`, or made of them before."""
        key: tuple[int | str | bytes, ...] = (id(source), *words)
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= self._entries_max:
                self._entries.clear()
            entry = self._entries[key] = (source, make())
        return entry[1]
