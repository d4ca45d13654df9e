"""An OpenAI-compatible judge that fails in a way that can be chosen, on a port of its own.

    with MisbehavingJudge() as judge:
        judge.fault = "drip"                 until it is set to something else
        judge.script = ["503", "none"]       one for each call, before the fault counts again

What it is asked is kept in `asked`, so that tests see what a judge gets to see.
"""

import gzip
import json
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from tests.support.judge_answers import STATUSES, Fault, answers, canary_of, clears, completion

_DRIP_SECONDS: Final = 0.05
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
"""Closing then resets the connection instead of ending it in order."""


class MisbehavingJudge:
    """The server, from `with` to the end of the block; `opinion` is what it thinks of any text."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.reset()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def reset(self) -> None:
        """Forget faults, opinion and what was asked."""
        self.fault: Fault = "none"
        self.script: list[Fault] = []
        self.opinion: dict[str, Any] = clears()
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        """The API's base URL."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, judge: MisbehavingJudge) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.judge = judge

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who has had enough is no error worth a stack trace; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        judge = self.server.judge
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        judge.asked.append(request)
        judge.headers.append({name.lower(): value for name, value in self.headers.items()})
        fault = judge.script.pop(0) if judge.script else judge.fault
        opinion = {"canary": canary_of(request), **judge.opinion}
        if not self._breaks(fault, completion(json.dumps(opinion))):
            self._answer(fault, request, opinion)

    def _breaks(self, fault: Fault, good: bytes) -> bool:
        """Whether the fault is one of the connection; then nothing more is to be sent."""
        match fault:
            case "hang":
                self.server.judge.stopping.wait()
            case "drip":
                self._send(200, b"", missing=len(good))
                self._drip(good)
            case "drip head":
                self._drip(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            case "no http":
                self.wfile.write(b"hello there, this is not HTTP\r\n\r\n")
            case "short":
                self._send(200, good, missing=100)
            case "endless head":
                self._endlessly(b"HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n" * 1000)
            case "endless interim":
                self._endlessly(b"", b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n" * 1000)
            case "endless":
                chunk = b"10000\r\n%b\r\n" % (b" " * 0x10000)
                head = b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
                self._endlessly(b"HTTP/1.1 200 OK\r\n" + head, chunk)
            case "close":
                pass
            case _:
                return False
        self.close_connection = True
        return True

    def _answer(self, fault: Fault, request: dict[str, Any], opinion: dict[str, Any]) -> None:
        kind = request.get("response_format", {}).get("type", "")
        good = completion(json.dumps(opinion))
        match fault:
            case fault if fault in STATUSES:
                self._send(*STATUSES[fault])
            case "gzip" | "gzip bomb":
                body = gzip.compress(good if fault == "gzip" else b" " * 10_000_000)
                self._send(200, body, headers={"content-encoding": "gzip"})
            case "no schemas" if kind == "json_schema":
                self._send(400, b'{"error": {"message": "unknown response_format"}}')
            case "500 for schemas" if kind == "json_schema":
                self._send(500, b'{"error": {"message": "Internal Server Error"}}')
            case "no forms" if kind:
                self._send(422, b'{"error": {"message": "unknown response_format"}}')
            case "html":
                self._send(200, b"<html>a gateway's page</html>", content_type="text/html")
            case "no content type":
                self._send(200, good, content_type="")
            case "cookie":
                self._send(200, good, headers={"set-cookie": "caller=a; Path=/"})
            case "events":
                self._send(200, b"data: {}\n\n", content_type="text/event-stream")
            case _:
                self._send(200, answers(opinion).get(fault, good))

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        missing: int = 0,
        content_type: str = "application/json",
    ) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body) + missing))
        for name, value in ({"content-type": content_type} | (headers or {})).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _endlessly(self, head: bytes, part: bytes) -> None:
        try:
            self.wfile.write(head)
            while not self.server.judge.stopping.wait(0.001):
                self.wfile.write(part)
        except OSError:  # As below.
            return

    def _drip(self, body: bytes) -> None:
        for at in range(len(body)):
            if self.server.judge.stopping.wait(_DRIP_SECONDS):
                return
            try:
                self.wfile.write(body[at : at + 1])
            except OSError:  # The caller has had enough.
                return

    def log_message(self, *_args: object) -> None:
        pass
