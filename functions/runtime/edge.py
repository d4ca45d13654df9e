"""The one edge around every check: HTTP on this side, a call on the other.

    GET  /health       200 once the check is made
    POST /initialize   200: the platform's initialiser, nothing left to do; GET /pre-stop alike
    POST /v1/verdict   callout ─▶ body ─▶ signature ─▶ check ─▶ headers and body, or the document
                         │ 400      │ 413    │ 401       │ 500, 504
    GET  /…            a function's own pages, such as its metrics
    anything else      404

Nothing of the body is looked at before the signature over its raw bytes has been verified.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from functions.runtime import logs
from functions.runtime.settings import Settings
from functions.runtime.turns import Turns
from functions.runtime.wanted import while_wanted
from functions.runtime.web import Application, BodyTooLarge, Call, CallerGone, Reply, application
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

_MARGIN_SECONDS_MAX: Final = 0.05
_MARGIN_SHARE: Final = 0.1
"""Kept back from the deadline, so that the verdict still arrives in time."""
_BEGIN_MAX: Final = 8
"""Calls in one turn of the event loop: some 2 ms of work."""


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


_NO_PAGES: Final[Mapping[str, Page]] = {}


def edge(
    check: Check,
    settings: Settings,
    coding: Coding | None = None,
    pages: Mapping[str, Page] = _NO_PAGES,
    *,
    waits: bool = False,
) -> Application:
    """The application around `check`; `pages` by their paths.

    A check that masks gives the new message without codings; `coding` applies those of the old one,
    since the sidecar may have sent its headers already. A check that `waits` for others is ended
    when its caller goes away, and what it waits for with it; of its calls not all begin at once.
    """

    turns = Turns(_BEGIN_MAX) if waits else None

    async def answer(call: Call) -> Reply:
        match call.method, call.path:
            case "POST", path if path == VERDICT_PATH:
                return await _answer(call, check, settings, coding, turns)
            case "GET", path if path in pages:
                return Reply(pages[path].make(), headers={"content-type": pages[path].content_type})
            case ("GET", "/health") | ("POST", "/initialize") | ("GET", "/pre-stop"):
                return Reply()
            case _:
                return Reply.error(404, "not-found", f"only POST {VERDICT_PATH} is served here")

    return application(answer)


async def _answer(
    call: Call, check: Check, settings: Settings, coding: Coding | None, turns: Turns | None
) -> Reply:
    """The verdict, or an error that says nothing of the message."""
    try:
        verdict = await _verdict(call, check, settings, turns)
        return _reply(call, verdict, coding)
    except ContractError as error:
        logs.event("warning", "callout refused", f"{error.reason}: {error}")
        return Reply.error(error.status, error.reason, str(error))
    except _NoVerdict as error:
        logs.event("warning", "no verdict", f"{error.code}: {error}")
        return Reply.error(error.status, error.code, str(error))
    except Exception as error:  # noqa: BLE001 -- the process's one edge: nothing of it gets out
        logs.event("error", "check failed", type(error).__name__)
        return Reply.error(500, "check.failed", "the check failed; its log names the kind of error")


async def _verdict(call: Call, check: Check, settings: Settings, turns: Turns | None) -> Verdict:
    """The check's verdict, made inside the callout's deadline and written to the log."""
    arrived = time.monotonic()
    try:
        if turns is not None:
            await turns.begin()
        callout, message = await _authorised(call, settings)
        deadline = callout.deadline_ms / 1000
        margin = min(_MARGIN_SECONDS_MAX, _MARGIN_SHARE * deadline)
        left = deadline - (time.monotonic() - arrived)
        verdict = check(callout, message, left - margin)
        if not isinstance(verdict, Verdict):
            async with asyncio.timeout(left):
                verdict = await (while_wanted(call, verdict) if turns else verdict)
    except CallerGone:
        raise _NoVerdict(499, "callout.broken-off", "the caller went away") from None
    except BodyTooLarge:
        spec = REASONS[Reason.REQUEST_TOO_LARGE]
        raise _NoVerdict(spec.status, spec.reason, spec.meaning) from None
    except TimeoutError:
        raise _NoVerdict(504, "check.late", "no verdict inside the deadline") from None
    logs.audit(verdict, callout, (time.monotonic() - arrived) * 1000)
    return verdict


async def _authorised(call: Call, settings: Settings) -> tuple[Callout, bytes]:
    """The callout and its body, once its signature is verified."""
    signatures = call.values(Header.SIGNATURE)
    if not signatures:  # Said before anything else, and before a body is taken from a stranger.
        raise UnauthorisedCallout(f"{Header.SIGNATURE} must stand exactly once")
    callout = Callout.from_headers(call.headers)
    message = await call.body(settings.body_bytes_max)
    verify(settings.signing_secrets, signatures, callout, message, int(time.time()))
    return callout, message


def _reply(call: Call, verdict: Verdict, coding: Coding | None) -> Reply:
    """The verdict in the representation that the caller asks for."""
    if _media_type(call.header("accept")) != CALLOUT_MEDIA_TYPE:
        document = verdict.model_dump_json().encode()
        return Reply(document, headers={"content-type": DOCUMENT_MEDIA_TYPE})
    pairs, content = encode(verdict)
    if coding and verdict.decision is Decision.MASK:
        content = coding(content, call.header("content-encoding"))
    return Reply(content, headers=dict(pairs))


@lru_cache(maxsize=64)
def _media_type(accept: str) -> str:
    """The first media type that the caller accepts, without parameters."""
    return accept.partition(",")[0].partition(";")[0].strip().lower()
