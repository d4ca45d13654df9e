"""The one edge around every check: HTTP on this side, a verdict on the other.

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
from functools import lru_cache, partial
from typing import Final

from functions.runtime import logs
from functions.runtime.again import Again
from functions.runtime.limit import Limit
from functions.runtime.settings import Settings
from functions.runtime.turns import Turns
from functions.runtime.web import Answering, Head, Later, Reply, Service
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
Tell = Callable[[Verdict, float], None]
"""Hears of a verdict, and of the seconds since its callout came."""

_MARGIN_SECONDS_MAX: Final = 0.05
_MARGIN_SHARE: Final = 0.1
"""Kept back from the deadline, so that the verdict still arrives in time."""
_SIGNATURE: Final = Header.SIGNATURE.encode()
_BEGIN_MAX: Final = 8
"""Calls in one turn of the event loop: some 2 ms of work."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a function's own, for whoever runs it: its content type, and how it is made."""

    content_type: str
    make: Callable[[], bytes]


_NO_PAGES: Final[Mapping[str, Page]] = {}


def _nobody(_verdict: Verdict, _seconds: float) -> None:
    """Nobody has to hear of it."""


def edge(
    check: Check,
    settings: Settings,
    coding: Coding | None = None,
    pages: Mapping[str, Page] = _NO_PAGES,
    *,
    waits: bool = False,
    tell: Tell = _nobody,
) -> Service:
    """The service around `check`; `pages` by their paths. `tell` hears of every verdict.

    A check that masks gives the new message without codings; `coding` applies those of the old one,
    since the sidecar may have sent its headers already. Of the calls of a check that `waits` for
    others, not all begin at once.
    """
    verdicts = _Verdicts(check, settings, coding, Turns(_BEGIN_MAX) if waits else None, tell)

    def begin(head: Head) -> Reply | Answering:
        match head.method, head.path:
            case "POST", path if path == VERDICT_PATH:
                return verdicts.begin(head)
            case "GET", path if path in pages:
                page = pages[path]
                return Reply(page.make(), headers=(("content-type", page.content_type),))
            case ("GET", "/health") | ("POST", "/initialize") | ("GET", "/pre-stop"):
                return Reply()
            case _:
                return Reply.error(404, "not-found", f"only POST {VERDICT_PATH} is served here")

    return Service(begin, settings.body_bytes_max, _too_large)


class _Asked:
    """A callout whose body has not been looked at; when it came, by `time.monotonic`."""

    __slots__ = ("arrived", "callout", "head", "signature")

    def __init__(self, head: Head, callout: Callout, signature: str, arrived: float) -> None:
        self.head = head
        self.callout = callout
        self.signature = signature
        self.arrived = arrived


class _Verdicts:
    """Callouts in, verdicts out, or an error that says nothing of the message."""

    def __init__(
        self,
        check: Check,
        settings: Settings,
        coding: Coding | None,
        turns: Turns | None,
        tell: Tell,
    ) -> None:
        self._check = check
        self._secrets = settings.signing_secrets
        self._coding = coding
        self._turns = turns
        self._tell = tell
        self._again = Again[Reply](256)

    def begin(self, head: Head) -> Reply | Answering:
        """Read what stands in the head."""
        arrived = time.monotonic()
        try:
            signature = head.fields.get(_SIGNATURE)
            if signature is None:  # Said first, and before a stranger's body is taken.
                raise UnauthorisedCallout(f"{Header.SIGNATURE} must stand exactly once")
            callout = Callout.from_fields(head.fields, head.more)
            asked = _Asked(head, callout, signature.decode("latin-1"), arrived)
        except ContractError as error:
            return _refused(error)
        return partial(self._answer_in_turn, asked)

    def _answer(self, asked: _Asked, message: bytes) -> Reply | Later:
        try:
            verify(self._secrets, [asked.signature], asked.callout, message, int(time.time()))
            deadline = asked.callout.deadline_ms / 1000
            left = deadline - (time.monotonic() - asked.arrived)
            margin = min(_MARGIN_SECONDS_MAX, _MARGIN_SHARE * deadline)
            verdict = self._check(asked.callout, message, left - margin)
            if isinstance(verdict, Verdict):
                return self._told(asked, verdict)
            return self._later(asked, verdict, left)
        except ContractError as error:
            return _refused(error)
        except Exception as error:  # noqa: BLE001 -- one of the edge's two ends: nothing gets out
            return _failed(error)

    def _answer_in_turn(self, asked: _Asked, message: bytes) -> Reply | Later:
        if self._turns is None or self._turns.enter():
            return self._answer(asked, message)
        return self._answer_later(asked, message, self._turns)

    async def _answer_later(self, asked: _Asked, message: bytes, turns: Turns) -> Reply:
        try:
            await turns.begin()
        except asyncio.CancelledError:
            _no_verdict(499, "callout.broken-off", "the caller went away")
            raise
        reply = self._answer(asked, message)
        return reply if isinstance(reply, Reply) else await reply

    async def _later(self, asked: _Asked, verdict: Awaitable[Verdict], left: float) -> Reply:
        """The reply to a callout whose verdict takes its time, up to `left` seconds."""
        try:
            with Limit(left, asyncio.get_running_loop()):
                said = await verdict
            return self._told(asked, said)
        except asyncio.CancelledError:
            _no_verdict(499, "callout.broken-off", "the caller went away")
            raise
        except TimeoutError:
            return _no_verdict(504, "check.late", "no verdict inside the deadline")
        except Exception as error:  # noqa: BLE001 -- one of the edge's two ends: nothing gets out
            return _failed(error)

    def _told(self, asked: _Asked, verdict: Verdict) -> Reply:
        """The verdict, written to the log, in the representation that the caller asks for."""
        seconds = time.monotonic() - asked.arrived
        self._tell(verdict, seconds)
        logs.audit(verdict, asked.callout, seconds * 1000)
        accept = asked.head.fields.get(b"accept", b"")
        reply = self._again.known(verdict, accept)
        if reply is None:
            reply = self._reply(verdict, accept, asked.head.header("content-encoding"))
            if verdict.plain:
                self._again.keep(reply, verdict, accept)
        return reply

    def _reply(self, verdict: Verdict, accept: bytes, coding: str) -> Reply:
        """The verdict in the representation that the caller asks for."""
        if _media_type(accept) != CALLOUT_MEDIA_TYPE:
            document = verdict.model_dump_json().encode()
            return Reply(document, headers=(("content-type", DOCUMENT_MEDIA_TYPE),))
        pairs, content = encode(verdict)
        if self._coding and verdict.decision is Decision.MASK:
            content = self._coding(content, coding)
        return Reply(content, headers=pairs)


def _refused(error: ContractError) -> Reply:
    logs.event("warning", "callout refused", f"{error.reason}: {error}")
    return Reply.error(error.status, error.reason, str(error))


def _failed(error: Exception) -> Reply:
    logs.event("error", "check failed", type(error).__name__)
    return Reply.error(500, "check.failed", "the check failed; its log names the kind of error")


def _no_verdict(status: int, code: str, message: str) -> Reply:
    logs.event("warning", "no verdict", f"{code}: {message}")
    return Reply.error(status, code, message)


def _too_large() -> Reply:
    spec = REASONS[Reason.REQUEST_TOO_LARGE]
    return _no_verdict(spec.status, spec.reason, spec.meaning)


@lru_cache(maxsize=64)
def _media_type(accept: bytes) -> str:
    """The first media type that the caller accepts, without parameters."""
    return accept.decode("latin-1").partition(",")[0].partition(";")[0].strip().lower()
