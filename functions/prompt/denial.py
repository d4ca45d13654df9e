"""A denial in the error shape of the provider's API, so that its client libraries understand it.

    /v1/messages                 Anthropic    {"type":"error","error":{"type","message"}}
    /api/…                       DashScope    {"code","message","request_id"}
    anything else                OpenAI       {"error":{"message","type","code","param"}}

The shim's own denials have the same shapes, by templates in its configuration.
"""

import json
from enum import StrEnum
from typing import Final

from functions.verdict import Reason

CONTENT_TYPE: Final = "application/json"
_KIND: Final = "permission_error"


class Shape(StrEnum):
    """An API's way to write an error."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    DASHSCOPE = "dashscope"


def shape_of(path: str) -> Shape:
    """The shape of the API that `path` belongs to."""
    bare = path.partition("?")[0]
    if bare.endswith("/v1/messages"):
        return Shape.ANTHROPIC
    return Shape.DASHSCOPE if bare.startswith("/api/") else Shape.OPENAI


def denial(shape: Shape, reason: Reason | str, detail: str) -> str:
    """The error document. `detail` says which rule or category; never the text that it found."""
    message = f"Meshward denied this call: {reason} ({detail})"
    match shape:
        case Shape.ANTHROPIC:
            document: dict[str, object] = {
                "type": "error",
                "error": {"type": _KIND, "message": message, "code": str(reason)},
            }
        case Shape.DASHSCOPE:
            document = {"code": str(reason), "message": message, "request_id": ""}
        case Shape.OPENAI:
            error = {"message": message, "type": _KIND, "code": str(reason), "param": None}
            document = {"error": error}
    return json.dumps(document, ensure_ascii=False)
