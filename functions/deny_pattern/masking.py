"""Finds → the same message with placeholders, and what each stands for.

    call 13800138000, I mean 13800138000  ──▶  call <CN_PHONE_1>, I mean <CN_PHONE_1>

The same value has the same placeholder in all of a message; a conversation that grows at its end
keeps its placeholders. Only what stands in a JSON string can be replaced; the check reads the
masked message once more and denies it if anything is left.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from typing import Final

from functions.deny_pattern.finds import Found
from functions.prompt import Edit, Segment, View, edit

PLACEHOLDER: Final = re.compile("<[A-Z][A-Z0-9_]{0,31}_[0-9]{1,4}>")
_NONE: Final[Mapping[tuple[str, str], str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked body; `restorable` maps placeholders to what is to be put back for them."""

    body: bytes
    restorable: dict[str, str]


@dataclass(slots=True)
class Place:
    """A stretch of one string that one placeholder takes, and the finds that it covers."""

    segment: Segment
    start: int
    end: int
    finds: list[Found]

    @property
    def restorable(self) -> bool:
        """Whether all rules that hit here want the value back in the answer."""
        return all(each.rule.mask and each.rule.mask.restore for each in self.finds)


def masked(body: bytes, found: Sequence[Found], taken: Iterable[str] = ()) -> Masked:
    """The JSON `body` with a placeholder for each of `found` that stands in a plain string.

    Placeholders that are `taken` stand for something else already. Raises `CannotEdit` where a
    string cannot be changed without harm.
    """
    names = Names(body.decode("utf-8"), taken)
    edits: list[Edit] = []
    restorable: dict[str, str] = {}
    for place in places(found):
        first = place.finds[0]
        name = names.of(first.rule.label, first.text)
        edits.append(Edit(place.segment.pointer, place.start, place.end, name))
        if place.restorable:
            restorable.setdefault(name, place.segment.text[place.start : place.end])
    return Masked(edit(body, edits), restorable)


class Names:
    """Placeholders by label and value; none that is taken, or that `text` already holds."""

    def __init__(
        self, text: str, taken: Iterable[str] = (), given: Mapping[tuple[str, str], str] = _NONE
    ) -> None:
        self.given = dict(given)
        self._taken = {*PLACEHOLDER.findall(text), *taken, *self.given.values()}
        self._numbers: dict[str, count[int]] = {}

    def of(self, label: str, value: str) -> str:
        """The placeholder of this value, a new one where it has none yet."""
        name = self.given.get((label, value))
        if name is None:
            numbers = self._numbers.setdefault(label, count(1))
            fresh = (f"<{label}_{number}>" for number in numbers)
            name = next(each for each in fresh if each not in self._taken)
            self.given[label, value] = name
        return name


def places(found: Sequence[Found]) -> list[Place]:
    """Finds that overlap made one place, in the order of the message."""
    order = {id(each.segment): number for number, each in enumerate(found)}
    plain = [each for each in found if each.segment.view is View.PLAIN and each.end > each.start]
    plain.sort(key=lambda each: (order[id(each.segment)], each.start, -each.end))
    merged: list[Place] = []
    for each in plain:
        last = merged[-1] if merged else None
        if last and last.segment is each.segment and each.start < last.end:
            last.end = max(last.end, each.end)
            last.finds.append(each)
        else:
            merged.append(Place(each.segment, each.start, each.end, [each]))
    return merged
