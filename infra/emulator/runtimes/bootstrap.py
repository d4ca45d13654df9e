"""Runs a Python event function: what the platform's own Python runtimes do around a handler.

    POST /initialize      the initializer, once                        2xx, or 500 and why
    POST /invoke          handler(event, context), event as bytes      what it returned
    any  (http-invoke)    handler(event, context), event as JSON       the answer that it describes
    GET  /pre-stop        the pre-stop hook

A function that fails answers with `x-fc-status: 404` and a document of errorMessage, errorType and
stackTrace. Runs on every Python from 3.9 on, with the standard library alone, as a script in the
function's own folder. Sources: help.aliyun.com/zh/functioncompute, "Context" of Python (2025-11)
and "Invoke a function by an HTTP trigger" (2025); read 2026.
"""

from __future__ import annotations

import base64
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_TEXT = ("text/", "application/json", "application/xml", "application/x-www-form-urlencoded")


class Context(SimpleNamespace):
    """What a handler is told of its call. The runtime of 3.12 has dropped the credentials."""

    def to_json(self) -> str:
        """As JSON, for handlers that log it."""
        return json.dumps(self, default=lambda each: getattr(each, "__dict__", str(each)))


def context_of(headers: Message) -> Context:
    """The context of a call, from what the platform says in its headers."""
    told = {name.lower(): value for name, value in headers.items()}
    version = {
        "version_id": told.get("x-fc-version-id", ""),
        "qualifier": told.get("x-fc-qualifier", ""),
    }
    meta = {
        "name": told.get("x-fc-function-name", ""),
        "handler": told.get("x-fc-function-handler", ""),
        "memory": int(told.get("x-fc-function-memory") or 0),
        "timeout": int(os.environ.get("FC_FUNCTION_TIMEOUT") or 0),
    }
    common = {
        "request_id": told.get("x-fc-request-id", ""),
        "account_id": told.get("x-fc-account-id", ""),
        "region": told.get("x-fc-region", ""),
        "logger": logging.getLogger(),
        "retry_count": int(told.get("x-fc-retry-count") or 0),
    }
    if os.environ.get("FC_RUNTIME") == "python3.12":
        logs = {"log_project": "", "log_store": ""}
        return Context(**common, **logs, function=SimpleNamespace(**meta, **version))
    credentials = SimpleNamespace(
        access_key_id=told.get("x-fc-access-key-id", ""),
        access_key_secret=told.get("x-fc-access-key-secret", ""),
        security_token=told.get("x-fc-security-token", ""),
    )
    name = told.get("x-fc-service-name", "")
    service = SimpleNamespace(name=name, log_project="", log_store="", **version)
    function = SimpleNamespace(**meta)
    return Context(**common, credentials=credentials, function=function, service=service)


def http_event(request: BaseHTTPRequestHandler, body: bytes, context: Context) -> bytes:
    """An HTTP request as the event that the platform makes of it."""
    parts = urlsplit(request.path)
    headers = dict(request.headers.items())
    own = {name: text for name, text in headers.items() if not name.lower().startswith("x-fc-")}
    lower = {name.lower(): text for name, text in own.items()}
    now = datetime.now(timezone.utc)  # noqa: UP017 -- Python 3.9 and 3.10 have no datetime.UTC
    is_text = lower.get("content-type", "").startswith(_TEXT)
    host = lower.get("host", "")
    event = {
        "version": "v1",
        "rawPath": parts.path,
        "body": body.decode("utf-8", "replace") if is_text else base64.b64encode(body).decode(),
        "isBase64Encoded": not is_text,
        "headers": own,
        "queryParameters": dict(parse_qsl(parts.query, keep_blank_values=True)),
        "requestContext": {
            "accountId": context.account_id,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.command,
                "path": parts.path,
                "protocol": request.request_version,
                "sourceIp": "127.0.0.1",
                "userAgent": lower.get("user-agent", ""),
            },
            "requestId": context.request_id,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "timeEpoch": str(int(now.timestamp() * 1000)),
        },
    }
    return json.dumps(event, ensure_ascii=False).encode()


