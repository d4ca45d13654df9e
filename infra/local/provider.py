"""The stand-in provider: answers chat completions, whole or streamed, and shows who called.

    POST …/chat/completions      an answer that says that it is a stand-in
    GET  …/models                one model
    GET  /_standin/calls         the last calls: method, path, which credential came, body bytes

Of a credential it shows the header's name and the last four characters, never the whole; of a body
its size. It refuses calls without a key as a real provider does.
"""

from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from infra.local import standin

_CALLS_MAX = 100
_CREDENTIAL_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_GREETING = "你好！我是 Meshward 本地的替身，不是真正的模型。(A stand-in, not a real model.)"


def create_app() -> Starlette:
    """The provider as an ASGI application, with its own list of calls."""
    calls: deque[dict[str, Any]] = deque(maxlen=_CALLS_MAX)

    async def chat(request: Request) -> Response:
        body = await request.body()
        calls.append(_seen(request, len(body)))
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return JSONResponse(
                standin.error(401, "invalid_api_key", "No API key provided."), status_code=401
            )
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

    async def seen(_request: Request) -> Response:
        return JSONResponse({"calls": list(calls)})

    return Starlette(
        routes=[
            Route("/_standin/calls", seen),
            Route("/{base:path}/chat/completions", chat, methods=["POST"]),
            Route("/{base:path}/models", models),
        ]
    )


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
