"""A judge without a network: a connection that answers as a test or a simulation says."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from functions.llm_guard.connection import Reply
from functions.llm_guard.opinion import Asked
from functions.llm_guard.settings import AnswerForm, JudgeSettings
from tests.support.judge_answers import canary_of, clears, completion

Behaviour = Callable[[dict[str, Any]], Awaitable[Reply]]
"""The request's document → the reply, or an `HttpError` as of a connection."""


class JudgeInMemory:
    """Keeps what it was asked, and leaves the rest to `behave`."""

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.asked: list[dict[str, Any]] = []

    async def post(self, *content: bytes) -> Reply:
        document = json.loads(b"".join(content))
        self.asked.append(document)
        return await self.behave(document)

    async def close(self) -> None:
        pass


class ReplyInMemory:
    """A reply that is all there; names of headers in small letters."""

    def __init__(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.status = status
        self._content = content
        self._headers = headers

    def header(self, name: str) -> str:
        return self._headers.get(name, "")

    async def read(self) -> bytes:
        return self._content

    def close(self) -> None:
        pass


def says(document: dict[str, Any], opinion: dict[str, Any] | None = None) -> ReplyInMemory:
    """A completion with that opinion, or one that clears the text."""
    said = {"canary": canary_of(document), **(opinion or clears())}
    return response(200, completion(json.dumps(said)))


def response(
    status: int, content: bytes = b"{}", headers: dict[str, str] | None = None
) -> ReplyInMemory:
    return ReplyInMemory(status, content, {"content-type": "application/json", **(headers or {})})


def settings(name: str = "judge") -> JudgeSettings:
    return JudgeSettings(name=name, url="http://judge.test/v1", model=name, form=AnswerForm.SCHEMA)


def asked(text: str = "hello") -> Asked:
    """A question with the canary that `says` looks for."""
    canary = "0123456789abcdef"
    content = f'{text}\n{{"canary": "{canary}"}}'
    return Asked(
        messages=json.dumps([{"role": "user", "content": content}]).encode(),
        response_format=b'{"type": "json_schema"}',
        canary=canary,
        categories=frozenset({"personal-data"}),
    )


def messages_of(asked: Asked) -> list[dict[str, str]]:
    """The chat's messages as the judge reads them."""
    messages: list[dict[str, str]] = json.loads(asked.messages)
    return messages