def http_answer(result: object) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what a handler returned to an HTTP trigger.

    Without a statusCode the whole of it is the body, and taken for JSON.
    """
    parsed = result
    if isinstance(result, (str, bytes)):
        try:
            parsed = json.loads(result)
        except ValueError:
            return 200, {"content-type": "application/json"}, plain(result)
    if not isinstance(parsed, dict) or "statusCode" not in parsed:
        return 200, {"content-type": "application/json"}, plain(result)
    headers = {str(name): str(text) for name, text in (parsed.get("headers") or {}).items()}
    body = parsed.get("body") or ""
    encoded = bool(parsed.get("isBase64Encoded"))
    data = base64.b64decode(body) if encoded else plain(body)
    return int(parsed["statusCode"]), headers, data


def plain(result: object) -> bytes:
    """What a handler returned, as the bytes that the caller gets."""
    if isinstance(result, (bytes, bytearray)):
        return bytes(result)
    if isinstance(result, str):
        return result.encode()
    return b"" if result is None else json.dumps(result, ensure_ascii=False).encode()


def failure(error: BaseException) -> bytes:
    """The document that tells of a function's exception; frames of this file are not its own."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__
    ]
    stack = [
        [f'File "{frame.filename}"', f"line {frame.lineno}", f"in {frame.name}", frame.line]
        for frame in frames
    ]
    document = {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": stack,
    }
    return json.dumps(document, ensure_ascii=False).encode()


def load(handler: str) -> Callable[..., Any]:
    """The function that `module.name` stands for; the module is imported at the first use."""
    module, _, name = handler.rpartition(".")
    found = getattr(importlib.import_module(module.replace("/", ".")), name)
    if not callable(found):
        raise TypeError(f"handler {handler} is not callable")
    function: Callable[..., Any] = found
    return function


class Handler(BaseHTTPRequestHandler):
    """One connection of the platform."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Head and body together: one packet, no waiting.

    def respond(self) -> None:
        """Whatever the method: the control path says what it is."""
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size) if size else self.chunks()
        path = self.headers.get("x-fc-control-path", "")
        context = context_of(self.headers)
        try:
            status, headers, data = self.result(path, body, context)
        except BaseException as error:  # noqa: BLE001 -- the runtime's edge, SystemExit included
            traceback.print_exc()
            ended = isinstance(error, SystemExit)
            self.send(500 if path == "/initialize" else 200, {"x-fc-status": "404"}, failure(error))
            if ended:
                os._exit(1)
            return
        self.send(status, headers, data)

    def result(self, path: str, body: bytes, context: Context) -> tuple[int, dict[str, str], bytes]:
        """Call what the control path names."""
        if path == "/initialize":
            load(os.environ["FC_INITIALIZER"])(context)
            return 200, {}, b""
        if path == "/pre-stop":
            load(os.environ["FC_PRE_STOP"])(context)
            return 200, {}, b""
        handler = load(os.environ["FC_FUNCTION_HANDLER"])
        if path == "/http-invoke":
            return http_answer(handler(http_event(self, body, context), context))
        headers = {"content-type": "application/octet-stream", "x-fc-status": "200"}
        return 200, headers, plain(handler(body, context))

    def chunks(self) -> bytes:
        """A body that comes in chunks, which http.server leaves to its users."""
        whole = b""
        if "chunked" not in (self.headers.get("transfer-encoding") or "").lower():
            return whole
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size + 2)[:-2]
        while self.rfile.readline().strip():
            pass
        return whole

    def send(self, status: int, headers: dict[str, str], data: bytes) -> None:
        """Answer."""
        self.send_response_only(status)
        for name, text in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = respond  # noqa: N815


def main() -> None:
    """Serve until told to end."""
    logging.Formatter.converter = time.gmtime
    form = "%(asctime)s.%(msecs)03dZ [%(levelname)s] %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, datefmt="%Y-%m-%dT%H:%M:%S")
    sys.path[0] = os.getcwd()  # noqa: PTH109 -- the function's folder, not this file's
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["FC_SERVER_PORT"])), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
