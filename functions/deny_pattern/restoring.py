"""Puts back what was masked: placeholders in an answer → the values that they stand for.

request   call 13800138000 ─▶ call <CN_PHONE_1>      state, sealed: {<CN_PHONE_1>: 13800138000}
response  I called <CN_PHONE_1> ─▶ I called 13800138000
"""

import json
from collections.abc import Iterator, Mapping

from functions.deny_pattern.masking import PLACEHOLDER
from functions.prompt import Edit, Message, View, edit


def restored(message: Message, values: Mapping[str, str]) -> bytes:
    """The message's JSON body with values for their placeholders; empty where it has no such body.

    Raises `CannotEdit` where a value cannot stand where its placeholder does.
    """
    if not values:
        return message.json or b""
    edits = [
        Edit(segment.pointer, start, end, value)
        for segment in message.segments
        if segment.view is View.PLAIN
        for start, end, value in restorations(segment.text, values, in_json=_is_json(segment.text))
    ]
    return edit(message.json or b"", edits)


def restorations(
    text: str, values: Mapping[str, str], *, in_json: bool
) -> Iterator[tuple[int, int, str]]:
    """Where placeholders stand in `text`, and what is to stand there instead."""
    if not values or "<" not in text:
        return
    for found in PLACEHOLDER.finditer(text):
        value = values.get(found[0])
        if value is not None:
            escaped = json.dumps(value, ensure_ascii=False)[1:-1] if in_json else value
            yield found.start(), found.end(), escaped


def _is_json(text: str) -> bool:
    """Whether a string holds a JSON document, in which a value has to be escaped."""
    return text.lstrip().startswith(("{", "["))
