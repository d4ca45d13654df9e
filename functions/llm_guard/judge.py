"""The judge's client: one OpenAI-compatible chat completion, strictly read.

    Opinion              what the judge said
    JudgeError           why there is no opinion; its reason goes into the verdict
    ├── judge.timeout        nothing inside the deadline
    ├── judge.unavailable    no connection, or a status other than 200
    └── judge.malformed      an answer that is not a verdict: prose, cut, empty, wrong fields

What cannot be understood is never an allow.
"""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal

import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.prompt import MalformedMessage
from functions.prompt.strict_json import parse
from functions.verdict import Reason

_ANSWER_BYTES_MAX: Final = 256 * 1024
_TOKENS_MAX: Final = 300
_FENCE: Final = re.compile(r"\s*```(?:json)?\s*(\{.*\})\s*```\s*", re.DOTALL)
# Plain httpx falls to a hundredth of this transport's throughput at 200 calls in flight. Idle
# connections go before uvicorn's and vLLM's servers close them (5 s), which would fail a call.
_LIMITS: Final = httpx.Limits(max_connections=1000, keepalive_expiry=4.0)


class JudgeError(Exception):
    """There is no opinion. `reason` is one of the three `judge.*` failures.

    The message says why, in words of ours: nothing of what the judge was asked or answered.
    """

    def __init__(self, reason: Reason, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class _BadRequest(JudgeError):
    """Status 400: the endpoint may not know how to answer by schema."""


class Opinion(BaseModel):
    """What the judge thinks of a text. `reason` is the judge's own words: screen before use."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    verdict: Literal["deny", "allow"]
    category: Annotated[str, Field(max_length=64)]
    confidence: Annotated[float, Field(ge=0, le=1)]
    reason: Annotated[str, Field(max_length=1000)]


class JudgeClient:
    """A judge at an OpenAI-compatible endpoint; one for the life of the process.

    `url` is the API's base, ending before `/chat/completions`. `on_error` is told of each call
    that brought no opinion.
    """

    def __init__(
        self, url: str, model: str, api_key: str, on_error: Callable[[JudgeError], None]
    ) -> None:
        self._url = f"{url}/chat/completions"
        self._model = model
        self._on_error = on_error
        self._takes_schema = True
        headers = {"accept-encoding": "identity"}
        if api_key:
            headers["authorization"] = f"Bearer {api_key}"
        # No proxies and no .netrc from the environment: what is judged goes to the judge alone.
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(limits=_LIMITS, trust_env=False),
            headers=headers,
            trust_env=False,
        )

    async def ask(
        self,
        messages: Sequence[dict[str, str]],
        response_format: dict[str, Any],
        seconds: float,
    ) -> Opinion:
        """The judge's opinion, or `JudgeError` after `seconds` at the latest."""
        request: dict[str, Any] = {
            "model": self._model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": _TOKENS_MAX,
        }
        try:
            # One limit for all steps, where httpx bounds each: an answer may drip.
            async with asyncio.timeout(seconds):
                return understand(await self._answer(request, response_format, seconds))
        except TimeoutError:
            error = JudgeError(Reason.JUDGE_TIMEOUT, f"nothing in {seconds:.2f} s")
            self._on_error(error)
            raise error from None
        except JudgeError as error:
            self._on_error(error)
            raise

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _answer(
        self, request: dict[str, Any], response_format: dict[str, Any], seconds: float
    ) -> bytes:
        """The answer's bytes; asks for the form by schema as long as the endpoint knows schemas."""
        if not self._takes_schema:
            return await self._post(request, seconds)
        try:
            return await self._post(request | {"response_format": response_format}, seconds)
        except _BadRequest:
            # The instruction names the form as well; whatever else was bad is bad again.
            answer = await self._post(request, seconds)
        self._takes_schema = False
        return answer

    async def _post(self, request: dict[str, Any], seconds: float) -> bytes:
        answer = bytearray()
        try:
            async with self._client.stream(
                "POST", self._url, json=request, timeout=seconds
            ) as response:
                if response.status_code != 200:
                    kind = _BadRequest if response.status_code == 400 else JudgeError
                    raise kind(Reason.JUDGE_UNAVAILABLE, f"status {response.status_code}")
                async for chunk in response.aiter_bytes():
                    answer += chunk
                    if len(answer) > _ANSWER_BYTES_MAX:
                        raise _malformed("an answer beyond any verdict's size")
        except (httpx.ConnectTimeout, httpx.ConnectError):
            # httpx-aiohttp calls every failure to connect a timeout, a refused connection too.
            raise JudgeError(Reason.JUDGE_UNAVAILABLE, "no connection to it") from None
        except httpx.TimeoutException:
            raise TimeoutError from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise JudgeError(Reason.JUDGE_UNAVAILABLE, type(error).__name__) from None
        return bytes(answer)


def understand(answer: bytes) -> Opinion:
    """The opinion in a `chat.completion` document; raises `JudgeError` (malformed) for all else.

    A JSON object inside a code fence is understood, since models without structured output write
    so. A cut answer is not, even where what is left parses, nor one that says a thing twice.
    """
    try:
        (choice,) = json.loads(answer)["choices"]
        finish, content = choice.get("finish_reason"), choice["message"]["content"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise _malformed("not a chat completion with one choice") from None
    if finish not in ("stop", None):
        raise _malformed("an answer that was cut or filtered")
    if not isinstance(content, str):
        raise _malformed("an answer without text")
    fenced = _FENCE.fullmatch(content)
    try:
        return Opinion.model_validate(parse((fenced[1] if fenced else content).encode()))
    except (MalformedMessage, UnicodeEncodeError):
        raise _malformed("text that is not one JSON document") from None
    except ValidationError:
        raise _malformed("a document whose fields are not a verdict's") from None


def _malformed(why: str) -> JudgeError:
    return JudgeError(Reason.JUDGE_MALFORMED, why)
