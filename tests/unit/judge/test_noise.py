"""Whatever bytes a judge's connection brings: an opinion or a named failure, soon, and no crash."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from functions.llm_guard.connection import connection_to
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.endpoint import Endpoint
from functions.llm_guard.failures import JudgeError
from tests.support.judge_answers import clears, completion
from tests.support.judge_in_memory import asked, settings

GOOD = completion(json.dumps({"canary": "0123456789abcdef", **clears()}))
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
    GOOD
)
TIMES = 300
SECONDS = 0.2
# What HTTP is made of, so that the noise gets far enough in to do harm.
BITS = (
    *(b"\r\n", b"\n", b"\r", b" ", b":", b"\x00", b"\xff", b"100", b"204", b"304", b"0\r\n\r\n"),
    *(b"HTTP/1.1 ", b"HTTP/2 200\r\n", b"ffffffffff\r\n"),
    *(b"transfer-encoding: chunked\r\n", b"content-encoding: br\r\n"),
    *(b"content-length: -1\r\n", b"content-length: 1e9\r\n"),
    *(b"upgrade: h2c\r\n", b"connection: upgrade\r\n", b"content-type: x/\xe9\r\n"),
    *(b"location: file:///etc/passwd\r\n", b"set-cookie: a=b\r\n"),
)


def noise(random: Random) -> bytes:
    """A good answer with some of it taken out, doubled or overwritten."""
    answer = bytearray(HEAD + GOOD)
    for _ in range(random.randint(0, 3)):
        at = random.randrange(len(answer) if random.random() < 0.3 else len(HEAD))
        end = at + random.choice((0, 0, 1, 12))
        answer[at:end] = b"".join(random.choices(BITS, k=random.randrange(4)))
    return bytes(answer)


@asynccontextmanager
async def server(random: Random) -> AsyncIterator[str]:
    """Reads a question, answers with noise, and may then hang up or leave the caller waiting."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(noise(random))
                await writer.drain()
                if random.random() < 0.5:
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    finally:
        listening.close()
        await listening.wait_closed()


@pytest.mark.parametrize("seed", range(4))
async def test_noise_is_a_named_failure(seed: int) -> None:
    random, ended = Random(seed), set[str]()
    async with server(random) as url:
        judge = replace(settings(), url=url)
        endpoint = Endpoint(judge, connection_to(judge, 10))
        for _ in range(TIMES):
            try:
                opinion, _ = await endpoint.ask(asked(), Deadline.after(SECONDS))
                ended.add(opinion.verdict)
            except JudgeError as error:
                ended.add(error.failure)
        await endpoint.close()
    assert len(ended) >= 3, ended
