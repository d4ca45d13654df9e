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
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.verdict import Reason

_ANSWER_BYTES_MAX: Final = 256 * 1024
_TOKENS_MAX: Final = 300
_FENCE: Final = re.compile(r"\s*```(?:json)?\s*(\{.*\})\s*```\s*", re.DOTALL)


class JudgeError(Exception):
    """There is no opinion. `reason` is one of the three `judge.*` failures."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Opinion(BaseModel):
    """What the judge thinks of a text. `reason` is the judge's own words: screen before use."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    verdict: Literal["deny", "allow"]
    category: Annotated[str, Field(max_length=64)]
    confidence: Annotated[float, Field(ge=0, le=1)]
    reason: Annotated[str, Field(max_length=1000)]


class JudgeClient:
    """A judge at an OpenAI-compatible endpoint; one for the life of the process.

    `url` is the API's base, ending before `/chat/completions`.
    """

    def __init__(self, url: str, model: str, api_key: str) -> None:
        self._url = f"{url}/chat/completions"
        self._model = model
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        # Plain httpx falls to a hundredth of this transport's throughput at 200 calls in flight.
        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(limits=httpx.Limits(max_connections=1000)), headers=headers
        )

    async def ask(
        self,
        messages: Sequence[dict[str, str]],
        response_format: dict[str, Any],
        seconds: float,
    ) -> Opinion:
        """The judge's opinion, or `JudgeError` after `seconds` at the latest."""
        body = {
            "model": self._model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": _TOKENS_MAX,
            "response_format": response_format,
        }
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.post(self._url, json=body, timeout=seconds)
        except (TimeoutError, httpx.TimeoutException):
            raise JudgeError(Reason.JUDGE_TIMEOUT) from None
        except httpx.HTTPError:
            raise JudgeError(Reason.JUDGE_UNAVAILABLE) from None
        if response.status_code != 200:
            raise JudgeError(Reason.JUDGE_UNAVAILABLE)
        return understand(response.content)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def understand(answer: bytes) -> Opinion:
    """The opinion in a `chat.completion` document; raises `JudgeError` (malformed) for all else.

    A JSON object inside a code fence is understood, since models without structured output write
    so. A cut answer is not, even where what is left parses.
    """
    malformed = JudgeError(Reason.JUDGE_MALFORMED)
    if len(answer) > _ANSWER_BYTES_MAX:
        raise malformed
    try:
        choice = json.loads(answer)["choices"][0]
        content = choice["message"]["content"]
        if choice.get("finish_reason") not in ("stop", None) or not isinstance(content, str):
            raise malformed
        fenced = _FENCE.fullmatch(content)
        return Opinion.model_validate_json(fenced[1] if fenced else content)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, ValidationError):
        raise malformed from None
