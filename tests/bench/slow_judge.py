"""A judge for benches: answers after so many milliseconds, that many calls at once and no more.

    python -m tests.bench.slow_judge MILLISECONDS CALLS_MAX      prints {"port": …} when it listens

One asyncio protocol a connection and no HTTP library, so that it costs little beside what is
measured. It allows everything, with the canary that was asked for; beyond CALLS_MAX it says 503.
"""

import asyncio
import json
import re
import sys
from typing import Final, cast

import uvloop

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CANARY: Final = re.compile(rb'\\"canary\\": \\"([0-9a-f]{16})')
_SAID: Final = {"verdict": "allow", "findings": [], "reason": "nothing found"}


class _Connection(asyncio.Protocol):
    def __init__(self, judge: "SlowJudge") -> None:
        self._judge = judge
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._received = b""
        canary = _CANARY.search(body)
        self._judge.take(self, canary[1].decode() if canary else "")

    def send(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)


class SlowJudge:
    """Counts the calls under way; a call ends by the clock alone."""

    def __init__(self, seconds: float, calls_max: int) -> None:
        self._seconds = seconds
        self._calls_max = calls_max
        self._inside = 0

    def take(self, connection: _Connection, canary: str) -> None:
        if self._inside >= self._calls_max:
            connection.send(_response("503 Service Unavailable", {"error": {"message": "full"}}))
            return
        self._inside += 1
        content = json.dumps({"canary": canary, **_SAID})
        message = {"role": "assistant", "content": content}
        answer = {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 400, "completion_tokens": 30},
        }
        loop = asyncio.get_running_loop()
        loop.call_later(self._seconds, self._end, connection, _response("200 OK", answer))

    def _end(self, connection: _Connection, answer: bytes) -> None:
        self._inside -= 1
        connection.send(answer)

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=4096)
        port = server.sockets[0].getsockname()[1]
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        await server.serve_forever()


def _response(status: str, document: object) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


if __name__ == "__main__":
    judge = SlowJudge(float(sys.argv[1]) / 1000, int(sys.argv[2]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(judge.serve())
