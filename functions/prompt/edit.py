"""Changes pieces of a message and leaves every other byte as it was.

    body + Edit(pointer, span, text)…  ──scan──▶ string tokens ──▶ the edited ones written anew

A body that is parsed and written again comes out with other numbers, escapes and spaces, and a
signature or a provider may care. So only the strings that change are rewritten, in place.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Final

from functions.prompt.segments import below
from functions.verdict.models import POINTER_CHARS_MAX

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SCALAR: Final = re.compile(r"[^,\]} \t\r\n]+")


class CannotEdit(Exception):
    """An edit of something that is no string value of the body; it quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` of the string at `pointer` (RFC 6901) become `text`."""

    pointer: str
    start: int
    end: int
    text: str


def edit(body: bytes, edits: Sequence[Edit]) -> bytes:
    """The strict JSON `body` with `edits` made; they may overlap, the earlier one then stands.

    Raises `CannotEdit` where a pointer leads to no string, or may lead to several since it was
    cut, or a span lies outside of its string.
    """
    wanted: dict[str, list[Edit]] = {}
    for each in edits:
        if len(each.pointer) >= POINTER_CHARS_MAX:
            raise CannotEdit("a place is too deep to be named whole")
        wanted.setdefault(each.pointer, []).append(each)
    if not wanted:
        return body
    text = body.decode("utf-8")
    pieces: list[str] = []
    done = 0
    for pointer, begin, end in _strings(text):
        changes = wanted.pop(pointer, None)
        if changes is None:
            continue
        value, _ = scanstring(text, begin + 1, True)
        pieces += (text[done:begin], json.dumps(_changed(value, changes), ensure_ascii=False))
        done = end
    if wanted:
        raise CannotEdit("a place to edit is no string value of the body")
    pieces.append(text[done:])
    return "".join(pieces).encode("utf-8")


def _changed(value: str, changes: Sequence[Edit]) -> str:
    pieces: list[str] = []
    done = 0
    for each in sorted(changes, key=lambda change: (change.start, change.end)):
        if each.end > len(value) or each.start > each.end:
            raise CannotEdit("a span to edit lies outside of its string")
        if each.start < done:
            # It begins inside what has been replaced: what sticks out goes as well.
            done = max(done, each.end)
            continue
        pieces += (value[done : each.start], each.text)
        done = each.end
    pieces.append(value[done:])
    changed = "".join(pieces)
    if _is_document(value) and not _is_document(changed):
        raise CannotEdit("a JSON document inside a string would be one no more")
    return changed


def _is_document(text: str) -> bool:
    """Whether a string holds a JSON object or list, as the arguments of a tool call do."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _strings(text: str) -> list[tuple[str, int, int]]:
    """Every string value of a JSON text: its pointer, and where its token begins and ends."""
    found: list[tuple[str, int, int]] = []
    _walk(text, _after_space(text, 0), "", found)
    return found


def _walk(text: str, at: int, pointer: str, found: list[tuple[str, int, int]]) -> int:
    """Add the strings of the value that begins `at`; where it ends. The text has been parsed."""
    match text[at]:
        case '"':
            end = _string_end(text, at)
            found.append((pointer, at, end))
            return end
        case "{":
            at = _after_space(text, at + 1)
            while text[at] != "}":
                key, at = scanstring(text, at + 1, True)
                at = _after_space(text, _after_space(text, at) + 1)
                at = _after_comma(text, _walk(text, at, below(pointer, key), found))
            return at + 1
        case "[":
            index, at = 0, _after_space(text, at + 1)
            while text[at] != "]":
                at = _after_comma(text, _walk(text, at, below(pointer, str(index)), found))
                index += 1
            return at + 1
        case _:
            scalar = _SCALAR.match(text, at)
            return scalar.end() if scalar else at


def _string_end(text: str, at: int) -> int:
    _, end = scanstring(text, at + 1, True)
    return int(end)


def _after_comma(text: str, at: int) -> int:
    at = _after_space(text, at)
    return _after_space(text, at + 1) if text[at] == "," else at


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
