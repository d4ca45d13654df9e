"""A judge without a network: an httpx transport that answers as a test or a simulation says."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from functions.llm_guard.opinion import Asked
from functions.llm_guard.settings import JudgeSettings
from tests.support.judge_answers import canary_of, clears, completion

Behaviour = Callable[[dict[str, Any]], Awaitable[httpx.Response]]
"""The request's document → the response, or an exception of httpx's."""


class JudgeInMemory(httpx.AsyncBaseTransport):
    """Keeps what it was asked, and leaves the rest to `behave`."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.asked: list[dict[str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        document = json.loads(request.content)
        self.asked.append(document)
        return await self.behave(document)


def says(document: dict[str, Any], opinion: dict[str, Any] | None = None) -> httpx.Response:
    """A completion with that opinion, or one that clears the text."""
    said = {"canary": canary_of(document), **(opinion or clears())}
    return response(200, completion(json.dumps(said)))


def response(
    status: int, content: bytes = b"{}", headers: dict[str, str] | None = None
) -> httpx.Response:
    return httpx.Response(
        status,
        headers={"content-type": "application/json", **(headers or {})},
        stream=_Whole(content),
    )


class _Whole(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> Any:
        yield self._content


def settings(name: str = "judge") -> JudgeSettings:
    return JudgeSettings(name=name, url="http://judge.test/v1", model=name)


def asked(text: str = "hello") -> Asked:
    """A question with the canary that `says` looks for."""
    canary = "0123456789abcdef"
    content = f'{text}\n{{"canary": "{canary}"}}'
    return Asked(
        messages=({"role": "user", "content": content},),
        response_format={"type": "json_schema"},
        canary=canary,
        categories=frozenset({"personal-data"}),
    )
