"""What a judge can answer, by the name of each fault: statuses, documents, verdicts."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

Fault = Literal[
    "none",
    # it does not answer
    "hang",
    "drip",
    "drip head",
    "reset",
    "close",
    "short",
    "no http",
    "endless head",
    "endless interim",
    # it answers with a status
    "400",
    "401",
    "403",
    "413",
    "422",
    "429",
    "429 soon",
    "500",
    "502",
    "503",
    "503 later",
    "redirect",
    "filtered status",
    "no schemas",
    "500 for schemas",
    "no forms",
    # it answers with something else than a completion
    "html",
    "no content type",
    "events",
    "huge",
    "endless",
    "gzip",
    "gzip bomb",
    "null",
    "equal keys outside",
    "error with 200",
    # it answers with something else than a verdict
    "empty choices",
    "two choices",
    "no text",
    "refusal",
    "filtered",
    "cut",
    "prose",
    "two documents",
    "equal keys",
    "not a number",
    "blank",
    "no fields",
    "unknown verdict",
    "verdict in Chinese",
    "unknown category",
    "contradiction",
    "no canary",
    "wrong canary",
    # it answers in its own way, and is understood
    "fenced",
    "leading prose",
    "thinking",
    "end of thoughts",
    "capitals",
    "more fields",
    "fewer fields",
    "cookie",
]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
_CANARY: Final = re.compile(r'"canary": "([0-9a-f]{16})"')
_NO: Final = b'{"error": {"message": "no"}}'
STATUSES: Final[Mapping[str, tuple[int, bytes, dict[str, str]]]] = {
    **{str(status): (status, _NO, {}) for status in (400, 401, 403, 413, 422, 429, 500, 502, 503)},
    "429 soon": (429, _NO, {"retry-after": "0.01"}),
    "503 later": (503, _NO, {"retry-after": "30"}),
    "redirect": (307, b"", {"location": "http://127.0.0.1:9/v1/chat/completions"}),
    "filtered status": (400, b'{"error": {"code": "data_inspection_failed"}}', {}),
}


def clears(reason: str = "nothing private in it") -> dict[str, Any]:
    return {"verdict": "allow", "findings": [], "reason": reason}


def flags(category: str, reason: str, confidence: float = 0.9) -> dict[str, Any]:
    finding = {"category": category, "confidence": confidence}
    return {"verdict": "deny", "findings": [finding], "reason": reason}


def canary_of(request: dict[str, Any]) -> str:
    """The word that a question to the judge wants back."""
    found = _CANARY.search(request["messages"][-1]["content"])
    assert found is not None
    return found[1]


def completion(content: object, finish_reason: str | None = "stop", **message: object) -> bytes:
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 400, "completion_tokens": 30, "total_tokens": 430}
    document = {"object": "chat.completion", "choices": [choice], "usage": usage}
    return json.dumps(document).encode()


def answers(opinion: dict[str, Any]) -> dict[str, bytes]:
    """The whole answer of each fault that comes with status 200 and as JSON."""
    said = json.dumps(opinion)
    deny = {"verdict": "deny", "findings": [{"category": "no-such", "confidence": 1}]}
    return {
        "huge": completion("x" * 1_000_000),
        "null": b"null",
        "error with 200": b'{"error": {"message": "overloaded"}}',
        "empty choices": b'{"choices": []}',
        "two choices": json.dumps(
            {"choices": [{"message": {"content": said}, "finish_reason": "stop"}] * 2}
        ).encode(),
        "no text": completion(None),
        "refusal": completion(None, refusal="I cannot help with that."),
        "filtered": completion("", finish_reason="content_filter"),
        "cut": completion(said, finish_reason="length"),
        "prose": completion("That depends on the weather."),
        "two documents": completion(said + said),
        "equal keys": completion('{"verdict": "deny", ' + said[1:]),
        "equal keys outside": b'{"choices": [], ' + completion(said)[1:],
        "not a number": completion(said.replace("[]", '[{"category": "a", "confidence": NaN}]')),
        "blank": completion(" " * 200_000),
        "no fields": completion("{}"),
        "unknown verdict": completion(json.dumps(opinion | {"verdict": "maybe"})),
        "verdict in Chinese": completion(json.dumps(opinion | {"verdict": "允许"})),
        "unknown category": completion(json.dumps(opinion | deny)),
        "contradiction": completion(json.dumps(opinion | deny | {"verdict": "allow"})),
        "no canary": completion(json.dumps({**opinion, "canary": ""})),
        "wrong canary": completion(json.dumps({**opinion, "canary": "0" * 16})),
        "fenced": completion(f"```json\n{said}\n```"),
        "leading prose": completion(f"Here is my verdict:\n{said}"),
        "thinking": completion(f"<think>a {{brace}} in a thought</think>\n{said}"),
        "end of thoughts": completion(f"a {{brace}} in a thought</think>\n{said}"),
        "capitals": completion(said.replace('"allow"', '"ALLOW"').replace('"deny"', '"Deny"')),
        "more fields": completion(json.dumps(opinion | {"thoughts": ["none"]})),
        "fewer fields": completion(json.dumps({k: v for k, v in opinion.items() if k != "reason"})),
    }
