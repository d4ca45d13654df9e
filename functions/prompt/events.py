"""Server-sent events, cut out of a stream's bytes and put together again.

    id: 1⏎data: {"delta": "Hel"}⏎⏎data: {"del   ──split──▶  Event, and the next one's first bytes

Lines end in CR LF, LF or CR, an empty line ends an event, and several `data` lines are one text
(WHATWG HTML, 9.2). An event keeps its bytes: one that is not changed leaves as it came.
"""

import re
from dataclasses import dataclass
from typing import Final

_EVENT_END: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its bytes with the empty line, its `data`, and what its other lines say."""

    raw: bytes
    data: bytes
    others: str

    def with_data(self, data: bytes) -> bytes:
        """The bytes of the event with other data, its other lines as they were."""
        lines = [line for line in _LINE_END.split(self.raw) if line]
        kept = [line for line in lines if not _is_data(line)]
        fresh = [b"data: " + line for line in data.split(b"\n")]
        return b"\n".join([*kept, *fresh]) + b"\n\n"


def split(body: bytes, *, final: bool) -> tuple[list[Event], bytes]:
    """The whole events of `body`, and what is left; at a stream's end what is left is one too."""
    events: list[Event] = []
    at = 0
    for end in _EVENT_END.finditer(body):
        events.append(_event(body[at : end.end()]))
        at = end.end()
    rest = body[at:]
    if final and rest:
        return [*events, _event(rest)], b""
    return events, rest


def _event(raw: bytes) -> Event:
    data: list[bytes] = []
    others: list[bytes] = []
    for line in _LINE_END.split(raw.removeprefix(_BOM)):
        if _is_data(line):
            data.append(line[5:].removeprefix(b" "))
        elif line:
            others.append(line)
    said = b"\n".join(others).decode("utf-8", "replace")
    return Event(raw, b"\n".join(data), said)


def _is_data(line: bytes) -> bool:
    return line.startswith(b"data:") or line == b"data"
