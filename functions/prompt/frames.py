"""Chats whose frame has been read before: only what is said differs from call to call.

    {"model":"qwen-plus","messages":[{"role":"user","content":"   "}],"temperature":0.7}
    └───────────────────── frame ────────────────────────────┘   └────── frame ────────┘
       read once: where a content stands, in what role         └─▶ contents ──▶ segments

The frame is the body with nothing said: all of it but the strings at its keys `content`. Where one
JSON string may stand, any other may, and no reader of JSON reads the rest differently for it. So
what the strict parser and the walk over a body say of a frame (no key stands twice, how deep it is,
which strings are where) holds for all its bodies, and is said once.

Kept are only frames that have no text of their own, so that nothing anybody said stays in memory.
All other bodies are read as if there were no frames.
"""

import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # json's own, in C
from typing import Final, NamedTuple

from functions.prompt.references import holds_references
from functions.prompt.segments import Segment, View, may_hold_json, seam, segments
from functions.prompt.strict_json import MAYBE_SURROGATE, MalformedMessage, parse

_MARKS: Final = ('"content": "', '"content":"')
"""A key and how its string begins, as Python and as most others write it."""
_BODY_BYTES_MAX: Final = 64 * 1024
"""In a larger body the contents cost the most."""
_FRAME_CHARS_MAX: Final = 4096
"""A conversation of a hundred messages."""
_FRAMES_MAX: Final = 256
_MET_MAX: Final = 4096
_LEARNT_AT: Final = 2
"""Who sends a frame twice sends it again; one with a random id in it comes once."""
_RANDOM: Final = re.compile("(?=[A-Za-z]{0,8}[0-9])[A-Za-z0-9]{9}")
"""No model's name holds the like; a key in its place would, and is not kept."""


class _Frame(NamedTuple):
    """What all bodies of a frame have alike: pointers and roles of the contents, and the model.

    `seams` is the pointer of the list whose messages' seams are read too, None where there is none.
    """

    pointers: list[str]
    roles: list[str]
    seams: str | None
    model: str


class Frames:
    """The frames that are known. Safe to use from several threads."""

    def __init__(self) -> None:
        self._known: dict[str, _Frame] = {}
        self._met: dict[int, int] = {}
        """How often each frame was met before it was known, by its hash."""

    def read(self, body: bytes, found: list[Segment]) -> str | None:
        """Add the text of a body without codings to `found`, and give the model that it names.

        As `parse` and `segments` have it, and the body holds no references. None, with nothing
        added, where its frame is not known or something may be unusual in it, if it is JSON at all.
        """
        if len(body) > _BODY_BYTES_MAX or (b"\\u" in body and MAYBE_SURROGATE.search(body)):
            return None
        said: list[str] = []
        try:
            pieces = _taken_apart(body.decode("utf-8"), said)
        except ValueError:
            return None
        key = '"'.join(pieces)
        frame = self._known.get(key)
        if frame is None:
            self._meet(key, pieces)
            return None
        for content in said:
            if not content[:1].isalnum() and (not content or may_hold_json(content)):
                return None
        found += map(Segment, said, frame.pointers, frame.roles)
        if frame.seams is not None:
            found.append(Segment("".join(map(seam, said)), frame.seams, "", View.SEAMS))
        return frame.model

    def _meet(self, key: str, pieces: list[str]) -> None:
        """Learn a frame when it has been met before."""
        if len(key) > _FRAME_CHARS_MAX:
            return
        if len(self._known) >= _FRAMES_MAX or len(self._met) >= _MET_MAX:
            self._known.clear()
            self._met.clear()
        met = hash(key)
        times = self._met[met] = self._met.get(met, 0) + 1
        if times == _LEARNT_AT and not _RANDOM.search(key):
            frame = _learnt(pieces)
            if frame is not None:
                self._known[key] = frame


def _taken_apart(text: str, said: list[str]) -> list[str]:
    """The pieces of a body's frame; the strings between them are added to `said`.

    What a mark is found in is one, or the frame is no JSON: its second quote closes a string, since
    only `true`, `false` and `null` have letters outside of one, and a string before a colon is a
    key. Raises `ValueError` where there is none, or a content is no JSON string.
    """
    mark, done = _MARKS[0], 0
    at = text.find(mark)
    if at < 0:
        mark = _MARKS[1]
        at = text.index(mark)
    pieces: list[str] = []
    while at >= 0:
        begin = at + len(mark)
        pieces.append(text[done:begin])
        content, done = scanstring(text, begin)
        said.append(content)
        at = text.find(mark, done)
    pieces.append(text[done:])
    return pieces


def _learnt(pieces: list[str]) -> _Frame | None:
    """The frame, read with something said; None where it is no JSON, or has text of its own."""
    said = [f"said{number}" for number in range(1, len(pieces))]
    body = '"'.join(map("".join, zip(pieces, [*said, ""], strict=True)))
    try:
        value = parse(body.encode())
        contents = segments(value)
    except MalformedMessage:
        return None
    seams = None
    if contents and contents[-1].view is View.SEAMS:
        whole, seams, role, _ = contents.pop()
        if whole != "".join(said) or role:
            return None
    plain = [each.text for each in contents if each.view is View.PLAIN]
    if plain != said or len(plain) < len(contents) or holds_references(value):
        return None
    model = value.get("model") if isinstance(value, dict) else None
    return _Frame(
        [each.pointer for each in contents],
        [each.role for each in contents],
        seams,
        model if isinstance(model, str) else "",
    )
