"""The operations of a dialect: a table of them, and the parts that carry them out."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.emulator.errors import not_emulated

Endpoint = Callable[[Request], Awaitable[Response]]
Check = Callable[[Request], Awaitable[None]]
"""What a request must pass first; raises an FcError."""
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Operation(NamedTuple):
    """One operation; `path` is below the API's version."""

    name: str
    method: str
    path: str

    @property
    def method_name(self) -> str:
        """What the SDK calls it, and its dialect too: the name in lower case, words apart."""
        return _WORDS.sub("_", self.name).lower()


def is_emulated(operation: Operation, parts: Iterable[object]) -> bool:
    """Whether one of the parts, or of their classes, has a method for it."""
    return any(hasattr(part, operation.method_name) for part in parts)


def routes(
    prefix: str, operations: Iterable[Operation], parts: Sequence[object], check: Check | None
) -> list[Route]:
    """The routes of every operation, carried out by the method of its name, of whichever part.

    One that no part has answers 501 with its name.
    """
    found = []
    for operation in operations:
        by_name = (getattr(part, operation.method_name, None) for part in parts)
        endpoint = next(filter(None, by_name), _refused(operation.name))
        if check is not None:
            endpoint = _checked(endpoint, check)
        # An ARN holds slashes, which the SDK encodes.
        path = prefix + operation.path.replace("{arn}", "{arn:path}")
        found.append(Route(path, endpoint, methods=[operation.method]))
    return found


def _refused(name: str) -> Endpoint:
    async def refuse(_request: Request) -> Response:
        raise not_emulated(name)

    return refuse


def _checked(endpoint: Endpoint, check: Check) -> Endpoint:
    async def handle(request: Request) -> Response:
        await check(request)
        return await endpoint(request)

    return handle
