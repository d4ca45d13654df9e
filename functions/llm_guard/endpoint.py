"""One judge at an OpenAI-compatible endpoint: a question goes out, an opinion comes back.

Asked ──by schema──▶ 200 ──understand──▶ Opinion
          │ 400, 422, the first time 500: it may not know schemas
          └─by JSON mode──▶ … ──by words alone──▶ …      what worked is kept for the next calls
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

from functions.llm_guard.connection import Connection, Reply
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.http import HttpError, TooLarge, Unreachable
from functions.llm_guard.opinion import Asked, Opinion, Usage, understand
from functions.llm_guard.settings import AnswerForm, JudgeSettings
from functions.runtime.limit import Limit

_REJECTED: Final = (400, 413, 422)
_RETRY_AFTER: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
# DashScope's and Azure's words for text that their own filter stopped; the status is 400.
_FILTERED: Final = re.compile(rb"data_?inspection_?failed|content_filter", re.IGNORECASE)
_LOWER: Final[Mapping[AnswerForm, AnswerForm]] = {
    AnswerForm.SCHEMA: AnswerForm.JSON,
    AnswerForm.JSON: AnswerForm.TEXT,
}


class Endpoint:
    """A judge; one for the life of the process."""

    def __init__(self, settings: JudgeSettings, connection: Connection) -> None:
        self.settings = settings
        self._connection = connection
        self._form: AnswerForm = (
            AnswerForm.SCHEMA if settings.form is AnswerForm.AUTO else settings.form
        )
        self._proven = False
        self._begin = b'{%b"messages":' % _same_in_all(settings)

    @property
    def form(self) -> AnswerForm:
        """The form in which the endpoint is asked now."""
        return self._form

    async def ask(self, asked: Asked, deadline: Deadline) -> tuple[Opinion, Usage]:
        """The judge's opinion, or `JudgeError` by the deadline."""
        seconds = deadline.left()
        try:
            # One limit for all steps together: an answer may drip.
            with Limit(seconds, deadline.loop):
                answer = await self._answer(asked)
        except TimeoutError:
            raise JudgeError(Failure.TIMEOUT, f"no answer in {seconds:.2f} s") from None
        except HttpError as error:
            raise _named(error) from None
        return understand(answer, asked.canary, asked.categories)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _answer(self, asked: Asked) -> bytes:
        """The answer's bytes, asked for in the strictest form that the endpoint takes."""
        form: AnswerForm = self._form
        while True:
            reply = await self._connection.post(*self._content(asked, form))
            try:
                error = _wrong(reply)
                wanted = error is None or reply.status in _REJECTED
                answer = await reply.read() if wanted else b""
            finally:
                reply.close()
            if error is None:
                self._form, self._proven = form, True
                return answer
            if _FILTERED.search(answer):
                what = "the judge's provider filtered the text"
                raise JudgeError(Failure.FILTERED, what, error.status)
            lower = _LOWER.get(form)
            # Whatever else was bad is bad in every form.
            if lower is None or not self._may_be_the_form(error):
                raise error
            form = lower

    def _may_be_the_form(self, error: JudgeError) -> bool:
        """Whether another form of the answer may be all that is needed.

        Status 500 is what llama-cpp-python 0.3 says to a form that it does not know; of an endpoint
        that took the form before, it means something else.
        """
        if self.settings.form is not AnswerForm.AUTO:
            return False
        return error.status in (400, 422) or (error.status == 500 and not self._proven)

    def _content(self, asked: Asked, form: AnswerForm) -> tuple[bytes, ...]:
        """The request's body, in parts. What is the same in all of them is not encoded again."""
        how = b""
        if "response_format" not in self.settings.body:
            if form is AnswerForm.SCHEMA:
                how = b',"response_format":' + asked.response_format
            elif form is AnswerForm.JSON:
                how = b',"response_format":{"type":"json_object"}'
        return self._begin, asked.messages, how, b"}"


def _same_in_all(settings: JudgeSettings) -> bytes:
    """The members of every request to this judge, each with a comma behind it."""
    request = {"model": settings.model, "temperature": 0, "max_tokens": settings.tokens_max}
    merged = {**request, **settings.body}
    members = {name: value for name, value in merged.items() if value is not None}
    encoded = json.dumps(members, ensure_ascii=False, separators=(",", ":"))[1:-1]
    return f"{encoded},".encode() if encoded else b""


def _wrong(reply: Reply) -> JudgeError | None:
    """What is wrong with an answer by its head, None where nothing is."""
    status = reply.status
    if status == 200:
        if _is_json(reply.header("content-type")):
            return None
        what = "an answer that is not declared as JSON"
        return JudgeError(Failure.CONTENT_TYPE, what, status)
    if status in (401, 403):
        return JudgeError(Failure.UNAUTHORISED, f"status {status}", status)
    if status in _REJECTED:
        return JudgeError(Failure.REJECTED, f"status {status}", status)
    failure = Failure.THROTTLED if status == 429 else Failure.STATUS
    wait = _retry_after(reply.header("retry-after"))
    return JudgeError(failure, f"status {status}", status, retry_after=wait)


@lru_cache(maxsize=16)
def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _named(error: HttpError) -> JudgeError:
    """The error by its name among the failures."""
    if isinstance(error, Unreachable):
        return JudgeError(Failure.CONNECT, str(error))
    if isinstance(error, TooLarge):
        return JudgeError(Failure.TOO_LARGE, "an answer beyond any verdict's size")
    return JudgeError(Failure.BROKEN_OFF, str(error))


def _retry_after(value: str) -> float | None:
    """The seconds that `Retry-After` names, as a number or as a date; None where it names none."""
    value = value.strip()
    if _RETRY_AFTER.fullmatch(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # The latter for a zone of very many hours.
        return None
    if moment.tzinfo is None:  # A date without a zone is UTC (RFC 9110, 5.6.7).
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
