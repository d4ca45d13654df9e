"""Puts back what was masked: placeholders in an answer → the values that they stand for.

    request   call 13800138000 ─▶ call <CN_PHONE_1>      state, sealed: {<CN_PHONE_1>: 13800138000}
    response  I called <CN_PHONE_1> ─▶ I called 13800138000

The state is bound to the call: another caller, path or policy cannot open it. What does not fit
into it is masked and not put back.
"""

import json
from collections.abc import Mapping
from typing import Protocol

from functions.deny_pattern.masking import PLACEHOLDER
from functions.prompt import Edit, Message, View, edit
from functions.verdict import Callout
from functions.verdict.contract import STATE_BYTES_MAX


class Sealing(Protocol):
    """What makes state unreadable on its way, as `functions.runtime.sealing` does."""

    def seal(self, data: bytes, context: bytes) -> str:
        """`data`, bound to `context`, as text for a header."""

    def open(self, sealed: str, context: bytes) -> bytes | None:
        """What was sealed for `context`, else None."""


def sealed(values: Mapping[str, str], callout: Callout, sealing: Sealing) -> str | None:
    """State that holds `values`, or as many of the first of them as fit; None for none."""
    items = list(values.items())
    while items:
        data = json.dumps(dict(items), ensure_ascii=False).encode("utf-8", "replace")
        state = sealing.seal(data, _context(callout))
        if len(state) <= STATE_BYTES_MAX:
            return state
        items = items[: len(items) * STATE_BYTES_MAX // len(state)]
    return None


def opened(callout: Callout, sealing: Sealing) -> dict[str, str]:
    """The values that the request phase of this call sealed; none where there is no such state."""
    if callout.state is None:
        return {}
    data = sealing.open(callout.state, _context(callout))
    values = json.loads(data) if data else {}
    return {str(name): str(value) for name, value in values.items()}


def restored(body: bytes, message: Message, values: Mapping[str, str]) -> bytes:
    """The JSON `body`, of which `message` was read, with values for their placeholders.

    Raises `CannotEdit` where a value cannot stand where its placeholder does.
    """
    edits = [
        Edit(
            segment.pointer,
            found.start(),
            found.end(),
            as_it_stands_in(segment.text, values[found[0]]),
        )
        for segment in message.segments
        if segment.view is View.PLAIN and "<" in segment.text
        for found in PLACEHOLDER.finditer(segment.text)
        if found[0] in values
    ]
    return edit(body, edits)


def as_it_stands_in(text: str, value: str) -> str:
    """`value` as it is written inside `text`: escaped where that holds a JSON document."""
    if text.lstrip().startswith(("{", "[")):
        return json.dumps(value, ensure_ascii=False)[1:-1]
    return value


def _context(callout: Callout) -> bytes:
    parts = (callout.policy, callout.workload, callout.authority, callout.method, callout.path)
    return "\n".join((*parts, callout.request_id)).encode("utf-8")
