"""Replies leave together at the end of a turn of the event loop, or once so many are there.

Each write wakes the process that waits for it, which costs more than the write; of several in a
row only the first does.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

_TOGETHER_MAX: Final = 8
"""Some 0.6 ms of work where judges are asked: so long the first waits for the others at most."""
_BYTES_MAX: Final = 64 * 1024
"""More leave at once: a caller that does not take its replies has to be known."""


class Sends(Protocol):
    """The part of a connection that the outbox needs."""

    def send(self, data: bytes, *, last: bool) -> None:
        """Write `data`; `last` says that nothing follows."""

    def abort(self) -> None:
        """End the connection at once."""


class Outbox:
    """What all connections of one event loop have to write; `before` is called before they do.

    Where `before` raises, nothing is written and the connections end: whoever waits learns it now.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, before: Callable[[], None]) -> None:
        self._loop = loop
        self._before = before
        self._held: list[tuple[Sends, bytes, bool]] = []
        self._bytes = 0

    def put(self, connection: Sends, data: bytes, *, last: bool) -> None:
        """Have `data` written, after what was put before it."""
        held = self._held
        held.append((connection, data, last))
        self._bytes += len(data)
        if len(held) >= _TOGETHER_MAX or self._bytes > _BYTES_MAX:
            self._empty()
        elif len(held) == 1:
            self._loop.call_soon(self._empty)

    def _empty(self) -> None:
        held, self._held, self._bytes = self._held, [], 0
        try:
            self._before()
        except Exception:  # noqa: BLE001 -- what cannot be logged cannot be told in the log either
            for connection, _, _ in held:
                connection.abort()
            return
        for connection, data, last in held:
            try:
                connection.send(data, last=last)
            except Exception as error:  # noqa: BLE001 -- the others' replies leave all the same
                context = {"message": "a reply did not leave", "exception": error}
                self._loop.call_exception_handler(context)
                connection.abort()
