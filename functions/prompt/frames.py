"""Bodies whose frame has been read before: only what is said differs from call to call.

    {"model":"qwen-plus","messages":[{"role":"user","content":"   "}],"temperature":0.7}
    └───────────────────── frame ────────────────────────────┘   └────── frame ────────┘
       read once: where a text stands, in what role            └─▶ said ──▶ segments

The frame is the body with nothing said: all of it but the strings at the keys where the APIs have
text. Where one JSON string may stand, any other may, and no reader of JSON reads the rest
differently for it. So what the strict parser and the walk over a body say of a frame (no key stands
twice, how deep it is, which strings are where) holds for all its bodies, and is said once.

Kept are only frames that have no text of their own, so that nothing anybody said stays in memory.
All other bodies are read as if there were no frames.
"""

import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # json's own, in C
from typing import Final, NamedTuple

from functions.prompt.references import holds_references
from functions.prompt.segments import Segment, View, may_hold_json, seam, segments
from functions.prompt.strict_json import MAYBE_SURROGATE, MalformedMessage, parse

_MARK: Final = re.compile('"(?:content|text|prompt|input|system|instructions)": ?"')
"""A key and how its string begins, as JSON libraries write it."""
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
_NUMBER: Final = re.compile("[0-9]+")


class _Frame(NamedTuple):
    """What all bodies of a frame have alike: pointers and roles of what is said, and the model.

    `seams` is the pointer of the list whose messages' seams are read too, None where there is none;
    `messages` are the places of what these say among all that is said.
    """

    pointers: list[str]
    roles: list[str]
    model: str
    seams: str | None
    messages: tuple[int, ...]


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
        if len(said) != len(frame.pointers):  # It cannot be; if it were, text would be lost.
            return None
        for each in said:
            if not each[:1].isalnum() and (not each or may_hold_json(each)):
                return None
        found += map(Segment, said, frame.pointers, frame.roles)
        if frame.seams is not None:
            seams = "".join([seam(said[place]) for place in frame.messages])
            found.append(Segment(seams, frame.seams, "", View.SEAMS))
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
    key. Raises `ValueError` where there is none, or what is said is no JSON string.
    """
    pieces: list[str] = []
    done = 0
    while mark := _MARK.search(text, done):
        begin = mark.end()
        pieces.append(text[done:begin])
        string, done = scanstring(text, begin)
        said.append(string)
    if not said:
        raise ValueError("nothing is said")
    pieces.append(text[done:])
    return pieces


def _learnt(pieces: list[str]) -> _Frame | None:
    """The frame, read with something said; None where it is no JSON, or has text of its own."""
    said = [f"said {number}." for number in range(len(pieces) - 1)]
    body = '"'.join(map("".join, zip(pieces, [*said, ""], strict=True)))
    try:
        value = parse(body.encode())
        found = segments(value)
    except MalformedMessage:
        return None
    seams = found.pop() if found and found[-1].view is View.SEAMS else Segment("", "")
    messages = tuple(map(int, _NUMBER.findall(seams.text)))
    usual = (
        [each.text for each in found] == said
        and (seams.text, seams.role) == ("".join(said[place] for place in messages), "")
        and not holds_references(value)
    )
    if not usual:
        return None
    model = value.get("model") if isinstance(value, dict) else None
    return _Frame(
        [each.pointer for each in found],
        [each.role for each in found],
        model if isinstance(model, str) else "",
        seams.pointer if messages else None,
        messages,
    )
