"""HTTP as a function sees it: the head of a request, then its body, and the reply.

    head ──begin──▶ Reply                           said before any of the body is taken
              └───▶ Answering ──whole body──▶ Reply, at once or later

What serves it stands on the far side: `server` in the platform, `asgi` under a framework.
"""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from functions.verdict.contract import DOCUMENT_MEDIA_TYPE

Pairs = Sequence[tuple[str, str]]
"""Headers of a reply, in Latin-1."""


class Head:
    """One HTTP request without its body; `path` is without the query.

    `fields` holds the first value of each header by its name in lower case, as the bytes sent, and
    `more` the further ones of a header that stands more than once.
    """

    __slots__ = ("fields", "method", "more", "path")

    def __init__(
        self,
        method: str,
        path: str,
        fields: Mapping[bytes, bytes],
        more: Mapping[bytes, Sequence[bytes]],
    ) -> None:
        self.method = method
        self.path = path
        self.fields = fields
        self.more = more

    def values(self, name: str) -> list[str]:
        """The values of all headers of that name, in their order, as Latin-1."""
        key = name.encode()
        first = self.fields.get(key)
        every = [] if first is None else [first, *self.more.get(key, ())]
        return [value.decode("latin-1") for value in every]

    def header(self, name: str) -> str:
        """The first value of that name as Latin-1, empty where there is none."""
        return self.fields.get(name.encode(), b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request. Headers are Latin-1; the length of `content` is added to them."""

    content: bytes = b""
    status: int = 200
    headers: Pairs = ()

    @classmethod
    def error(cls, status: int, code: str, message: str) -> "Reply":
        """An error in the one form that all functions have: `{"error": {"code", "message"}}`."""
        body = json.dumps({"error": {"code": code, "message": message}})
        return cls(body.encode(), status, (("content-type", DOCUMENT_MEDIA_TYPE),))


Later = Coroutine[Any, Any, Reply]
Answering = Callable[[bytes], Reply | Later]
"""Answers a request, given its body; cancelled, where it waits, when the caller goes away."""


@dataclass(frozen=True, slots=True)
class Service:
    """What a function serves. Neither part raises anything.

    `begin` replies to a head, or says what to do with its body of up to `body_bytes_max` bytes;
    `too_large` is the reply to a body of more.
    """

    begin: Callable[[Head], Reply | Answering]
    body_bytes_max: int
    too_large: Callable[[], Reply]


BROKEN: Final = Reply.error(500, "function.failed", "the function failed; its log names the error")
"""The reply where a part of a service raised after all."""
