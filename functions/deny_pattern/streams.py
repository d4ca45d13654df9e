"""Judges a streamed answer window by window.

    kept bytes + new bytes ──split──▶ events ──▶ channels (with what was heard before) ──▶ finds
        deny   ──▶ closing events
        mask   ──▶ edits of the pieces that a find covers
        values ──▶ put back for their placeholders
    released: events whose text no later piece can change the meaning of
    kept:     the rest; the sidecar puts it in front of the next window

A find may begin in one event and end some events later, so the last characters of each text that
is still growing are kept until more has come, or the stream has ended.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from functions.deny_pattern.compiled import CompiledPolicy
from functions.deny_pattern.finds import Found, finds
from functions.deny_pattern.masking import Names, Place, places
from functions.deny_pattern.memory import Memory
from functions.deny_pattern.restoring import restorations
from functions.policy import RuleAction
from functions.prompt import (
    CannotEdit,
    Channel,
    Edit,
    Event,
    Message,
    StreamText,
    edit,
    read_events,
    released,
    split,
)
from functions.verdict import Phase

KEPT_CHARS: Final = 40
"""Of a text that is growing: more than a phone, card or id number with its separators has."""
_GROWING_EVENTS: Final = 8
"""A text without a piece in so many events grows no more; several answers may take turns."""
_PLACEHOLDER_START: Final = re.compile("<[A-Z0-9_]{0,40}$")
_JSON_TEXTS: Final = ("/arguments", "/partial_json", "_arguments.delta")


@dataclass(frozen=True, slots=True)
class Window:
    """A judged window. `body` is what is released, None for "as it came"; `kept` counts bytes."""

    found: list[Found]
    body: bytes | None
    kept: int
    memory: Memory
    text: StreamText


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of a channel that is to change: to a value, or to a find's placeholder."""

    channel: Channel
    start: int
    end: int
    value: str = ""
    place: Place | None = None

    @property
    def events(self) -> list[int]:
        """The numbers of the events that hold it, of which earlier ones may have gone already."""
        inside = self.channel.pieces_of(self.start, self.end)
        return [piece.event for piece in inside] or [-1]


def judge_window(body: bytes, compiled: CompiledPolicy, memory: Memory, *, final: bool) -> Window:
    """What is found in one window, and what of it may be released.

    Where something is denied, nothing else is decided. Raises `CannotEdit` where something is to be
    masked that stands in no string of an event.
    """
    events, rest = split(body, final=final)
    text = read_events(events, memory.heard)
    reads = any(compiled.readers(Phase.RESPONSE, None, None))
    found = _finds(text, compiled) if reads else []
    if found and found[0].rule.action is RuleAction.DENY:
        return Window(found, None, 0, memory, text)
    spans = [*_masks(found, text), *_restorations(text, memory)]
    count = len(events) if final else _releasable(len(events), text, spans, reads=reads)
    spans = [span for span in spans if max(span.events) < count]
    names = Names("", memory.values, memory.names)
    fresh = _changed(events[:count], spans, names)
    if any(each.rule.action is RuleAction.MASK for each in found):
        _refuse_left(fresh, text, compiled, memory)
    kept = sum(len(event.raw) for event in events[count:]) + len(rest)
    heard = {**memory.heard, **released(text.channels, count)}
    out = b"".join(fresh) if spans else None
    told = [each for each in found if _last_event(each, text) < count]
    return Window(told, out, kept, replace(memory, names=names.given, heard=heard), text)


def _finds(text: StreamText, compiled: CompiledPolicy) -> list[Found]:
    """What is found and has not all been released before."""
    segments = [channel.segment for channel in text.channels]
    segments += [segment for _, segment in text.others]
    found = finds(Message(tuple(segments), text.unreadable), compiled, Phase.RESPONSE)
    return [each for each in found if _is_new(each, text.channel_of(each.segment))]


def _is_new(found: Found, channel: Channel | None) -> bool:
    return channel is None or found.end > channel.heard or found.end == found.start


def _last_event(found: Found, text: StreamText) -> int:
    channel = text.channel_of(found.segment)
    if channel is None:
        return text.event_of(found.segment)
    return max((piece.event for piece in channel.pieces_of(found.start, found.end)), default=-1)


def _masks(found: Sequence[Found], text: StreamText) -> Iterator[_Span]:
    """What is to be masked in channels; what is to be masked elsewhere is refused later."""
    to_mask = [each for each in found if each.rule.action is RuleAction.MASK]
    for place in places(to_mask):
        channel = text.channel_of(place.segment)
        if channel is not None:
            yield _Span(channel, place.start, place.end, place=place)


def _restorations(text: StreamText, memory: Memory) -> Iterator[_Span]:
    for channel in text.channels:
        in_json = channel.text.lstrip().startswith(("{", "[")) or any(
            mark in channel.key for mark in _JSON_TEXTS
        )
        for start, end, value in restorations(channel.text, memory.values, in_json=in_json):
            if end > channel.heard:
                yield _Span(channel, start, end, value)


def _releasable(events: int, text: StreamText, spans: Sequence[_Span], *, reads: bool) -> int:
    """How many events may go: none that ends a growing text, and none with half a span."""
    count = events
    latest = {channel.key: channel for channel in text.channels}
    for channel in latest.values():
        if channel.pieces[-1].event < events - _GROWING_EVENTS:
            continue
        if reads:
            begins = len(channel.text) - KEPT_CHARS
        else:
            start = _PLACEHOLDER_START.search(channel.text)
            begins = start.start() if start else len(channel.text)
        kept = channel.pieces_of(max(begins, channel.heard), len(channel.text))
        count = min([count, *(piece.event for piece in kept)])
    # From the last span on, so that one that moves the border is seen by those before it.
    for span in sorted(spans, key=lambda each: -min(each.events)):
        if min(span.events) < count <= max(span.events):
            begun = span.start < span.channel.heard
            count = max(span.events) + 1 if begun else min(span.events)
    return count


def _changed(events: Sequence[Event], spans: Sequence[_Span], names: Names) -> list[bytes]:
    """The bytes of each event, with all spans changed."""
    edits: dict[int, list[Edit]] = {}
    for span in sorted(spans, key=lambda each: (min(each.events), each.start)):
        text = span.value
        if span.place is not None:
            first = span.place.finds[0]
            text = names.of(first.rule.label, first.text)
        for piece in span.channel.pieces_of(span.start, span.end):
            start, end = max(span.start, piece.start), min(span.end, piece.end)
            change = Edit(piece.pointer, start - piece.start, end - piece.start, text)
            edits.setdefault(piece.event, []).append(change)
            text = ""  # The first piece says it all.
    return [
        event.with_data(edit(event.data, edits[number])) if number in edits else event.raw
        for number, event in enumerate(events)
    ]


def _refuse_left(
    fresh: Sequence[bytes], text: StreamText, compiled: CompiledPolicy, memory: Memory
) -> None:
    """Raise `CannotEdit` where a rule still finds something in what is about to be released.

    A find at the end of a text of which more is kept was none when all of it was read.
    """
    events, _ = split(b"".join(fresh), final=True)
    again = read_events(events, memory.heard)
    growing = {channel.key for channel in text.channels if channel.pieces[-1].event >= len(fresh)}
    for left in _finds(again, compiled):
        channel = again.channel_of(left.segment)
        cut = channel is not None and channel.key in growing and left.end == len(channel.text)
        if left.rule.action is not RuleAction.MONITOR and not cut:
            what = "still finds something where no string can be changed"
            raise CannotEdit(f"rule {left.rule.id} {what}")
