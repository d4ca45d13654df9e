"""The one edge around every check: HTTP on this side, a pure call on the other.

    GET  /health       200 once the check is made
    POST /initialize   200: the platform's initialiser, nothing left to do
    POST /v1/verdict   signature ─▶ callout ─▶ check ─▶ headers and body, or the JSON document
                         │ 401        │ 400      │ 500
    anything else      404

The signature is verified over the raw bytes before anything in them is read. functions-framework
sends every path to one function, so the paths are told apart here.
"""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from functions.runtime import logs
from functions.runtime.settings import Settings
from functions.verdict import (
    REASONS,
    Callout,
    ContractError,
    Header,
    Reason,
    Verdict,
    encode,
    verify,
)
from functions.verdict.contract import CALLOUT_MEDIA_TYPE, DOCUMENT_MEDIA_TYPE, VERDICT_PATH

Check = Callable[[Callout, bytes], Awaitable[Verdict]]
"""A check: what the shim says of a message, and the message itself → a verdict."""
Handler = Callable[[Request], Awaitable[Response]]

_REQUEST_ID: Final = "x-request-id"
_REQUEST_ID_CHARS_MAX: Final = 64


def edge(check: Check, settings: Settings) -> Handler:
    """The function that functions-framework calls for every request."""

    async def handle(request: Request) -> Response:
        match request.method, request.url.path:
            case "POST", path if path == VERDICT_PATH:
                return await _verdict(request, check, settings)
            case ("GET", "/health") | ("POST", "/initialize") | ("GET", "/pre-stop"):
                return Response(status_code=200)
            case _:
                return _error(404, "not-found", f"only POST {VERDICT_PATH} is served here")

    return handle


async def _verdict(request: Request, check: Check, settings: Settings) -> Response:
    started = time.perf_counter()
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.scope["headers"]
    ]
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > settings.body_bytes_max:
            spec = REASONS[Reason.REQUEST_TOO_LARGE]
            return _error(spec.status, spec.reason, spec.meaning)
    message = bytes(body)
    try:
        callout = Callout.from_headers(headers)
        signatures = [value for name, value in headers if name == Header.SIGNATURE]
        verify(settings.signing_secrets, signatures, callout, message, int(time.time()))
        verdict = await check(callout, message)
    except ContractError as error:
        logs.event("warning", "callout refused", f"{error.reason}: {error}")
        return _error(error.status, error.reason, str(error))
    except Exception as error:  # noqa: BLE001 -- the process's one edge: nothing of it gets out
        logs.event("error", "check failed", type(error).__name__)
        return _error(500, "check.failed", "the check failed; its log names the kind of error")
    request_id = dict(headers).get(_REQUEST_ID, "")[:_REQUEST_ID_CHARS_MAX]
    logs.audit(verdict, callout, request_id, (time.perf_counter() - started) * 1000)
    if dict(headers).get("accept") == CALLOUT_MEDIA_TYPE:
        pairs, content = encode(verdict)
        return Response(content, headers=dict(pairs))
    return Response(verdict.model_dump_json(), media_type=DOCUMENT_MEDIA_TYPE)


def _error(status: int, code: str, message: str) -> Response:
    body = json.dumps({"error": {"code": code, "message": message}})
    return Response(body, status, media_type=DOCUMENT_MEDIA_TYPE)
