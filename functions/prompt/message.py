"""A whole message, read: its segments, and whether something in it cannot be read."""

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from functions.prompt.codings import decode_body
from functions.prompt.forms import multipart, urlencoded
from functions.prompt.frames import Frames
from functions.prompt.references import holds_references
from functions.prompt.segments import Segment, View, segments
from functions.prompt.strict_json import MalformedMessage, parse
from functions.verdict.contract import PATH_HEADER_BYTES_MAX

# A path of plain names, no long number and nothing random says nothing but which API it is.
_PLAIN_PATH: Final = re.compile(r"(?!.*(?:[0-9]{9}|[A-Za-z0-9]{20}))[A-Za-z0-9._~/:@-]{0,256}")
_USUAL_PATHS: Final = frozenset(
    """
    /api/v1/services/aigc/text-generation/generation /compatible-mode/v1/chat/completions
    /compatible-mode/v1/embeddings /v1/chat/completions /v1/embeddings /v1/messages /v1/responses
    """.split()  # noqa: SIM905 -- easier to read so
)
"""Plain ones, of which nearly all calls have one."""
_frames: Final = Frames()
_FORMS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")


class Message(NamedTuple):
    """All text of one message. `unreadable`: it holds images, sound, files or references too.

    `model` is the one that the body names, empty where it names none; `json` the body without its
    content codings, None where it is a form or empty.
    """

    segments: tuple[Segment, ...]
    unreadable: bool
    model: str = ""
    json: bytes | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to judge."""
        for each in self.segments:  # noqa: SIM110 -- a generator takes longer than one look
            if each.text and not each.text.isspace():
                return False
        return True

    @property
    def chars(self) -> int:
        """The characters of all text."""
        return sum(len(each.text) for each in self.segments)


def read(body: bytes, content_type: str, content_encoding: str, path: str) -> Message:
    """Read a message's body, and the path and query that it was sent to (empty for a response).

    JSON, and the two kinds of HTML forms, in any content coding of `codings`. Raises
    `MalformedMessage` for a body that is not declared as one of them in UTF-8, or is not what it is
    declared as, and for a path that the shim had to cut.
    """
    found = [] if path in _USUAL_PATHS else _path_segments(path)
    if not body:
        return Message(tuple(found), unreadable=False)
    if content_encoding:
        body = decode_body(body, content_encoding)
    media_type = _media_type(content_type)
    if media_type == "multipart/form-data":
        parts, unreadable = multipart(body, content_type)
        return Message((*found, *parts), unreadable)
    if media_type == "application/x-www-form-urlencoded":
        found += urlencoded(body)
        if not body.lstrip().startswith((b"{", b"[")):
            return Message(tuple(found), unreadable=False)
        # JSON that curl declares so, and that some servers read all the same.
    model = _frames.read(body, found)
    if model is not None:
        return Message(tuple(found), unreadable=False, model=model, json=body)
    value = parse(body)
    found += segments(value)
    model = value.get("model") if isinstance(value, dict) else None
    return Message(
        tuple(found),
        unreadable=holds_references(value),
        model=model if isinstance(model, str) else "",
        json=body,
    )


def model_of(body: bytes, content_type: str, content_encoding: str) -> str:
    """The model that a body names; empty where it names none or cannot be read."""
    try:
        return read(body, content_type, content_encoding, "").model
    except MalformedMessage:
        return ""


def _path_segments(path: str) -> list[Segment]:
    """What path and query say, decoded; `path` holds bytes as Latin-1 characters."""
    if len(path) >= PATH_HEADER_BYTES_MAX:
        raise MalformedMessage("the path is too long to be read whole; send text in the body")
    place, _, query = path.partition("?")
    found = [_decoded(query.replace("+", " "))] if query else []
    if place not in _USUAL_PATHS and not _PLAIN_PATH.fullmatch(place):
        found.append(_decoded(place))
    return found


def _decoded(said: str) -> Segment:
    text = unquote_to_bytes(said.encode("latin-1")).decode("utf-8", "replace")
    return Segment(text, "", view=View.PATH)


@lru_cache(maxsize=256)
def _media_type(content_type: str) -> str:
    """The media type, one of those that are read. An undeclared body is taken for JSON."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    known = media_type in ("", "application/json", *_FORMS) or media_type.endswith("+json")
    if not known:
        raise MalformedMessage("the body is not declared as JSON; send application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        # A provider that goes by this would see other characters than these checks.
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
            raise MalformedMessage("the body is declared in another charset than UTF-8")
    return media_type
