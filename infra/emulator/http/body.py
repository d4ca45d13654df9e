"""A message's body between its two ends.

feed, finish, fail  ──▶  Body ──attach──▶ Sink      each piece as it comes
 (who reads it)            │
                           └──read──▶ bytes         whole

held until somebody takes it; then handed on. A sink that is full pauses the source.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

Headers = list[tuple[bytes, bytes]]
"""Names are lower-case, values as they came; in order, and as often as they came."""

HELD_BYTES_MAX: Final = 64 * 1024
"""Of a body that nobody takes yet, before its source is paused."""


class Sink(Protocol):
    """Where a body goes."""

    def write(self, data: bytes) -> None:
        """A piece; never an empty one."""

    def end(self, trailers: Headers) -> None:
        """The body was complete."""

    def fail(self, error: Exception) -> None:
        """The body will not be complete."""


class Source(Protocol):
    """What a body is read from, to be slowed. asyncio's transports are such."""

    def pause_reading(self) -> None:
        """Read no more for now."""

    def resume_reading(self) -> None:
        """Read on."""

    def is_closing(self) -> bool:
        """Whether nothing will be read any more."""


class TooLargeError(Exception):
    """A body exceeds what its reader takes."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(f"the body exceeds {bytes_max} bytes")
        self.bytes_max = bytes_max


class MalformedError(Exception):
    """What comes is not HTTP/1.1 any more, so that a body has no end."""

    def __init__(self) -> None:
        super().__init__("the request is not valid HTTP/1.1")


class Body:
    """One body. `bytes_max` is the most that is taken of it; `wanted` is called when it is asked
    for and not there yet, which is the moment to say 100 Continue. `size` is the declared length,
    and `passed` says which of its trailers a sink gets.
    """

    __slots__ = (
        *("_arrived", "_held", "_paused", "_sink", "_source", "_taken"),
        *("bytes_max", "complete", "error", "passed", "size", "trailers", "wanted"),
    )

    def __init__(self, source: Source, size: int | None = None) -> None:
        self.bytes_max: int | None = None
        self.size = size
        self.complete = False
        self.error: Exception | None = None
        self.trailers: Headers = []
        self.wanted: Callable[[], None] | None = None
        self.passed: Callable[[Headers], Headers] | None = None
        self._source = source
        self._held: list[bytes] = []
        self._taken = 0
        self._sink: Sink | None = None
        self._paused = False
        self._arrived: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> None:
        """A piece has come."""
        if self.error is not None:
            return
        self._taken += len(data)
        if self.bytes_max is not None and self._taken > self.bytes_max:
            self.fail(TooLargeError(self.bytes_max))
        elif self._sink is not None:
            self._sink.write(data)
        else:
            self._held.append(data)
            if self._taken > HELD_BYTES_MAX and self._arrived is None:
                self.pause()

    def finish(self, trailers: Headers) -> None:
        """All of it has come."""
        if self.error is not None or self.complete:
            return
        self.complete, self.trailers = True, trailers
        if self._sink is not None:
            self._sink.end(self._passed_trailers())
        self._wake()

    def fail(self, error: Exception) -> None:
        """The rest will not come. Harmless once it is complete."""
        if self.complete or self.error is not None:
            return
        self.error = error
        self._held.clear()
        if self._sink is not None:
            self._sink.fail(error)
        self._wake()

    def attach(self, sink: Sink) -> None:
        """Hand it on to `sink`: what is held at once, the rest as it comes."""
        self._sink = sink
        for piece in self._held:
            sink.write(piece)
        self._held.clear()
        if self.error is not None:
            sink.fail(self.error)
        elif self.complete:
            sink.end(self._passed_trailers())
        else:
            self._ask()
            self.resume()

    def discard(self, then: Callable[[], None]) -> None:
        """Throw away what still comes, and call `then` at its end."""
        self._held.clear()
        self.bytes_max = None
        self._sink = _Discarding(then)
        self.resume()

    async def read(self) -> bytes:
        """All of it; raises what it failed with."""
        if self.bytes_max is not None and (self.size or 0) > self.bytes_max:
            raise TooLargeError(self.bytes_max)
        while not self.complete:
            if self.error is not None:
                raise self.error
            self._arrived = asyncio.get_running_loop().create_future()
            self._ask()
            self.resume()
            await self._arrived
        self._arrived = None
        data = b"".join(self._held)
        self._held = [data] if data else []
        return data

    def whole(self) -> bytes | None:
        """All of it, if it has come and nobody has taken it; else None."""
        if not self.complete or self._sink is not None:
            return None
        return self._held[0] if len(self._held) == 1 else b"".join(self._held)

    def pause(self) -> None:
        """Slow the source down."""
        if not self._paused and not self.complete and not self._source.is_closing():
            self._paused = True
            self._source.pause_reading()

    def resume(self) -> None:
        """Let the source go on."""
        if self._paused:
            self._paused = False
            if not self._source.is_closing():
                self._source.resume_reading()

    def _passed_trailers(self) -> Headers:
        if self.passed is None or not self.trailers:
            return self.trailers
        return self.passed(self.trailers)

    def _ask(self) -> None:
        if self.wanted is not None:
            self.wanted()
            self.wanted = None

    def _wake(self) -> None:
        self.resume()
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)


class _Discarding:
    """A sink that keeps nothing."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    def write(self, data: bytes) -> None:
        """Forget it."""

    def end(self, _trailers: Headers) -> None:
        """That was all."""
        self._then()

    def fail(self, _error: Exception) -> None:
        """That was all, too."""
        self._then()
