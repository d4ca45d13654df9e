"""A server that keeps every byte it receives: what really went over the wire is what is compared.

    with Upstream() as server:                            plain, answers 200
    with Upstream(certificate=..., answer=...) as server: TLS; `answer` makes the answer's bytes

Requests of one connection come one after another. `requests` holds whole requests in the order of
their arrival, `connections` also what never became one.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from infra.local.certificates import ServerCertificate
from tests.support.wire import Message, parse, read_message

Answer = Callable[[Message], bytes | Iterable[bytes]]
"""The bytes of an answer, at once or in pieces, each sent when it is there."""


def respond(
    body: bytes = b"ok",
    status: int = 200,
    content_type: str = "text/plain",
    headers: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """The bytes of an answer; nothing but these headers and the length."""
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {content_type}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


@dataclass(slots=True)
class Connection:
    """One connection: the name asked for in TLS (None without), and every byte that came."""

    sni: str | None = None
    received: bytearray = field(default_factory=bytearray)


class Upstream:
    """The server; it listens on loopback from its making to the end of its `with` block."""

    def __init__(
        self,
        certificate: ServerCertificate | None = None,
        answer: Answer = lambda _request: respond(),
        port: int = 0,
    ) -> None:
        self.connections: list[Connection] = []
        self.requests: list[Message] = []
        self._answer = answer
        self._certificate = certificate
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, close every connection, and wait for all threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    @property
    def received(self) -> bytes:
        """Every byte of every connection, in the order of the connections."""
        return b"".join(bytes(each.received) for each in self.connections)

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            record = Connection()
            self.connections.append(record)
            connection = self._secured(plain, record) if self._certificate else plain
            with self._lock:
                self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection, record))
            self._threads.append(thread)
            thread.start()

    def _secured(self, plain: socket.socket, record: Connection) -> ssl.SSLSocket:
        assert self._certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate.chain, self._certificate.key)

        def note_name(_tls: object, name: str | None, _context: object) -> None:
            record.sni = name

        context.sni_callback = note_name
        return context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)

    def _serve(self, connection: socket.socket, record: Connection) -> None:
        def receive(size: int) -> bytes:
            piece = connection.recv(size)
            record.received += piece
            return piece

        # A peer that breaks off is a case to be tested, and no fault of this server.
        with contextlib.suppress(OSError), connection:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            while (raw := read_message(receive)) is not None:
                message = parse(raw)
                self.requests.append(message)
                answer = self._answer(message)
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)
        with self._lock:
            self._open.discard(connection)
