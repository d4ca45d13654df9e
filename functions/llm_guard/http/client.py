"""Requests with a body to one place, over connections that are kept for a little while.

    post ──a kept line──▶ Answer ──close──▶ kept again
      │      └─ had hung up before it came: once more, over a new line
      └────a new line──▶ Answer

No proxies, no redirects, no cookies, no decompression, nothing of the environment.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from functions.llm_guard.http.line import Answer, HungUp, Line
from functions.llm_guard.http.place import Place
from functions.runtime.outbox import Outbox

_KEPT_SECONDS: Final = 4.0
"""Idle connections go before uvicorn's and vLLM's servers close them (5 s), which would fail a
call."""
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")
FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
"""Headers that tell where a request ends, which are the client's own."""


class Client:
    """At most `connections_max` connections to `place`; answers have at most so many bytes.

    `headers` go with every request. Raises `ValueError` for headers that cannot be sent.
    """

    def __init__(
        self,
        place: Place,
        headers: Sequence[tuple[str, str]],
        connections_max: int,
        body_bytes_max: int,
    ) -> None:
        self._place = place
        self._head = _head(place, headers)
        self._body_bytes_max = body_bytes_max
        self._free = connections_max
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: list[Line] = []
        self._outbox: Outbox | None = None
        self._time: Callable[[], float] = float  # Nothing is kept before there is a clock.
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    async def post(self, *content: bytes) -> Answer:
        """The answer to a body in parts, when its head is there, to be closed; raises `HttpError`.

        A request goes out a second time only where the far side had ended the connection before it
        came. There is no timeout: cancel it.
        """
        size = b"%d\r\n\r\n" % sum(map(len, content))
        request = b"".join((self._head, size, *content))
        outbox = self._outbox or self._begin()
        if self._free:
            self._free -= 1
        else:
            await self._turn()
        try:
            line = self._kept()
            if line is not None:
                try:
                    return await line.ask(request, outbox)
                except HungUp:
                    pass
            line = await self._place.connect(lambda: Line(self._body_bytes_max, self._home))
            return await line.ask(request, outbox)
        except BaseException:
            self._release()
            raise

    async def close(self) -> None:
        """Close the connections that nobody uses, and others when their answers are closed."""
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for line in self._idle:
            line.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # Ended connections are told so in the loop's next turn.

    def _begin(self) -> Outbox:
        """Be at home in the event loop, which is asked for once: it costs a system call."""
        loop = asyncio.get_running_loop()
        self._time = loop.time
        self._outbox = Outbox(loop, lambda: None)
        return self._outbox

    async def _turn(self) -> None:
        """Wait until one of the connections may be had."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # It came at the very same moment.
                self._release()
            raise

    def _release(self) -> None:
        """Hand a connection's place on to the one who waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _kept(self) -> Line | None:
        """The connection that was used last, if it is still good."""
        oldest = self._time() - _KEPT_SECONDS
        while self._idle:
            line = self._idle.pop()
            if line.free and line.idle_since > oldest:
                return line
            line.abort()
        return None

    def _home(self, line: Line) -> None:
        """Somebody is done with `line`."""
        self._release()
        if self._closed:
            line.abort()
        elif line.free:
            line.idle_since = self._time()
            self._idle.append(line)
            if self._sweeping is None:
                loop = asyncio.get_running_loop()
                self._sweeping = loop.call_later(_KEPT_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """End what was idle for too long. The longest idle stand first."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - _KEPT_SECONDS
        young = [line for line in self._idle if line.free and line.idle_since > oldest]
        for line in self._idle:
            if line not in young:
                line.abort()
        self._idle = young
        self._sweeping = loop.call_later(_KEPT_SECONDS, self._sweep) if young else None


def _head(place: Place, headers: Sequence[tuple[str, str]]) -> bytes:
    """A request's head up to the value of `content-length`; a later header of a name counts."""
    named = {"host": place.authority}
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in FRAMING:
            raise ValueError(f"the header {name!r} cannot be sent, or its value is not plain ASCII")
        named[name.lower()] = value
    lines = [
        f"POST {place.target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in named.items()),
    ]
    return "\r\n".join([*lines, "content-length: "]).encode()
