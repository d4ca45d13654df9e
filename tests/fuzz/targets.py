"""What is fuzzed, each a function of bytes that raises where a promise is broken.

parser      strict JSON: malformed, or the value that Python's json reads
frames      a body is read by a known frame as without one, or not by its frame
text        every reading of a text has a way back, in order and in bounds
edit        an edit changes what it names, and the body stays JSON
stream      cut anywhere, a stream has the same events, and every text stays in one channel
message     any body of any type gets a verdict, or is malformed
"""

import contextlib
import json
from collections.abc import Callable
from typing import Final

from functions.prompt import (
    CannotEdit,
    Edit,
    MalformedMessage,
    Segment,
    View,
    edit,
    read,
    read_events,
    split,
)
from functions.prompt.frames import Frames
from functions.prompt.readings import readings
from functions.prompt.references import holds_references
from functions.prompt.segments import segments
from functions.prompt.strict_json import parse

Target = Callable[[bytes], None]

_READINGS_MAX: Final = 400
"""Far above what the rounds of decoding allow; more would be a way to make a check busy."""
_PLACES: Final = 64
"""Places of a reading that are led back; all of a short one's."""
_TYPES: Final = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=cut",
    "text/plain",
    "",
)
_CODINGS: Final = ("", "gzip", "deflate", "br", "zstd", "gzip, br", "compress")


_FRAMES: Final = Frames()
_TIMES_UNTIL_KNOWN: Final = 3


class BrokenPromise(Exception):
    """What must hold does not; the message says which."""


def parser(data: bytes) -> None:
    """Strict JSON reads what Python's json reads, or refuses it."""
    try:
        value = parse(data)
    except MalformedMessage:
        return
    if value != json.loads(data.decode("utf-8")):
        raise BrokenPromise("strict JSON reads another value")


def frames(data: bytes) -> None:
    """A body of a known frame holds what strict JSON says it holds. Frames of others are known."""
    found: list[Segment] = []
    for _ in range(_TIMES_UNTIL_KNOWN):
        if _FRAMES.read(data, found) is not None:
            break
    else:
        return
    try:
        value = parse(data)
    except MalformedMessage as error:
        raise BrokenPromise(f"a frame holds what is refused: {error}") from None
    if found != segments(value) or holds_references(value):
        raise BrokenPromise("a frame holds another text")


def text(data: bytes) -> None:
    """Readings lead back into the text."""
    said = data.decode("utf-8", "replace")
    for count, reading in enumerate(readings(said)):
        if count > _READINGS_MAX:
            raise BrokenPromise("there is no end of readings")
        here = reading.text
        if here.back is None and len(here.text) != len(said):
            raise BrokenPromise(f"{reading.view}: a way back is missing")
        before = 0
        for at in range(0, len(here.text), len(here.text) // _PLACES + 1):
            start, end = here.span(at, at + 1)
            if not before <= start <= end <= len(said):
                raise BrokenPromise(f"{reading.view}: the way back leads astray")
            before = start


def edits(data: bytes) -> None:
    """Of a body with one string replaced all other strings stay, and it stays JSON."""
    try:
        before = segments(parse(data))
    except MalformedMessage:
        return
    plain = [each for each in before if each.view is View.PLAIN]
    for chosen in plain[:3]:
        with contextlib.suppress(CannotEdit):
            changed = edit(data, [Edit(chosen.pointer, 0, len(chosen.text), "<X_1>")])
            after = {
                each.pointer: each.text
                for each in segments(parse(changed))
                if each.view is View.PLAIN
            }
            wanted = {each.pointer: each.text for each in plain} | {chosen.pointer: "<X_1>"}
            if after != wanted:
                raise BrokenPromise("an edit changed another string")


def stream(data: bytes) -> None:
    """Events keep all bytes, wherever a stream is cut."""
    at = data[0] % (len(data) + 1) if data else 0
    whole, rest = split(data, final=True)
    if b"".join(event.raw for event in whole) + rest != data:
        raise BrokenPromise("events lose bytes")
    first, left = split(data[:at], final=False)
    second, _ = split(left + data[at:], final=True)
    if b"".join(event.raw for event in (*first, *second)) != data:
        raise BrokenPromise("a cut loses bytes")
    with contextlib.suppress(MalformedMessage):
        read_events(whole, {})


def message(data: bytes) -> None:
    """Any body of any type is read, or malformed."""
    kind, coding = (data[0], data[1]) if len(data) > 1 else (0, 0)
    with contextlib.suppress(MalformedMessage):
        read(
            data[2:],
            _TYPES[kind % len(_TYPES)],
            _CODINGS[coding % len(_CODINGS)],
            "/v1/chat/completions",
        )


TARGETS: Final[dict[str, Target]] = {
    "parser": parser,
    "frames": frames,
    "text": text,
    "edit": edits,
    "stream": stream,
    "message": message,
}
