"""A function that does the least: what Python and its event loop take, whatever is asked.

    python -m tests.bench.least_function PORT JUDGE_PORT

A signature, one question to the judge and its answer parsed, a log line. It does not read the
callout, bounds, takes texts out, normalises, remembers, tries again or counts; of HTTP it knows
where a head ends and how long the body is. There are no tasks in it and no libraries. No function
in Python is faster; what ours takes beyond it is its own.
"""

import asyncio
import hashlib
import hmac
import json
import re
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

import httpx
import uvloop

from infra.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

_SECRET: Final = b"a signing secret of these functions' own"
_REPLY: Final = (
    b"HTTP/1.1 200 OK\r\nx-meshward-contract: 1\r\nx-meshward-verdict: allow\r\n"
    b"x-meshward-reason: rule.none\r\nx-meshward-revision: 0123456789ab\r\n"
    b"x-meshward-cache-seconds: 0\r\ncontent-length: 0\r\n\r\n"
)
_HEAD: Final = b"POST /v1/chat/completions HTTP/1.1\r\nhost: judge\r\ncontent-length: %d\r\n\r\n"
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


class _Line(asyncio.Protocol, ABC):
    """A connection that messages come by; a message without a length has no body."""

    def __init__(self, relay: "_Relay") -> None:
        self.relay = relay
        self.transport = cast("asyncio.Transport", None)
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(received, 0, end)
        if end < 4 or len(received) < end + (int(length[1]) if length else 0):
            self._received = received
            return
        self._received = b""
        self.whole(received[end:])

    @abstractmethod
    def whole(self, body: bytes) -> None:
        """A message is there."""


class _Caller(_Line):
    def whole(self, body: bytes) -> None:
        if not body:
            self.answer()
            return
        hmac.digest(_SECRET, hashlib.sha256(body).digest(), "sha256")
        self.relay.ask(self, body)

    def answer(self) -> None:
        sys.stdout.write(f'{{"time": {time.time():.3f}, "event": "verdict"}}\n')
        sys.stdout.flush()
        self.transport.write(_REPLY)


class _Judge(_Line):
    caller: _Caller

    def whole(self, body: bytes) -> None:
        json.loads(body)
        self.relay.idle.append(self)
        self.caller.answer()


class _Relay:
    """Asks the judge about what it is sent, as it came, over connections that are kept."""

    def __init__(self, judge_port: int) -> None:
        self.idle: list[_Judge] = []
        self._judge_port = judge_port
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[None]] = set()

    def ask(self, caller: _Caller, body: bytes) -> None:
        if self.idle:
            judge = self.idle.pop()
            judge.caller = caller
            judge.transport.write(_HEAD % len(body) + body)
            return
        task = self._loop.create_task(self._connect(caller, body))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, caller: _Caller, body: bytes) -> None:
        _, judge = await self._loop.create_connection(
            lambda: _Judge(self), LOOPBACK, self._judge_port
        )
        self.idle.append(judge)
        self.ask(caller, body)


async def _serve(port: int, judge_port: int) -> None:
    """Answer every request with an allow, once the judge was asked."""
    relay = _Relay(judge_port)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Caller(relay), LOOPBACK, port, backlog=4096)
    await server.serve_forever()


@contextmanager
def least(judge_port: int) -> Iterator[tuple[int, int]]:
    """It as a process: its number and its port."""
    port = free_port().number
    command = [sys.executable, "-m", __name__, str(port), str(judge_port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(port), "the least function is ready", seconds=20)
            yield process.pid, port
        finally:
            process.terminate()


def answers(port: int) -> bool:
    """Whether somebody answers requests there."""
    try:
        return bool(httpx.get(f"http://{LOOPBACK}:{port}/", trust_env=False).status_code)
    except httpx.TransportError:
        return False


def main() -> None:
    """Serve until the end of the process."""
    port, judge_port = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(port), int(judge_port)))


if __name__ == "__main__":
    main()
