"""A small function for the emulator's tests: the standard library alone, oddities on demand.

GET  /health        200, or 500 after POST /sicken
POST /initialize    the status that the variable INITIALIZE names
POST /slow          answers after the number of seconds in the body
POST /die           ends the process in the middle of the call
POST /stream        a piece for every piece that comes, as it comes
POST /drain         the number of bytes that came in pieces
POST /eat           takes as many MB of memory as the body says, and sleeps
POST /much          as many bytes as the body says
POST /invoke        500 as often as the variable FAILS says, then as any other
POST /headers       more headers than the platform takes
POST /nonsense      an answer that is not HTTP
POST /child         starts a process of its own; its number
GET  /pre-stop      leaves a file behind where the variable FAREWELL says
any other           what came in, as JSON
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    sick = False
    failed = 0

    def _respond(self) -> None:
        if self.path == "/stream":
            self._stream()
            return
        if self.path == "/drain":
            self._send(200, str(sum(len(piece) for piece in self._pieces())).encode())
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/die":
            os._exit(3)
        if self.path == "/invoke" and Handler.failed < int(os.environ.get("FAILS", "0")):
            Handler.failed += 1
            self._send(500, b"told to fail")
            return
        self._obey(body)

    def _obey(self, body: bytes) -> None:
        if self.path == "/slow":
            time.sleep(float(body))
        if self.path == "/eat":
            eaten = b"x" * (int(body) << 20)
            time.sleep(10)
            body = eaten[:0]
        if self.path == "/nonsense":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            self.close_connection = True
            return
        if self.path == "/sicken":
            Handler.sick = True
        if self.path == "/child":
            child = subprocess.Popen(["sleep", "1000"])
            self._send(200, str(child.pid).encode())
            return
        if self.path == "/pre-stop":
            Path(os.environ["FAREWELL"]).touch()
        if self.path in ("/health", "/initialize"):
            well = int(os.environ.get("INITIALIZE", "200"))
            self._send(500 if Handler.sick else well, b"")
            return
        if self.path == "/much":
            self._send(200, b"x" * int(body))
            return
        seen = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode("latin-1"),
            "environment": dict(os.environ),
            "pid": os.getpid(),
            "version": os.environ.get("VERSION", ""),
        }
        print(f"answered {self.command}", flush=True)  # noqa: T201 -- a line for the log
        self._send(200, json.dumps(seen).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.send_header("x-fc-forged", "by the function")
        self.send_header("x-own", "kept")
        if self.path == "/headers":
            self.send_header("x-long", "x" * 8192)
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in self._pieces():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()

    def _pieces(self) -> Iterator[bytes]:
        """The chunks of the request's body; the last one is empty."""
        size = -1
        while size:
            size = int(self.rfile.readline(), 16)
            yield self.rfile.read(size + 2)[:-2]

    do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 -- http.server's names

    def log_message(self, *_arguments: object) -> None:
        """Nothing: its own line is enough."""


if __name__ == "__main__":
    if "broken" in os.environ:
        raise SystemExit("this function was told to break at its start")
    port = int(os.environ["FC_SERVER_PORT"])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
