"""The stand-in judge: an OpenAI-compatible model that decides by a few plain rules.

    POST …/chat/completions     finds in a text, if it is asked for the category,
      personal-data               a QQ number         QQ and, close behind it, 5 to 11 digits
                                  a mobile number     11 digits from 13 to 19
                                  a resident id       18 digits, the last may be X
                                  a home address      家住, 住址, "my address is"
      company-confidential        a company secret    机密, 绝密, 内部资料, "company confidential"
      credentials                 a key or password   sk-…, "password is", 密码是
      prompt-injection            an attempt at it    "ignore … instructions", 忽略…指令
                                and allows everything else
    PUT  /_standin/fault        {"fault": …}, until it is set to "none"
      hang, slow                  no answer for a minute, one after 2 s
      status, throttled           status 500; 429 with Retry-After: 1
      nonsense, empty, cut        words instead of a verdict, no choice, half a verdict
      gullible                    allows everything, as a model that was talked round
    GET  /_standin/calls        {"calls": n}

It is no model and understands nothing: it is there so that the whole path can be tried and tested
without one.
"""

import asyncio
import json
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any, Literal, get_args

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.local import standin

Fault = Literal[
    "none", "hang", "slow", "status", "throttled", "nonsense", "empty", "cut", "gullible"
]

MODEL = "stand-in-judge"
_HANG_SECONDS = 60.0
_SLOW_SECONDS = 2.0
_PERSONAL, _COMPANY = "personal-data", "company-confidential"
_CREDENTIALS, _INJECTION = "credentials", "prompt-injection"
_CANARY = re.compile(r'"canary": "([0-9a-f]{16})"')
_CATEGORIES = re.compile(r'"category": [^\[\n]*(\[[^\]\n]*\])')
_TOKEN_CHARS = 4
"""Characters that it counts as a token."""
# Letters and digits next to a number make it part of something else, such as a random marker.
_RULES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (_PERSONAL, "a QQ number", re.compile(r"(?i)qq\D{0,12}[1-9][0-9]{4,10}(?![0-9A-Za-z])")),
    (_PERSONAL, "a mobile number", re.compile(r"(?<![0-9A-Za-z])1[3-9][0-9]{9}(?![0-9A-Za-z])")),
    (_PERSONAL, "a resident id", re.compile(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])")),
    (_PERSONAL, "a home address", re.compile(r"(?i)家住|住址|my address is")),
    (_COMPANY, "a company secret", re.compile(r"(?i)机密|绝密|内部资料|company confidential")),
    (_CREDENTIALS, "a key", re.compile(r"sk-[A-Za-z0-9]{16,}")),
    (_CREDENTIALS, "a password", re.compile(r"(?i)password is \S|密码是")),
    (
        _INJECTION,
        "an attempt to steer the model",
        re.compile(r"(?i)ignore (all |the |your )*(previous |above )?instructions|忽略.{0,8}指令"),
    ),
)


def judge(texts: Sequence[str], categories: Collection[str], canary: str) -> dict[str, Any]:
    """The stand-in's verdict on `texts`, as the document that llm-guard asks a model for."""
    # A model reads ＱＱ as QQ; so does its stand-in.
    whole = unicodedata.normalize("NFKC", "\n".join(texts))
    found = {
        category: what
        for category, what, pattern in reversed(_RULES)
        if category in categories and pattern.search(whole)
    }
    what = list(found.values())[-1] if found else ""
    reason = f"the text holds {what}" if what else "nothing of the kind found"
    return {
        "canary": canary,
        "verdict": "deny" if found else "allow",
        "findings": [{"category": each, "confidence": 0.95} for each in found],
        "reason": f"{reason} (stand-in judge)",
    }


def judge_question(asked: str, *, find: bool = True) -> dict[str, Any]:
    """The verdict on a question of llm-guard's, which holds the texts between two equal lines.

    Without `find` it sees nothing in them.
    """
    marker, _, rest = asked.partition("\n")
    data, _, reminder = rest.partition(f"\n{marker}\n")
    lines = [json.loads(line) for line in data.splitlines()]
    canary, categories = _CANARY.search(reminder), _CATEGORIES.search(reminder)
    if canary is None or categories is None:
        raise ValueError("not a question that the stand-in judge understands")
    texts = [line["text"] for line in lines if find and not line.get("seen")]
    return judge(texts, json.loads(categories[1]), canary[1])


def create_app(slow_seconds: float = _SLOW_SECONDS) -> Starlette:
    """The judge as an ASGI application, with its own fault and call count."""
    state: dict[str, Any] = {"fault": "none", "calls": 0}

    async def chat(request: Request) -> Response:
        state["calls"] += 1
        try:
            document = await request.json()
            asked = _asked(document)
            answer = json.dumps(judge_question(asked), ensure_ascii=False)
        except (ValueError, KeyError, TypeError, AttributeError):
            message = "The body is not a chat completion request."
            return JSONResponse(standin.error(400, "invalid_json", message), status_code=400)
        match state["fault"]:
            case "none":
                pass
            case "slow":
                await asyncio.sleep(slow_seconds)
            case "gullible":
                answer = json.dumps(judge_question(asked, find=False), ensure_ascii=False)
            case fault:
                return await _faulty(fault, answer)
        if document.get("stream"):
            return StreamingResponse(
                standin.completion_events(MODEL, answer), media_type="text/event-stream"
            )
        return JSONResponse(_counted(standin.completion(MODEL, answer), document, answer))

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


def _asked(document: dict[str, Any]) -> str:
    """What the user messages say; the system message holds the judge's instructions."""
    return "\n".join(
        message["content"] for message in document["messages"] if message["role"] == "user"
    )


def _counted(completion: dict[str, Any], document: dict[str, Any], answer: str) -> dict[str, Any]:
    """`completion` with a count of tokens that grows with the texts, as a model's does."""
    tokens_in = sum(len(each["content"]) for each in document["messages"]) // _TOKEN_CHARS
    tokens_out = len(answer) // _TOKEN_CHARS
    usage = {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }
    return {**completion, "usage": usage}


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
        case "throttled":
            message = "The stand-in judge was told to be throttled."
            limited = standin.error(429, "rate_limit_exceeded", message)
            return JSONResponse(limited, status_code=429, headers={"retry-after": "1"})
        case _:
            message = "The stand-in judge was told to fail."
            return JSONResponse(standin.error(500, "server_error", message), status_code=500)


if __name__ == "__main__":
    standin.main(create_app(), "Stand-in for an OpenAI-compatible judge")
