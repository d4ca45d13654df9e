"""A whole message, read: its segments, and whether something in it cannot be read."""

from dataclasses import dataclass
from urllib.parse import unquote_plus

from functions.prompt.segments import Segment, View, holds_references, segments
from functions.prompt.strict_json import MalformedMessage, parse


@dataclass(frozen=True, slots=True)
class Message:
    """All text of one message. `unreadable`: it holds images, sound, files or references too."""

    segments: tuple[Segment, ...]
    unreadable: bool

    @property
    def empty(self) -> bool:
        """Whether there is nothing to judge."""
        return not any(segment.text.strip() for segment in self.segments)


def read(body: bytes, content_type: str, content_encoding: str, path: str) -> Message:
    """Read the body of a request, and the query of its path.

    Raises `MalformedMessage` for a content encoding other than identity, for a content type other
    than JSON with a body, and for a body that is not strict JSON.
    """
    query = path.partition("?")[2]
    found = [Segment(unquote_plus(query), "", view=View.QUERY)] if query else []
    if not body:
        return Message(tuple(found), unreadable=False)
    if content_encoding.strip().lower() not in ("", "identity"):
        raise MalformedMessage("the body has a content encoding that is not read; send it plain")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("", "application/json") and not media_type.endswith("+json"):
        raise MalformedMessage("the body is not declared as JSON; send application/json")
    value = parse(body)
    found.extend(segments(value))
    return Message(tuple(found), unreadable=holds_references(value))
