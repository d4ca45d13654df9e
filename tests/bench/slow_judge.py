"""A judge for benches: answers after so many milliseconds, that many calls at once and no more.

    python -m tests.bench.slow_judge MILLISECONDS CALLS_MAX      prints {"port": …} when it listens

One asyncio protocol a connection and no HTTP library, so that it costs little beside what is
measured. It allows everything, with the canary that was asked for; beyond CALLS_MAX it says 503.
"""

import asyncio
import json
import re
import sys
from random import random
from typing import Final, cast

import uvloop

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CANARY: Final = re.compile(rb'\\"canary\\": \\"([0-9a-f]{16})')
_TICK_SECONDS: Final = 0.001
"""Of the event loop's timers."""
_LATE_TICKS: Final = 0.5
"""What a call takes beyond its timer, on the average: the tick that has begun, and its own way."""
_NO_CANARY: Final = b"0" * 16


def _response(status: str, document: object) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def _opinion() -> bytes:
    """The answer to every question, but for the canary."""
    said = {"canary": _NO_CANARY.decode(), "verdict": "allow", "findings": []}
    content = json.dumps({**said, "reason": "nothing found"})
    message = {"role": "assistant", "content": content}
    answer = {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 30},
    }
    return _response("200 OK", answer)


# Made once: what the judge takes of the processor is taken from what is measured.
_BEFORE, _, _AFTER = _opinion().partition(_NO_CANARY)
_FULL: Final = _response("503 Service Unavailable", {"error": {"message": "full"}})


class _Connection(asyncio.Protocol):
    def __init__(self, judge: "SlowJudge") -> None:
        self._judge = judge
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        length = _LENGTH.search(received, 0, end + 2) if end >= 0 else None
        if length is None or len(received) < end + 4 + int(length[1]):
            self._received = received
            return
        self._received = b""
        canary = _CANARY.search(received, end)
        self._judge.take(self, canary[1] if canary else _NO_CANARY)

    def send(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)


class SlowJudge:
    """Counts the calls under way; a call ends by the clock alone."""

    def __init__(self, seconds: float, calls_max: int) -> None:
        self._seconds = seconds
        self._calls_max = calls_max
        self._inside = 0
        self._loop = asyncio.get_running_loop()

    def take(self, connection: _Connection, canary: bytes) -> None:
        if self._inside >= self._calls_max:
            connection.send(_FULL)
            return
        self._inside += 1
        # In whole ticks, so many that it comes to the time asked for on the average.
        seconds = int(self._seconds / _TICK_SECONDS - _LATE_TICKS + random()) * _TICK_SECONDS
        self._loop.call_later(seconds, self._end, connection, _BEFORE + canary + _AFTER)

    def _end(self, connection: _Connection, answer: bytes) -> None:
        self._inside -= 1
        connection.send(answer)

    async def serve(self) -> None:
        server = await self._loop.create_server(
            lambda: _Connection(self), "127.0.0.1", 0, backlog=4096
        )
        port = server.sockets[0].getsockname()[1]
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        await server.serve_forever()


async def _serve(seconds: float, calls_max: int) -> None:
    await SlowJudge(seconds, calls_max).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(float(sys.argv[1]) / 1000, int(sys.argv[2])))
