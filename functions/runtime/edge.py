"""The one edge around every check: HTTP on this side, a call on the other.

    GET  /health       200 once the check is made
    POST /initialize   200: the platform's initialiser, nothing left to do; GET /pre-stop alike
    POST /v1/verdict   callout ─▶ body ─▶ signature ─▶ check ─▶ headers and body, or the document
                         │ 400      │ 413    │ 401       │ 500, 504
    GET  /…            a function's own pages, such as its metrics
    anything else      404

Nothing of the body is looked at before the signature over its raw bytes has been verified.
functions-framework sends every path to one function, so the paths are told apart here.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from functions.runtime import logs
from functions.runtime.settings import Settings
from functions.runtime.wanted import CallerGone, while_wanted
from functions.verdict import (
    REASONS,
    Callout,
    ContractError,
    Decision,
    Header,
    Reason,
    UnauthorisedCallout,
    Verdict,
    encode,
    verify,
)
from functions.verdict.contract import CALLOUT_MEDIA_TYPE, DOCUMENT_MEDIA_TYPE, VERDICT_PATH

Check = Callable[[Callout, bytes, float], Verdict | Awaitable[Verdict]]
"""A check: what the shim says of a message, the message, and the seconds left → a verdict, at once
or later."""
Coding = Callable[[bytes, str], bytes]
"""Applies content codings, as a `content-encoding` names them, to a masked message."""
Handler = Callable[[Request], Awaitable[Response]]

_MARGIN_SECONDS_MAX: Final = 0.05
_MARGIN_SHARE: Final = 0.1
"""Kept back from the deadline, so that the verdict still arrives in time."""


class _NoVerdict(Exception):
    """A call ended without a verdict, as its status, code and message say."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a function's own, for whoever runs it: its content type, and how it is made."""

    content_type: str
    make: Callable[[], bytes]


_BROKEN_OFF: Final = (499, "callout.broken-off", "the caller went away")
_NO_PAGES: Final[Mapping[str, Page]] = {}


def edge(
    check: Check,
    settings: Settings,
    coding: Coding | None = None,
    pages: Mapping[str, Page] = _NO_PAGES,
    *,
    waits: bool = False,
) -> Handler:
    """The function that functions-framework calls for every request; `pages` by their paths.

    A check that masks gives the new message without codings; `coding` applies those of the old one,
    since the sidecar may have sent its headers already. A check that `waits` for others is ended
    when its caller goes away, and what it waits for with it.
    """

    async def handle(request: Request) -> Response:
        match request.method, request.scope["path"]:
            case "POST", path if path == VERDICT_PATH:
                return await _answer(request, check, settings, coding, waits=waits)
            case "GET", path if path in pages:
                return Response(pages[path].make(), media_type=pages[path].content_type)
            case ("GET", "/health") | ("POST", "/initialize") | ("GET", "/pre-stop"):
                return Response()
            case _:
                return _error(404, "not-found", f"only POST {VERDICT_PATH} is served here")

    return handle


async def _answer(
    request: Request, check: Check, settings: Settings, coding: Coding | None, *, waits: bool
) -> Response:
    """The verdict, or an error that says nothing of the message."""
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.scope["headers"]
    ]
    try:
        verdict = await _verdict(request, headers, check, settings, waits=waits)
    except ContractError as error:
        logs.event("warning", "callout refused", f"{error.reason}: {error}")
        return _error(error.status, error.reason, str(error))
    except _NoVerdict as error:
        logs.event("warning", "no verdict", f"{error.code}: {error}")
        return _error(error.status, error.code, str(error))
    except Exception as error:  # noqa: BLE001 -- the process's one edge: nothing of it gets out
        logs.event("error", "check failed", type(error).__name__)
        return _error(500, "check.failed", "the check failed; its log names the kind of error")
    said = dict(headers)
    if _media_type(said.get("accept", "")) == CALLOUT_MEDIA_TYPE:
        pairs, content = encode(verdict)
        if coding and verdict.decision is Decision.MASK:
            content = coding(content, said.get("content-encoding", ""))
        return Response(content, headers=dict(pairs))
    return Response(verdict.model_dump_json(), media_type=DOCUMENT_MEDIA_TYPE)


async def _verdict(
    request: Request,
    headers: Sequence[tuple[str, str]],
    check: Check,
    settings: Settings,
    *,
    waits: bool,
) -> Verdict:
    """The check's verdict, made inside the callout's deadline and written to the log."""
    arrived = time.monotonic()
    callout, message = await _authorised(request, headers, settings)
    deadline = callout.deadline_ms / 1000
    margin = min(_MARGIN_SECONDS_MAX, _MARGIN_SHARE * deadline)
    left = deadline - (time.monotonic() - arrived)
    try:
        verdict = check(callout, message, left - margin)
        if not isinstance(verdict, Verdict):
            async with asyncio.timeout(left):
                verdict = await (while_wanted(request, verdict) if waits else verdict)
    except CallerGone:
        raise _NoVerdict(*_BROKEN_OFF) from None
    except TimeoutError:
        raise _NoVerdict(504, "check.late", "no verdict inside the deadline") from None
    elapsed_ms = (time.monotonic() - arrived) * 1000
    logs.audit(verdict, callout, elapsed_ms)
    return verdict


async def _authorised(
    request: Request, headers: Sequence[tuple[str, str]], settings: Settings
) -> tuple[Callout, bytes]:
    """The callout and its body, once its signature is verified."""
    signatures = [value for name, value in headers if name == Header.SIGNATURE]
    if not signatures:  # Said before anything else, and before a body is taken from a stranger.
        raise UnauthorisedCallout(f"{Header.SIGNATURE} must stand exactly once")
    callout = Callout.from_headers(headers)
    message = await _body(request, settings.body_bytes_max)
    verify(settings.signing_secrets, signatures, callout, message, int(time.time()))
    return callout, message


async def _body(request: Request, bytes_max: int) -> bytes:
    chunks: list[bytes] = []
    length = 0
    more = True
    while more:
        event = await request.receive()
        if event["type"] != "http.request":
            raise _NoVerdict(*_BROKEN_OFF)
        chunks.append(event.get("body", b""))
        length += len(chunks[-1])
        if length > bytes_max:
            spec = REASONS[Reason.REQUEST_TOO_LARGE]
            raise _NoVerdict(spec.status, spec.reason, spec.meaning)
        more = event.get("more_body", False)
    return b"".join(chunks)


@lru_cache(maxsize=64)
def _media_type(accept: str) -> str:
    """The first media type that the caller accepts, without parameters."""
    return accept.partition(",")[0].partition(";")[0].strip().lower()


def _error(status: int, code: str, message: str) -> Response:
    body = json.dumps({"error": {"code": code, "message": message}})
    return Response(body, status, media_type=DOCUMENT_MEDIA_TYPE)
