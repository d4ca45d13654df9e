"""A command inside an instance, and somebody at the other end of a WebSocket.

    caller ──"\\0" text──▶ standard input        "\\1" text ◀── standard output
                                                 "\\2" text ◀── standard error (or a terminal: all)

It runs in the instance's folder with its variables, and ends with whichever ends first: itself, the
connection, the instance, or the patience for a caller who says nothing. Messages are of text, since
that is what the SDK takes them for (aliyun-fc2 2.5.2, ExecWebsocket).
"""

import asyncio
import codecs
import contextlib
import os
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from infra.emulator.environment import environment
from infra.emulator.errors import invalid
from infra.emulator.http import websocket
from infra.emulator.http.body import Headers
from infra.emulator.http.exchange import Exchange, Gate
from infra.emulator.http.websocket import Kind
from infra.emulator.instances import Instance
from infra.emulator.processes import GroupProcess, Streams

IDLE_SECONDS: Final = 600
_STDIN: Final = b"\0"
_STDOUT: Final = "\1"
_STDERR: Final = "\2"
_CHUNK_BYTES: Final = 32 * 1024
_TYPED_BYTES_MAX: Final = 1024 * 1024
"""That the command has not read yet."""

_Show = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be run, which of its streams the caller has, and how long the caller may pause."""

    words: tuple[str, ...]
    stdin: bool = True
    stdout: bool = True
    stderr: bool = True
    terminal: bool = False
    idle_seconds: float = IDLE_SECONDS

    def __post_init__(self) -> None:
        """Hold it to what can be run."""
        if not self.words or not self.words[0] or any("\0" in word for word in self.words):
            raise invalid("command", "must name a program, without NUL")


async def run(command: Command, instance: Instance, exchange: Exchange, headers: Headers) -> None:
    """Run it to its end; `headers` answer the caller's handshake. Raises FcError before that."""
    running = await _Running.start(command, instance)
    console = _Console(exchange)
    exchange.switch(headers, console.take)
    typing = asyncio.create_task(running.type(console.typed))
    ends = [
        asyncio.create_task(running.show(console.show)),
        asyncio.create_task(console.over(command.idle_seconds)),
        asyncio.create_task(instance.wait_gone()),
    ]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (typing, *ends):
            task.cancel()
        console.close()
        await running.end()


class _Console:
    """The caller's end of it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange, self._gate = exchange, Gate()
        self._frames = websocket.Frames()
        self._code = websocket.NORMAL
        self._closed, self._came = asyncio.Event(), asyncio.Event()
        self._typed = bytearray()
        self._active = time.monotonic()
        exchange.source = self._gate

    def take(self, data: bytes) -> None:
        """Bytes of the caller's."""
        self._active = time.monotonic()
        try:
            for message in self._frames.feed(data):
                self._obey(message)
        except websocket.ProtocolError as error:
            self._code = error.code
            self._closed.set()

    async def typed(self) -> bytes:
        """What the caller has typed since the last time, once there is something."""
        await self._came.wait()
        data = bytes(self._typed)
        self._typed.clear()
        self._came.clear()
        return data

    async def show(self, stream: str, text: str) -> None:
        """Show the caller what the command has written."""
        await self._gate.passed()
        self._active = time.monotonic()
        self._exchange.send_raw(websocket.frame(Kind.TEXT, (stream + text).encode()))

    async def over(self, idle_seconds: float) -> None:
        """Wait until the caller has gone, or nothing has happened for so long."""
        while (left := self._active + idle_seconds - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._closed.wait()
                    return

    def close(self) -> None:
        """Say that it is over."""
        self._exchange.send_raw(websocket.frame(Kind.CLOSE, self._code.to_bytes(2)))

    def _obey(self, message: websocket.Message) -> None:
        match message.kind:
            case Kind.CLOSE:
                self._closed.set()
            case Kind.PING:
                self._exchange.send_raw(websocket.frame(Kind.PONG, message.data))
            case Kind.TEXT | Kind.BINARY if message.data[:1] == _STDIN:
                self._typed += message.data[1:]
                self._came.set()
                if len(self._typed) > _TYPED_BYTES_MAX:
                    raise websocket.ProtocolError(websocket.TOO_LARGE, "nobody reads it")


class _Running:
    """The command's end of it. `terminal` is this side of its terminal, if it has one."""

    def __init__(self, process: GroupProcess, terminal: int | None) -> None:
        self._process, self._terminal = process, terminal

    @classmethod
    async def start(cls, command: Command, instance: Instance) -> "_Running":
        """Start it; raises InvalidArgument where it cannot be run."""

        def wanted(flag: bool) -> int:
            return subprocess.PIPE if flag else subprocess.DEVNULL

        outer = inner = None
        streams = Streams(wanted(command.stdin), wanted(command.stdout), wanted(command.stderr))
        if command.terminal:
            outer, inner = os.openpty()
            os.set_blocking(outer, False)
            streams = Streams(inner, inner, inner, terminal=True)
        folder, guardian = instance.code.folder, instance.place.guardian
        try:
            process = await GroupProcess.start(
                command.words, folder, environment(instance), guardian, streams
            )
        except OSError as error:
            if outer is not None:
                os.close(outer)
            what = f"{command.words[0][:100]} cannot be run: {error.strerror}"
            raise invalid("command", what) from None
        finally:
            if inner is not None:
                os.close(inner)
        return cls(process, outer)

    async def show(self, show: _Show) -> None:
        """Hand on all that it writes; returns when it has ended."""
        if self._terminal is not None:
            await _decoded(self._read_terminal, _STDOUT, show)
        else:
            pipes = self._process.pipes
            streams = ((pipes.stdout, _STDOUT), (pipes.stderr, _STDERR))
            shown = (_decoded(_reader(pipe), name, show) for pipe, name in streams if pipe)
            await asyncio.gather(*shown)
        await self._process.wait()

    async def type(self, typed: Callable[[], Awaitable[bytes]]) -> None:
        """Give it what the caller types."""
        pipe = self._process.pipes.stdin
        while self._terminal is not None or pipe is not None:
            data = await typed()
            if self._terminal is not None:
                await self._write_terminal(self._terminal, data)
            elif pipe is not None:
                pipe.write(data)
                with contextlib.suppress(ConnectionError):  # It reads no more.
                    await pipe.drain()

    async def end(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        await self._process.wait()
        if self._terminal is not None:
            os.close(self._terminal)

    async def _read_terminal(self) -> bytes:
        terminal = self._terminal or 0
        await _ready(terminal, asyncio.get_running_loop().add_reader)
        try:
            return os.read(terminal, _CHUNK_BYTES)
        except OSError:  # Linux's way to say that nobody has the other side any more.
            return b""

    async def _write_terminal(self, terminal: int, data: bytes) -> None:
        while data:
            await _ready(terminal, asyncio.get_running_loop().add_writer)
            data = data[os.write(terminal, data) :]


async def _ready(number: int, watch: Callable[..., object]) -> None:
    """Wait until a file can be read or written, as the loop's `watch` says."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    watch(number, ready.set)
    try:
        await ready.wait()
    finally:
        (loop.remove_reader if watch == loop.add_reader else loop.remove_writer)(number)


def _reader(pipe: asyncio.StreamReader) -> Callable[[], Awaitable[bytes]]:
    return lambda: pipe.read(_CHUNK_BYTES)


async def _decoded(read: Callable[[], Awaitable[bytes]], stream: str, show: _Show) -> None:
    """Show all that `read` gives, as text: a character may come in two pieces."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := await read():
        if text := decoder.decode(chunk):
            await show(stream, text)
