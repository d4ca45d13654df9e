"""One judge at an OpenAI-compatible endpoint: a question goes out, an opinion comes back.

    Asked ──by schema──▶ 200 ──understand──▶ Opinion
              │ 400: it may not know schemas
              └─by JSON mode──▶ … ──by words alone──▶ …      what worked is kept for the next calls

`transport` is the seam: httpx-aiohttp's in a function, one in memory in a simulation. It is used
without httpx's client, whose cookies, redirects and hooks nobody needs here and every call pays.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast

import aiohttp
import certifi
import httpx
from httpx_aiohttp import AiohttpTransport

from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.opinion import Asked, Opinion, Usage, understand
from functions.llm_guard.settings import AnswerForm, JudgeSettings

_ANSWER_BYTES_MAX: Final = 256 * 1024
_KEEP_ALIVE_SECONDS: Final = 4.0
"""Idle connections go before uvicorn's and vLLM's servers close them (5 s), which would fail a
call."""
_REJECTED: Final = (400, 413, 422)
_RETRY_AFTER: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
# DashScope's and Azure's words for text that their own filter stopped; the status is 400.
_FILTERED: Final = re.compile(rb"data_?inspection_?failed|content_filter", re.IGNORECASE)
# The last one is httpx-aiohttp's, for a reason phrase that is not UTF-8.
_BREAKS: Final = (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, UnicodeError)
_LOWER: Final[Mapping[AnswerForm, AnswerForm]] = {
    AnswerForm.SCHEMA: AnswerForm.JSON,
    AnswerForm.JSON: AnswerForm.TEXT,
}


class Endpoint:
    """A judge; one for the life of the process."""

    def __init__(self, settings: JudgeSettings, transport: httpx.AsyncBaseTransport) -> None:
        self.settings = settings
        self._transport = transport
        self._url = httpx.URL(f"{settings.url}/chat/completions")
        self._form: AnswerForm = (
            AnswerForm.SCHEMA if settings.form is AnswerForm.AUTO else settings.form
        )
        self._headers = httpx.Headers(
            {
                "host": self._url.netloc.decode(),
                "content-type": "application/json",
                "accept": "application/json",
                "accept-encoding": "identity",
                "user-agent": "meshward-llm-guard",
            }
        )
        if settings.api_key:
            self._headers["authorization"] = f"Bearer {settings.api_key}"
        self._headers.update(settings.headers)

    @property
    def form(self) -> AnswerForm:
        """The form in which the endpoint is asked now."""
        return self._form

    async def ask(self, asked: Asked, seconds: float) -> tuple[Opinion, Usage]:
        """The judge's opinion, or `JudgeError` after `seconds` at the latest."""
        try:
            # One limit for all steps together: an answer may drip.
            async with asyncio.timeout(seconds):
                answer = await self._answer(asked)
        except TimeoutError:
            raise JudgeError(Failure.TIMEOUT, f"no answer in {seconds:.2f} s") from None
        return understand(answer, asked.canary, asked.categories)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _answer(self, asked: Asked) -> bytes:
        """The answer's bytes, asked for in the strictest form that the endpoint takes."""
        form: AnswerForm = self._form
        while True:
            try:
                answer = await self._post(_content(self.settings, asked, form))
            except JudgeError as error:
                may_be_form = error.status in (400, 422) and error.failure is Failure.REJECTED
                if not may_be_form or self.settings.form is not AnswerForm.AUTO:
                    raise
                lower = _LOWER.get(form)
                if lower is None:  # Whatever else was bad is bad in every form.
                    raise
                form = lower
            else:
                self._form = form
                return answer

    async def _post(self, content: bytes) -> bytes:
        request = httpx.Request("POST", self._url, headers=self._headers, content=content)
        request.headers.encoding = "latin-1"  # Or it is guessed anew for each of them.
        try:
            response = await self._transport.handle_async_request(request)
            try:
                return await _read(response)
            finally:
                await response.aclose()
        except _BREAKS as error:
            raise _broken(error) from None


def transport_of(settings: JudgeSettings, connections_max: int) -> httpx.AsyncBaseTransport:
    """Kept connections, TLS verified, a client certificate where there is one.

    No proxies and no .netrc from the environment: what is judged goes to the judge alone. No
    cookies either, which would tie one caller's question to another's.
    """
    context = ssl.create_default_context(cafile=settings.ca_file or certifi.where())
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections_max, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=context
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    return AiohttpTransport(verify=context, trust_env=False, client=session)


def _content(settings: JudgeSettings, asked: Asked, form: AnswerForm) -> bytes:
    request: dict[str, Any] = {
        "model": settings.model,
        "messages": asked.messages,
        "temperature": 0,
        "max_tokens": settings.tokens_max,
    }
    if form is AnswerForm.SCHEMA:
        request["response_format"] = asked.response_format
    elif form is AnswerForm.JSON:
        request["response_format"] = {"type": "json_object"}
    merged = {**request, **settings.body}
    document = {name: value for name, value in merged.items() if value is not None}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


async def _read(response: httpx.Response) -> bytes:
    """The body of an answer that is as it should be; `JudgeError` for every other."""
    status = response.status_code
    if status in (401, 403):
        raise JudgeError(Failure.UNAUTHORISED, f"status {status}", status)
    if status in _REJECTED:
        if _FILTERED.search(await _bounded(response)):
            raise JudgeError(Failure.FILTERED, "the judge's provider filtered the text", status)
        raise JudgeError(Failure.REJECTED, f"status {status}", status)
    if status != 200:
        failure = Failure.THROTTLED if status == 429 else Failure.STATUS
        wait = _retry_after(response.headers.get("retry-after", ""))
        raise JudgeError(failure, f"status {status}", status, retry_after=wait)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise JudgeError(Failure.CONTENT_TYPE, "an answer that is not declared as JSON", status)
    return await _bounded(response)


def _retry_after(value: str) -> float | None:
    """The seconds that `Retry-After` names, as a number or as a date; None where it names none."""
    value = value.strip()
    if _RETRY_AFTER.fullmatch(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:  # A date without a zone is UTC (RFC 9110, 5.6.7).
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


async def _bounded(response: httpx.Response) -> bytes:
    answer = bytearray()
    # Not by the response's own methods, which count and decode what nobody asked for.
    async for chunk in cast("httpx.AsyncByteStream", response.stream):
        answer += chunk
        if len(answer) > _ANSWER_BYTES_MAX:
            raise JudgeError(Failure.TOO_LARGE, "an answer beyond any verdict's size")
    return bytes(answer)


def _broken(error: Exception) -> JudgeError:
    """httpx-aiohttp calls every failed connection a timeout; aiohttp's own error knows better."""
    cause = error.__cause__ or error
    if isinstance(cause, aiohttp.ClientConnectorError | httpx.ConnectError):
        return JudgeError(Failure.CONNECT, "no connection to it")
    return JudgeError(Failure.BROKEN_OFF, type(cause).__name__)
