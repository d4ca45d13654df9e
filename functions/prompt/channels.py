"""The texts of a stream, each joined from the pieces that events bring.

    {"choices":[{"index":0,"delta":{"content":"138"}}]}   ┐
    {"choices":[{"index":1,"delta":{"content":"no"}}]}    ├─▶  /choices/delta/content 0 : 1380013
    {"choices":[{"index":0,"delta":{"content":"0013"}}]}  ┘    /choices/delta/content 1 : no

A channel is where in its event a text stands, and what the objects around it call themselves
(`index`, `item_id`, …). No list of providers' fields is needed: every string of every event belongs
to a channel. Where an event repeats all that went before (DashScope's native frames do), it is a
channel's whole text and not its next piece.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from functions.prompt.events import Event
from functions.prompt.references import holds_references
from functions.prompt.segments import Segment, View, segments
from functions.prompt.strict_json import Json, MalformedMessage, parse

HEARD_CHARS: Final = 200
"""How much of what has been released is remembered for each channel."""
_NAMES: Final = ("index", "output_index", "content_index", "summary_index", "item_id")
_END_MARKS: Final = frozenset({b"", b"[DONE]"})
_LABEL_CHARS_MIN: Final = 8
_REPEATED_BELOW: Final = "/output/"
"""Where frames may repeat what went before: the answers of DashScope's native API."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters `start` to `end` of a channel's text: the string at `pointer` of one event."""

    event: int
    pointer: str
    start: int
    end: int


@dataclass
class Channel:
    """One text of a stream. Its first `heard` characters have been released before."""

    key: str
    text: str
    heard: int
    length: int
    """Characters of the channel since the stream began."""
    pieces: list[Piece] = field(default_factory=list)

    def pieces_of(self, start: int, end: int) -> list[Piece]:
        """The pieces that hold characters `start` to `end`, as far as they are still here."""
        return [piece for piece in self.pieces if piece.start < end and piece.end > start]

    @cached_property
    def segment(self) -> Segment:
        """The text as rules read it, once all pieces are there."""
        return Segment(self.text, self.pieces[0].pointer, "assistant")


@dataclass(frozen=True, slots=True)
class Heard:
    """What is remembered of a channel: its length so far, and its last characters."""

    length: int
    tail: str


@dataclass(frozen=True)
class StreamText:
    """All text of some events: channels, and what is no string value and cannot be changed.

    `others` come with the number of their event.
    """

    channels: list[Channel]
    others: list[tuple[int, Segment]]
    unreadable: bool

    def channel_of(self, segment: Segment) -> Channel | None:
        """The channel whose text `segment` (this very object) is."""
        return self._channels.get(id(segment))

    def event_of(self, segment: Segment) -> int:
        """The number of the event of one of `others`."""
        return next(number for number, each in self.others if each is segment)

    @cached_property
    def _channels(self) -> dict[int, Channel]:
        return {id(channel.segment): channel for channel in self.channels}


def read_events(events: Sequence[Event], heard: Mapping[str, Heard]) -> StreamText:
    """The texts of `events`, which follow on what was `heard`; what is no JSON is read as it is."""
    current: dict[str, Channel] = {}
    channels: list[Channel] = []
    others: list[tuple[int, Segment]] = []
    unreadable = False
    for number, event in enumerate(events):
        if event.others:
            others.append((number, Segment(event.others, "", view=View.EVENT)))
        value = _value(event)
        if value is None:
            if event.data not in _END_MARKS:
                text = event.data.decode("utf-8", "replace")
                others.append((number, Segment(text, "", "assistant", View.EVENT)))
            continue
        unreadable = unreadable or holds_references(value)
        for segment in segments(value):
            if segment.view is not View.PLAIN:
                others.append((number, segment))
            elif segment.text:
                key = _key(value, segment.pointer)
                channel = _followed(key, segment, current.get(key), heard.get(key))
                if channel is not current.get(key):
                    current[key] = channel
                    channels.append(channel)
                end = len(channel.text)
                start = end - len(segment.text)
                channel.pieces.append(Piece(number, segment.pointer, start, end))
    return StreamText(channels, others, unreadable)


def released(channels: Sequence[Channel], events: int) -> dict[str, Heard]:
    """What is to be remembered of each channel once the first `events` events are released."""
    found: dict[str, Heard] = {}
    for channel in channels:
        gone = [piece for piece in channel.pieces if piece.event < events]
        if gone:
            end = gone[-1].end
            length = channel.length - (len(channel.text) - end)
            found[channel.key] = Heard(length, channel.text[max(0, end - HEARD_CHARS) : end])
    return found


def _followed(key: str, segment: Segment, now: Channel | None, heard: Heard | None) -> Channel:
    """The channel with one more piece; a new one where the piece repeats all that went before."""
    text = segment.text
    if now is None:
        length, before = (heard.length, heard.tail) if heard else (0, "")
        if _repeats(key, text, length, before):
            return Channel(key, text, 0, len(text))
        return Channel(key, before + text, len(before), length + len(text))
    if _repeats(key, text, now.length, now.text):
        return Channel(key, text, 0, len(text))
    now.text += text
    now.length += len(text)
    return now


def _repeats(key: str, text: str, length: int, before: str) -> bool:
    """Whether a piece holds the whole channel so far, of which `before` is the end.

    Elsewhere only what an event says of itself again and again, as a fingerprint, is told so.
    """
    if len(text) >= _LABEL_CHARS_MIN and before.endswith(text):
        return True
    return (
        0 < length <= len(text)
        and key.startswith(_REPEATED_BELOW)
        and text[:length].endswith(before[-length:])
    )


def _value(event: Event) -> Json:
    try:
        return parse(event.data)
    except MalformedMessage:
        return None


def _key(value: Json, pointer: str) -> str:
    """Where a string stands, without places in lists, and what the objects around it are called."""
    return " ".join(_steps(value, pointer.split("/")[1:]))


def _steps(value: Json, steps: Sequence[str]) -> Iterator[str]:
    path = ""
    names: list[str] = []
    for step in steps:
        if isinstance(value, list):
            value = value[int(step)] if step.isdigit() and int(step) < len(value) else None
        elif isinstance(value, dict):
            told = _NAMES if path else (*_NAMES, "type")  # Responses events differ by type.
            names += [f"{name}={value[name]}" for name in told if name in value]
            path += f"/{step}"
            value = value.get(step.replace("~1", "/").replace("~0", "~"))
    yield path
    yield from names
