"""An OpenAI-compatible judge that fails in a way that can be chosen, on a port of its own.

    with MisbehavingJudge() as judge:
        judge.fault = "drip"                 until it is set to something else
        judge.script = ["503", "none"]       one for each call, before the fault counts again

What it is asked is kept in `asked`, so that tests see what a judge gets to see.
"""

import json
import re
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, Self, get_args

Fault = Literal[
    "none",
    # it does not answer
    "hang",
    "drip",
    "drip head",
    "reset",
    "close",
    "short",
    "no http",
    # it answers with a status
    "400",
    "401",
    "403",
    "429",
    "429 soon",
    "500",
    "502",
    "503",
    "redirect",
    "filtered status",
    "no schemas",
    "no forms",
    # it answers with something else than a completion
    "html",
    "no content type",
    "events",
    "huge",
    "null",
    "error with 200",
    # it answers with something else than a verdict
    "empty choices",
    "two choices",
    "no text",
    "refusal",
    "filtered",
    "cut",
    "prose",
    "two documents",
    "no fields",
    "unknown verdict",
    "unknown category",
    "contradiction",
    "no canary",
    "wrong canary",
    # it answers in its own way, and is understood
    "fenced",
    "leading prose",
    "thinking",
    "capitals",
    "more fields",
    "fewer fields",
    "cookie",
]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)

_DRIP_SECONDS: Final = 0.05
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
"""Closing then resets the connection instead of ending it in order."""
_CANARY: Final = re.compile(r'"canary": "([0-9a-f]{16})"')


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


def clears(reason: str = "nothing private in it") -> dict[str, Any]:
    return {"verdict": "allow", "findings": [], "reason": reason}


def flags(category: str, reason: str, confidence: float = 0.9) -> dict[str, Any]:
    finding = {"category": category, "confidence": confidence}
    return {"verdict": "deny", "findings": [finding], "reason": reason}


def canary_of(request: dict[str, Any]) -> str:
    """The word that a question to the judge wants back."""
    found = _CANARY.search(request["messages"][-1]["content"])
    assert found is not None
    return found[1]


def completion(content: object, finish_reason: str | None = "stop", **message: object) -> bytes:
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 400, "completion_tokens": 30, "total_tokens": 430}
    document = {"object": "chat.completion", "choices": [choice], "usage": usage}
    return json.dumps(document).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, judge: MisbehavingJudge) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.judge = judge


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
            case "400" | "401" | "403" | "429" | "500" | "502" | "503" as status:
                self._send(int(status), b'{"error": {"message": "no"}}')
            case "429 soon":
                self._send(429, b"{}", headers={"retry-after": "0.01"})
            case "filtered status":
                self._send(400, b'{"error": {"code": "data_inspection_failed"}}')
            case "no schemas" if kind == "json_schema":
                self._send(400, b'{"error": {"message": "unknown response_format"}}')
            case "no forms" if kind:
                self._send(422, b'{"error": {"message": "unknown response_format"}}')
            case "redirect":
                place = "http://127.0.0.1:9/v1/chat/completions"
                self._send(307, b"", headers={"location": place})
            case "html":
                self._send(200, b"<html>a gateway's page</html>", content_type="text/html")
            case "no content type":
                self._send(200, good, content_type="")
            case "cookie":
                self._send(200, good, headers={"set-cookie": "caller=a; Path=/"})
            case "events":
                self._send(200, b"data: {}\n\n", content_type="text/event-stream")
            case _:
                self._send(200, _answers(opinion).get(fault, good))

    def _send(
        self,
        status: int,
        body: bytes,
        missing: int = 0,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body) + missing))
        for name, value in ({"content-type": content_type} | (headers or {})).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

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


def _answers(opinion: dict[str, Any]) -> dict[str, bytes]:
    said = json.dumps(opinion)
    deny = {"verdict": "deny", "findings": [{"category": "no-such", "confidence": 1}]}
    return {
        "huge": completion("x" * 1_000_000),
        "null": b"null",
        "error with 200": b'{"error": {"message": "overloaded"}}',
        "empty choices": b'{"choices": []}',
        "two choices": json.dumps(
            {"choices": [{"message": {"content": said}, "finish_reason": "stop"}] * 2}
        ).encode(),
        "no text": completion(None),
        "refusal": completion(None, refusal="I cannot help with that."),
        "filtered": completion("", finish_reason="content_filter"),
        "cut": completion(said, finish_reason="length"),
        "prose": completion("That depends on the weather."),
        "two documents": completion(said + said),
        "no fields": completion("{}"),
        "unknown verdict": completion(json.dumps(opinion | {"verdict": "maybe"})),
        "unknown category": completion(json.dumps(opinion | deny)),
        "contradiction": completion(json.dumps(opinion | deny | {"verdict": "allow"})),
        "no canary": completion(json.dumps({**opinion, "canary": ""})),
        "wrong canary": completion(json.dumps({**opinion, "canary": "0" * 16})),
        "fenced": completion(f"```json\n{said}\n```"),
        "leading prose": completion(f"Here is my verdict:\n{said}"),
        "thinking": completion(f"<think>a {{brace}} in a thought</think>\n{said}"),
        "capitals": completion(said.replace('"allow"', '"ALLOW"').replace('"deny"', '"Deny"')),
        "more fields": completion(json.dumps(opinion | {"thoughts": ["none"]})),
        "fewer fields": completion(json.dumps({k: v for k, v in opinion.items() if k != "reason"})),
    }
