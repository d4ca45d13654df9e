"""The stand-in provider: answers chat completions, whole or streamed, and shows who called.

    POST …/chat/completions      an answer that says that it is a stand-in
    GET  …/models                one model
    GET  /_standin/calls         the last calls: method, path, which credential came, body bytes
    PUT  /_standin/keys          {"sk-…": "accept" | "refuse" | "throttle", …}, until it is set anew

Of a credential it shows the header's name and the last four characters, never the whole; of a body
its size. It refuses calls without a key as a real provider does, with 401; a key that is to be
refused gets 401 too, and one that is to be throttled 429 with `retry-after: 5`.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Literal, get_args

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.local import standin

Treatment = Literal["accept", "refuse", "throttle"]

_CALLS_MAX = 100
_RETRY_AFTER_SECONDS = "5"
_CREDENTIAL_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_GREETING = "你好！我是 Meshward 本地的替身，不是真正的模型。(A stand-in, not a real model.)"


def create_app() -> Starlette:
    """The provider as an ASGI application, with its own list of calls."""
    calls: deque[dict[str, Any]] = deque(maxlen=_CALLS_MAX)
    keys: dict[str, Treatment] = {}

    async def chat(request: Request) -> Response:
        body = await request.body()
        calls.append(_seen(request, len(body)))
        if refused := _refusal(request.headers.get("authorization", ""), keys):
            return refused
        try:
            document = await request.json()
            model, stream = str(document["model"]), bool(document.get("stream", False))
        except (ValueError, KeyError, TypeError, AttributeError):
            return JSONResponse(
                standin.error(400, "invalid_json", "The body is not a chat completion request."),
                status_code=400,
            )
        if stream:
            events = standin.completion_events(model, _GREETING)
            return StreamingResponse(_paced(events), media_type="text/event-stream")
        return JSONResponse(standin.completion(model, _GREETING))

    async def models(request: Request) -> Response:
        calls.append(_seen(request, 0))
        model = {"id": "stand-in", "object": "model", "created": 0, "owned_by": "meshward"}
        return JSONResponse({"object": "list", "data": [model]})

    async def treat(request: Request) -> Response:
        wanted = await request.json()
        if not isinstance(wanted, dict) or set(wanted.values()) - set(get_args(Treatment)):
            known = ", ".join(get_args(Treatment))
            return JSONResponse({"error": f"a key is one of {known}"}, status_code=400)
        keys.update(wanted)
        return JSONResponse({"keys": len(keys)})

    async def seen(_request: Request) -> Response:
        return JSONResponse({"calls": list(calls)})

    return Starlette(
        routes=[
            Route("/_standin/calls", seen),
            Route("/_standin/keys", treat, methods=["PUT"]),
            Route("/{base:path}/chat/completions", chat, methods=["POST"]),
            Route("/{base:path}/models", models),
        ]
    )


def _refusal(authorization: str, keys: Mapping[str, Treatment]) -> Response | None:
    """What a call with this credential gets, where it is not to be answered."""
    scheme, _, key = authorization.partition(" ")
    treatment = keys.get(key, "accept") if scheme == "Bearer" and key else "refuse"
    if treatment == "refuse":
        error = standin.error(401, "invalid_api_key", "No API key, or one that is not valid.")
        return JSONResponse(error, status_code=401)
    if treatment == "throttle":
        error = standin.error(429, "rate_limit_exceeded", "Too many calls with this API key.")
        return JSONResponse(error, 429, headers={"retry-after": _RETRY_AFTER_SECONDS})
    return None


def _seen(request: Request, body_bytes: int) -> dict[str, Any]:
    credentials = {
        name: [f"…{value[-4:]}" for value in request.headers.getlist(name)]
        for name in _CREDENTIAL_HEADERS
        if name in request.headers
    }
    return {
        "method": request.method,
        "host": request.headers.get("host", ""),
        "path": request.url.path,
        "scheme": request.url.scheme,
        "credentials": credentials,
        "body_bytes": body_bytes,
    }


async def _paced(events: Iterator[str]) -> AsyncIterator[str]:
    for event in events:
        yield event


if __name__ == "__main__":
    standin.main(create_app(), "Stand-in for an OpenAI-compatible provider")
