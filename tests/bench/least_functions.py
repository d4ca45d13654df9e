"""A function that does the least: what Python, its server and its client take, whatever is asked.

    python -m tests.bench.least_functions relaying PORT JUDGE_PORT

    relaying   signature, one question to the judge and its answer parsed, a log line

It does not read the callout, bounds, takes texts out, normalises, remembers, tries again or counts.
A function in Python on these libraries is no faster; what ours take beyond them is their own.
"""

import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
import httpx
import uvicorn

from infra.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

_SECRET: Final = b"a signing secret of these functions' own"
_HEADERS: Final = [
    (b"x-meshward-contract", b"1"),
    (b"x-meshward-verdict", b"allow"),
    (b"x-meshward-reason", b"rule.none"),
    (b"x-meshward-revision", b"0123456789ab"),
    (b"x-meshward-cache-seconds", b"0"),
    (b"content-length", b"0"),
]


class Relaying:
    """Asks the judge about what it is sent."""

    def __init__(self, judge_port: int) -> None:
        self._url = f"http://{LOOPBACK}:{judge_port}/v1/chat/completions"
        self._session: aiohttp.ClientSession | None = None

    async def look(self, body: bytes) -> None:
        """Put it to the judge as it came."""
        session = self._session = self._session or aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )
        async with session.post(self._url, data=body) as answer:
            json.loads(await answer.read())


def _serve(function: Relaying, port: int) -> None:
    """Answer every request with an allow, once it was looked at."""

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 -- as ASGI has it
        body, more = b"", True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        hmac.digest(_SECRET, hashlib.sha256(body).digest(), "sha256")
        if body:
            await function.look(body)
        sys.stdout.write(f'{{"time": {time.time():.3f}, "event": "verdict"}}\n')
        sys.stdout.flush()
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body"})

    uvicorn.run(
        app,
        host=LOOPBACK,
        port=port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=300,
    )


@contextmanager
def least(*what: str) -> Iterator[tuple[int, int]]:
    """One of them as a process: its number and its port."""
    port = free_port().number
    name, *rest = what
    command = [sys.executable, "-m", __name__, name, str(port), *rest]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: answers(port), f"{name} is ready", seconds=20)
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
    _name, port, judge_port = sys.argv[1:]
    _serve(Relaying(int(judge_port)), int(port))


if __name__ == "__main__":
    main()
