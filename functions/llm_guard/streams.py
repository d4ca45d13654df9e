"""One window of a streamed answer, as the judge is shown it, and what is remembered of the stream.

    state ──▶ how the texts ended so far ┐
    window ──split──▶ events ──channels──┴▶ pieces: the end of each text as seen, then what is new
                └─ the beginning of an event: kept, it comes again with the next window
    ──▶ state: how the texts end now

Functions keep nothing themselves, so the ends travel in the state, sealed and bound to the call.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from functions.llm_guard.pieces import Piece, pieces_of
from functions.prompt import Channel, Heard, normalise, read_events, released, split
from functions.verdict import Callout
from functions.verdict.contract import STATE_BYTES_MAX

_CHANNELS_MAX: Final = 16


class Seals(Protocol):
    """What makes state unreadable on its way, as `functions.runtime.sealing` does."""

    def seal(self, data: bytes, context: bytes) -> str:
        """`data`, bound to `context`, as text for a header."""

    def open(self, sealed: str, context: bytes) -> bytes | None:
        """What was sealed for `context`, else None."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window's text. `kept` counts its last bytes, which are only the beginning of an event."""

    pieces: list[Piece]
    heard: Mapping[str, Heard]
    kept: int
    unreadable: bool

    @property
    def empty(self) -> bool:
        """Whether it says nothing new."""
        return all(piece.seen for piece in self.pieces)


def read_window(body: bytes, heard: Mapping[str, Heard], *, final: bool) -> Window:
    """The window's pieces, those of each text together; `heard` is what the last one left."""
    events, rest = split(body, final=final)
    text = read_events(events, heard)
    pieces: list[Piece] = []
    for channel in _said_once(text.channels, heard):
        said, new = channel.text[: channel.heard], normalise(channel.text[channel.heard :]).text
        if new.strip():
            if said:
                pieces.append(Piece("assistant", normalise(said).text, seen=True))
            pieces.append(Piece("assistant", new))
    others = pieces_of([segment for _, segment in text.others])
    pieces += dict.fromkeys(others)  # Each once: events say the same of themselves again and again.
    now = {**heard, **released(text.channels, len(events))}
    return Window(pieces, now, len(rest), text.unreadable)


def _said_once(channels: Sequence[Channel], heard: Mapping[str, Heard]) -> list[Channel]:
    """The texts without those that another one repeats: labels, and frames that begin anew."""
    longest: list[Channel] = []
    for channel in channels:
        before = heard.get(channel.key)
        if before and not channel.heard and before.tail.endswith(channel.text):
            continue
        repeated = [
            each
            for each in longest
            if each.key == channel.key and not channel.heard and channel.text.startswith(each.text)
        ]
        longest = [each for each in longest if each not in repeated] + [channel]
    return longest


def opened(callout: Callout, seals: Seals) -> dict[str, Heard]:
    """How the stream's texts ended before this window; nothing where there is no such state."""
    data = seals.open(callout.state, identity(callout)) if callout.state else None
    if data is None:
        return {}
    return {key: Heard(length, tail) for key, length, tail in json.loads(data)}


def sealed(heard: Mapping[str, Heard], callout: Callout, seals: Seals) -> str | None:
    """The state for the next window; the texts that were heard first are forgotten for room."""
    ends = [[key, each.length, each.tail] for key, each in heard.items()][-_CHANNELS_MAX:]
    while ends:
        data = json.dumps(ends, ensure_ascii=False, separators=(",", ":"))
        state = seals.seal(data.encode("utf-8", "replace"), identity(callout))
        if len(state) <= STATE_BYTES_MAX:
            return state
        ends = ends[1:]
    return None


def identity(callout: Callout) -> bytes:
    """What is the same in all windows of one stream, and in no other call."""
    call = (callout.policy, callout.workload, callout.authority, callout.path, callout.request_id)
    return "\n".join(("llm-guard", *call)).encode()
