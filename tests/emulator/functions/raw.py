"""A function that speaks bytes: it answers as the variable ANSWER says, and shows what it got.

/seen    the last request to any other path, byte for byte
/early   the first part of ANSWER before the request's body, the rest after it
other    ANSWER, with Python's escapes; "|" waits a moment, a final "!" closes the connection, and
         a final "!!" ends the process
"""

import os
import socketserver
import time

ANSWER = os.environ["ANSWER"].encode().decode("unicode_escape").encode("latin-1")
PARTS = ANSWER.rstrip(b"!").split(b"|")


class Handler(socketserver.StreamRequestHandler):
    seen = b""

    def handle(self) -> None:
        while request := self.read():
            if request.split()[1] == b"/seen":
                size = len(Handler.seen)
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
                self.wfile.write(Handler.seen)
                continue
            Handler.seen = request
            for part in PARTS[1:] if self.is_early(request) else PARTS:
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(0.01)
            if ANSWER.endswith(b"!!"):
                os._exit(3)
            if ANSWER.endswith(b"!"):
                return

    @staticmethod
    def is_early(request: bytes) -> bool:
        return request.split()[1] == b"/early"

    def read(self) -> bytes:
        """One request, framing and all; nothing where the caller has closed."""
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return b""
            raw += line
        if self.is_early(raw):
            self.wfile.write(PARTS[0])
        head = raw.lower()
        if b"transfer-encoding: chunked" in head:
            size = -1
            while size:
                line = self.rfile.readline()
                size = int(line, 16)
                raw += line + (self.rfile.read(size + 2) if size else b"")
            while (line := self.rfile.readline()) != b"\r\n":
                raw += line
            return raw + line
        length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
        return raw + self.rfile.read(int(length or 0))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(os.environ["FC_SERVER_PORT"])), Handler).serve_forever()
