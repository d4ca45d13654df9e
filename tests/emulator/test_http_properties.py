"""HTTP/1.1 by properties: however bytes are cut on their way, what they say is the same."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.emulator.http.client import Connection as ClientConnection
from infra.emulator.http.exchange import Exchange
from infra.emulator.http.server import Connection
from infra.emulator.mock.memory_transport import MemoryTransport
from tests.support.wire import parse

tokens = st.text("abcdefghij-", min_size=1, max_size=10).map(lambda text: f"x-{text}")
plain = st.text("abc 123;=\t", max_size=20).map(str.strip)
headers = st.lists(st.tuples(tokens, plain), max_size=4)
pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=4)
cuts = st.lists(st.integers(0, 400), max_size=12)


@dataclass(frozen=True)
class Sent:
    """A message: its start line, headers, body in pieces, and how its end is marked."""

    start: str
    headers: list[tuple[str, str]]
    pieces: list[bytes]
    chunked: bool
    trailers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def raw(self) -> bytes:
        framing = (
            "transfer-encoding: chunked" if self.chunked else f"content-length: {len(self.body)}"
        )
        lines = [self.start, framing, *(f"{name}: {value}" for name, value in self.headers)]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        if not self.chunked:
            return head + self.body
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in self.pieces)
        ends = "".join(f"{name}: {value}\r\n" for name, value in self.trailers)
        return head + chunks + b"0\r\n" + ends.encode() + b"\r\n"


requests = st.builds(
    Sent,
    start=st.builds(
        "{} /{} HTTP/1.1".format,
        st.sampled_from(["POST", "PUT", "DELETE"]),
        st.text("ab/%20?=", max_size=9),
    ),
    headers=headers,
    pieces=pieces,
    chunked=st.booleans(),
)
answers = st.builds(
    Sent,
    start=st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 500 "]),
    headers=headers,
    pieces=pieces,
    chunked=st.booleans(),
    trailers=headers,
)


def cut(raw: bytes, places: Sequence[int]) -> list[bytes]:
    """The bytes in pieces; a place may be beyond their end."""
    ends = [*sorted(min(place, len(raw)) for place in places), len(raw)]
    starts = [0, *ends[:-1]]
    return [raw[start:end] for start, end in zip(starts, ends, strict=True) if start < end]


async def echo(exchange: Exchange) -> None:
    """Answer with what was asked."""
    body = await exchange.body.read()
    told = [exchange.method, exchange.path, exchange.query, repr(exchange.headers).encode(), body]
    exchange.answer(200, [], b"\n".join(told))


async def asked(raw: bytes, places: Sequence[int], count: int) -> list[bytes]:
    """The bodies of the answers to some requests that come in pieces."""
    written: list[bytes] = []
    came = asyncio.Event()

    def take(data: bytes) -> None:
        written.append(data)
        came.set()

    server = Connection(echo, set())
    transport = MemoryTransport(server, take, lambda: None)
    server.connection_made(transport)
    for piece in cut(raw, places):
        transport.receive(piece)
        await asyncio.sleep(0)
    while b"".join(written).count(b"HTTP/1.1 200 OK") < count:
        came.clear()
        await came.wait()
    transport.close()
    whole = b"".join(written).split(b"HTTP/1.1 200 OK")[1:]
    return [parse(b"HTTP/1.1 200 OK" + each).body for each in whole]


@settings(deadline=None)
@given(messages=st.lists(requests, min_size=1, max_size=3), places=cuts)
def test_requests_say_the_same_however_they_are_cut(
    messages: list[Sent], places: list[int]
) -> None:
    raw = b"".join(message.raw() for message in messages)

    told = asyncio.run(asked(raw, places, len(messages)))

    assert told == asyncio.run(asked(raw, [], len(messages)))
    for message, seen in zip(messages, told, strict=True):
        assert seen.endswith(b"\n" + message.body)
        assert seen.startswith(message.start.split()[0].encode() + b"\n")


class Silent(asyncio.Transport):
    """What an instance's connection writes to, and nothing comes of."""

    def write(self, data: object) -> None:
        """Forget it."""

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        """Stay."""

    def pause_reading(self) -> None:
        """Go on."""

    def resume_reading(self) -> None:
        """Go on."""


async def read(raw: bytes, places: Sequence[int]) -> tuple[int, object, bytes, object]:
    """An instance's answer that comes in pieces: status, headers, body, trailers."""
    connection = ClientConnection()
    connection.connection_made(cast("asyncio.Transport", Silent()))
    connection.send(b"POST", b"/", b"", b"")
    for piece in cut(raw, places):
        connection.data_received(piece)
    answer = await connection.answered()
    body = await answer.body.read()
    await connection.done()
    return answer.status, answer.headers, body, answer.body.trailers


@settings(deadline=None)
@given(message=answers, places=cuts)
def test_an_answer_says_the_same_however_it_is_cut(message: Sent, places: list[int]) -> None:
    status, seen, body, trailers = asyncio.run(read(message.raw(), places))

    assert (status, body) == (int(message.start.split()[1]), message.body)
    own = [(name.encode(), value.encode()) for name, value in message.headers]
    assert isinstance(seen, list)
    assert seen[1:] == own
    sent = [(name.encode(), value.encode()) for name, value in message.trailers]
    assert trailers == (sent if message.chunked else [])
