"""A small function for the emulator's tests: the standard library alone, oddities on demand.

GET  /health        200
POST /slow          answers after the number of seconds in the body
POST /die           ends the process in the middle of the call
POST /stream        three pieces, one after another
any other           what came in, as JSON
"""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/die":
            os._exit(3)
        if self.path == "/slow":
            time.sleep(float(body))
        if self.path == "/stream":
            self._stream()
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
        content = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.send_header("x-fc-forged", "by the function")
        self.send_header("x-own", "kept")
        self.end_headers()
        self.wfile.write(content)
        print(f"answered {self.command}", flush=True)  # noqa: T201 -- a line for the log

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in (b"one", b"two", b"three"):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 -- http.server's names

    def log_message(self, *_arguments: object) -> None:
        """Nothing: its own line is enough."""


if __name__ == "__main__":
    if "broken" in os.environ:
        raise SystemExit("this function was told to break at its start")
    port = int(os.environ["FC_SERVER_PORT"])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
