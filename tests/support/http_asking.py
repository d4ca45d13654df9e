"""llm-guard's HTTP client before a server that plays scripts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from functions.llm_guard.http import Client, Place
from tests.support.scripted_server import Scripted, Step, scripted

OK: Final = b"HTTP/1.1 200 OK\r\n"
HELLO: Final = OK + b"content-length: 5\r\n\r\nhello"
BODY_BYTES_MAX: Final = 100_000

Loop = Callable[[], asyncio.AbstractEventLoop]
Run = Callable[[Coroutine[Any, Any, None]], None]


def running_on(loop: Loop) -> Run:
    """What runs a coroutine on a loop of that kind, with an end to it."""

    def run(work: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(asyncio.wait_for(work, 20))

    return run


@asynccontextmanager
async def before(
    *scripts: Sequence[Step], connections_max: int = 10
) -> AsyncIterator[tuple[Scripted, Client]]:
    """A server that plays these scripts, and a client of its."""
    async with scripted(scripts) as server:
        place = Place(f"http://127.0.0.1:{server.port}/v1/a?b=c", None)
        asking = Client(place, [("x-token", "t")], connections_max, BODY_BYTES_MAX)
        try:
            yield server, asking
        finally:
            await asking.close()


async def said(asking: Client, content: bytes = b"?") -> bytes:
    """The body of the answer; its connection is kept where it can be."""
    answer = await asking.post(content)
    try:
        return await answer.read()
    finally:
        answer.close()
