"""A denial in the error shape of the provider's API, so that its client libraries understand it.

    …/v1/messages                Anthropic    {"type":"error","error":{"type","message","code"}}
    /api/v1/services/…, …/apps/… DashScope    {"code","message","request_id"}
    anything else                OpenAI       {"error":{"message","type","code","param"}}

The shim's own denials have the same shapes, by templates in its configuration: there a template is
`denial(shape, "{reason}", "{check}")`.
"""

import json
import re
from enum import StrEnum
from typing import Final

from functions.verdict import REASONS, Reason

CONTENT_TYPE: Final = "application/json"
STREAM_CONTENT_TYPE: Final = "text/event-stream"
_ANTHROPIC_PATH: Final = re.compile(r".*/v1/messages(/.*)?")
_DASHSCOPE_PATH: Final = re.compile(r"/api/v1/(services|apps|tasks)/.*")
_CALLER_AT_FAULT: Final = frozenset({400, 413})


class Shape(StrEnum):
    """An API's way to write an error."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    DASHSCOPE = "dashscope"


def shape_of(path: str) -> Shape:
    """The shape of the API that `path` belongs to."""
    bare = path.partition("?")[0]
    if _ANTHROPIC_PATH.fullmatch(bare):
        return Shape.ANTHROPIC
    return Shape.DASHSCOPE if _DASHSCOPE_PATH.fullmatch(bare) else Shape.OPENAI


def denial(shape: Shape, reason: Reason | str, detail: str) -> str:
    """The error document. `detail` says which rule or category; never the text that it found."""
    message = f"Meshward denied this call: {reason} ({detail})"
    kind = _kind(reason)
    match shape:
        case Shape.ANTHROPIC:
            document: dict[str, object] = {
                "type": "error",
                "error": {"type": kind, "message": message, "code": str(reason)},
            }
        case Shape.DASHSCOPE:
            document = {"code": str(reason), "message": message, "request_id": ""}
        case Shape.OPENAI:
            error = {"message": message, "type": kind, "code": str(reason), "param": None}
            document = {"error": error}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def closing(shape: Shape, reason: Reason | str, detail: str) -> str:
    """The events that end a stream with a denial, in words that client libraries raise as an error.

    OpenAI's read `error` from an event's data, Anthropic's and DashScope's the event's name.
    """
    document = denial(shape, reason, detail)
    match shape:
        case Shape.ANTHROPIC:
            return f"event: error\ndata: {document}\n\n"
        case Shape.DASHSCOPE:
            status = REASONS[reason].status if isinstance(reason, Reason) else 403
            return f"id:0\nevent:error\n:HTTP_STATUS/{status}\ndata:{document}\n\n"
        case Shape.OPENAI:
            return f"data: {document}\n\ndata: [DONE]\n\n"


def _kind(reason: Reason | str) -> str:
    """The error's type, in the words that OpenAI and Anthropic share."""
    at_fault = isinstance(reason, Reason) and REASONS[reason].status in _CALLER_AT_FAULT
    return "invalid_request_error" if at_fault else "permission_error"
