"""Every piece of text in a message, with its place.

A prompt can hide anywhere in a body, so all strings are read: values and object keys, JSON inside
strings (tool arguments), and adjacent text parts joined, since a word can be cut in two by a part's
border. Left out is only what cannot carry text: short, plain values of a few known fields.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from functions.prompt.strict_json import Json

_NO_TEXT_FIELDS = frozenset({"model", "role", "type", "id", "object", "tool_call_id", "call_id"})
_NO_TEXT_VALUE = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_REFERENCE_FIELDS = frozenset(
    {"image_url", "input_audio", "audio", "video", "image", "file_id", "file_data", "file_url"}
)
_INNER_DEPTH_MAX = 4
"""JSON in a string in JSON in a string …: deeper than any tool call, shallow enough to bound."""


class View(StrEnum):
    """How a piece of text was come by."""

    PLAIN = "plain"
    """A string value, as it is: spans in it are spans in the string that the pointer names."""
    KEY = "key"
    INNER = "inner-json"
    JOINED = "joined"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text, with its RFC 6901 pointer into the body and its message's role."""

    text: str
    pointer: str
    role: str = ""
    view: View = View.PLAIN


def segments(value: Json) -> Iterator[Segment]:
    """Every piece of text in a parsed body, in the order of the body."""
    yield from _walk(value, "", "", 0)


def holds_references(value: Json) -> bool:
    """Whether the body holds content that is not text, or only points to content elsewhere."""
    if isinstance(value, list):
        return any(map(holds_references, value))
    if isinstance(value, dict):
        return any(
            (key in _REFERENCE_FIELDS and bool(part)) or holds_references(part)
            for key, part in value.items()
        )
    return False


def _walk(value: Json, pointer: str, role: str, depth: int) -> Iterator[Segment]:
    if isinstance(value, str):
        yield Segment(value, pointer, role, View.PLAIN if depth == 0 else View.INNER)
        yield from _inner(value, pointer, role, depth)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _walk(part, f"{pointer}/{index}", role, depth)
        yield from _joined(value, pointer, role)
    elif isinstance(value, dict):
        said_by = value.get("role")
        role = said_by if isinstance(said_by, str) else role
        for key, part in value.items():
            place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield Segment(key, place, role, View.KEY)
            if not _carries_no_text(key, part):
                yield from _walk(part, place, role, depth)


def _carries_no_text(key: str, part: Json) -> bool:
    return (
        key in _NO_TEXT_FIELDS
        and isinstance(part, str)
        and _NO_TEXT_VALUE.fullmatch(part) is not None
    )


def _inner(text: str, pointer: str, role: str, depth: int) -> Iterator[Segment]:
    """The strings of a JSON document inside a string: escapes hide nothing there."""
    if depth == _INNER_DEPTH_MAX or text.lstrip()[:1] not in ("{", "[", '"'):
        return
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _walk(inner, pointer, role, depth + 1)


def _joined(parts: list[Json], pointer: str, role: str) -> Iterator[Segment]:
    texts = [part if isinstance(part, str) else _part_text(part) for part in parts]
    if sum(map(bool, texts)) > 1:
        yield Segment("".join(texts), pointer, role, View.JOINED)


def _part_text(part: Json) -> str:
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else ""
