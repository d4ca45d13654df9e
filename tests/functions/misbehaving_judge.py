"""An OpenAI-compatible judge that fails in a way that can be chosen, on a port of its own.

    with MisbehavingJudge() as judge:
        judge.fault = "drip"

What it is asked is kept in `asked`, so that tests see what a judge gets to see.
"""

import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, Self

Fault = Literal[
    "none",
    # it does not answer
    "hang",
    "drip",
    "reset",
    "close",
    "short",
    # it answers with a status
    "400",
    "401",
    "429",
    "500",
    "redirect",
    "no schemas",
    # it answers with something else than a verdict
    "html",
    "huge",
    "empty choices",
    "prose",
    "cut",
    "no fields",
]

_DRIP_SECONDS: Final = 0.05
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
"""Closing then resets the connection instead of ending it in order."""


class MisbehavingJudge:
    """The server, from `with` to the end of the block; `verdict` is its opinion without a fault."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.reset()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def reset(self) -> None:
        """Forget faults, verdict and what was asked."""
        self.fault: Fault = "none"
        self.verdict: dict[str, Any] = verdict("allow", "none", "nothing private in it")
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


def verdict(decision: str, category: str, reason: str) -> dict[str, Any]:
    return {"verdict": decision, "category": category, "confidence": 0.9, "reason": reason}


def completion(content: str, finish_reason: str = "stop") -> bytes:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, judge: MisbehavingJudge) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.judge = judge


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        judge = self.server.judge
        judge.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        judge.headers.append({name.lower(): value for name, value in self.headers.items()})
        good = completion(json.dumps(judge.verdict))
        match judge.fault:
            case "hang":
                judge.stopping.wait()
                self.close_connection = True
            case "drip":
                self._drip(good)
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
                self.close_connection = True
            case "close":
                self.close_connection = True
            case "short":
                self._send(200, good, missing=100)
                self.close_connection = True
            case "400" | "401" | "429" | "500" as status:
                self._send(int(status), b'{"error": {"message": "no"}}')
            case "no schemas" if "response_format" in judge.asked[-1]:
                self._send(400, b'{"error": {"message": "unknown response_format"}}')
            case "redirect":
                self._send(307, b"", location="http://127.0.0.1:9/v1/chat/completions")
            case fault:
                self._send(200, _other_answers(judge.verdict).get(fault, good))

    def _send(self, status: int, body: bytes, missing: int = 0, location: str = "") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body) + missing))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, body: bytes) -> None:
        self._send(200, b"", missing=len(body))
        for at in range(len(body)):
            if self.server.judge.stopping.wait(_DRIP_SECONDS):
                return
            try:
                self.wfile.write(body[at : at + 1])
            except OSError:  # The caller has had enough.
                self.close_connection = True
                return

    def log_message(self, *_args: object) -> None:
        pass


def _other_answers(opinion: dict[str, Any]) -> dict[str, bytes]:
    return {
        "html": b"<html>a gateway's page</html>",
        "huge": completion("x" * 1_000_000),
        "empty choices": b'{"choices": []}',
        "prose": completion("That depends on the weather."),
        "cut": completion(json.dumps(opinion), finish_reason="length"),
        "no fields": completion("{}"),
    }
