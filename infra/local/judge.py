"""The stand-in judge: an OpenAI-compatible model that decides by five plain rules.

    POST …/chat/completions     denies a text that holds one of
                                  a QQ number         QQ and, close behind it, 5 to 11 digits
                                  a mobile number     11 digits from 13 to 19
                                  a resident id       18 digits, the last may be X
                                  a home address      家住, 住址, "my address is"
                                  a company secret    机密, 绝密, 内部资料, "company confidential"
                                and allows everything else
    PUT  /_standin/fault        {"fault": "none" | "hang" | "nonsense" | "status" | "empty" | "cut"}
    GET  /_standin/calls        {"calls": n}

It is no model and understands nothing: it is there so that the whole path can be tried and tested
without one. A fault stays until it is set to "none".
"""

import asyncio
import json
import re
import unicodedata
from typing import Any, Literal, get_args

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.local import standin

Fault = Literal["none", "hang", "nonsense", "status", "empty", "cut"]

MODEL = "stand-in-judge"
_HANG_SECONDS = 60.0
_PERSONAL, _COMPANY = "personal-data", "company-confidential"
# Letters and digits next to a number make it part of something else, such as a random marker.
_RULES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (_PERSONAL, "a QQ number", re.compile(r"(?i)qq\D{0,12}[1-9][0-9]{4,10}(?![0-9A-Za-z])")),
    (_PERSONAL, "a mobile number", re.compile(r"(?<![0-9A-Za-z])1[3-9][0-9]{9}(?![0-9A-Za-z])")),
    (_PERSONAL, "a resident id", re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")),
    (_PERSONAL, "a home address", re.compile(r"(?i)家住|住址|my address is")),
    (_COMPANY, "a company secret", re.compile(r"(?i)机密|绝密|内部资料|company confidential")),
)


def judge(text: str) -> dict[str, Any]:
    """The stand-in's verdict on `text`, as the document that llm-guard asks a model for."""
    # A model reads ＱＱ as QQ; so does its stand-in.
    text = unicodedata.normalize("NFKC", text)
    for category, what, pattern in _RULES:
        if pattern.search(text):
            reason = f"the text holds {what} (stand-in judge)"
            return _verdict("deny", category, 0.95, reason)
    return _verdict("allow", "none", 0.9, "nothing private found (stand-in judge)")


def _verdict(verdict: str, category: str, confidence: float, reason: str) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "category": category,
        "confidence": confidence,
        "reason": reason,
    }


def create_app() -> Starlette:
    """The judge as an ASGI application, with its own fault and call count."""
    state: dict[str, Any] = {"fault": "none", "calls": 0}

    async def chat(request: Request) -> Response:
        state["calls"] += 1
        try:
            document = await request.json()
            text = _judged_text(document)
        except (ValueError, KeyError, TypeError, AttributeError):
            message = "The body is not a chat completion request."
            return JSONResponse(standin.error(400, "invalid_json", message), status_code=400)
        answer = json.dumps(judge(text), ensure_ascii=False)
        if state["fault"] != "none":
            return await _faulty(state["fault"], answer)
        if document.get("stream"):
            return StreamingResponse(
                standin.completion_events(MODEL, answer), media_type="text/event-stream"
            )
        return JSONResponse(standin.completion(MODEL, answer))

    async def set_fault(request: Request) -> Response:
        fault = (await request.json()).get("fault")
        if fault not in get_args(Fault):
            known = ", ".join(get_args(Fault))
            return JSONResponse({"error": f"fault must be one of {known}"}, status_code=400)
        state["fault"] = fault
        return JSONResponse({"fault": fault})

    async def calls(_request: Request) -> Response:
        return JSONResponse({"calls": state["calls"]})

    return Starlette(
        routes=[
            Route("/_standin/fault", set_fault, methods=["PUT"]),
            Route("/_standin/calls", calls),
            Route("/{base:path}/chat/completions", chat, methods=["POST"]),
        ]
    )


def _judged_text(document: dict[str, Any]) -> str:
    """What the user messages say; the system message holds the judge's instructions."""
    return "\n".join(
        message["content"] for message in document["messages"] if message["role"] == "user"
    )


async def _faulty(fault: Fault, answer: str) -> Response:
    match fault:
        case "hang":
            await asyncio.sleep(_HANG_SECONDS)
            return JSONResponse(standin.completion(MODEL, answer))
        case "nonsense":
            return JSONResponse(standin.completion(MODEL, "Well, that depends on the weather."))
        case "empty":
            return JSONResponse({**standin.completion(MODEL, answer), "choices": []})
        case "cut":
            return JSONResponse(standin.completion(MODEL, answer[: len(answer) // 2]))
        case _:
            message = "The stand-in judge was told to fail."
            return JSONResponse(standin.error(500, "server_error", message), status_code=500)


if __name__ == "__main__":
    standin.main(create_app(), "Stand-in for an OpenAI-compatible judge")
