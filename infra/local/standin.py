"""What both stand-ins share: OpenAI-compatible answers, and serving with a readiness line.

    {"ready": true, "port": 40123}      the first line on standard output, once requests are taken

An answer names the stand-in as its model and in `system_fingerprint`, so that nobody takes it for
a real one.
"""

import argparse
import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette

from infra.ports import LOOPBACK

FINGERPRINT = "meshward-stand-in"
_CREATED = 1_700_000_000
_PIECE_CHARS = 4
"""Characters a streamed event: few, so that clients meet answers in many pieces."""


def completion(model: str, content: str) -> dict[str, Any]:
    """A whole `chat.completion` document with one choice."""
    return {
        "id": "chatcmpl-stand-in",
        "object": "chat.completion",
        "created": _CREATED,
        "model": model,
        "system_fingerprint": FINGERPRINT,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def completion_events(model: str, content: str) -> Iterator[str]:
    """The same answer as server-sent events, ending with `data: [DONE]`."""
    pieces = [content[at : at + _PIECE_CHARS] for at in range(0, len(content), _PIECE_CHARS)]
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in pieces]
    deltas.append(({}, "stop"))
    for delta, finish_reason in deltas:
        event = {
            "id": "chatcmpl-stand-in",
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": model,
            "system_fingerprint": FINGERPRINT,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        }
        yield f"data: {json.dumps(event, ensure_ascii=False)}\n\n"
    yield "data: [DONE]\n\n"


def error(status: int, code: str, message: str) -> dict[str, Any]:
    """An error document in OpenAI's shape."""
    kind = "authentication_error" if status == 401 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "code": code, "param": None}}


def main(app: Starlette, description: str) -> None:
    """Serve `app` as a process of its own: `--port`, and for TLS `--tls-cert` and `--tls-key`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    options = parser.parse_args()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
    )
    asyncio.run(_serve(config, options.port))


async def _serve(config: uvicorn.Config, port: int) -> None:
    # The protocol is named, or asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        # The kernel queues connections from here on, so the line below is already true.
        listener.listen(1024)
        print(json.dumps({"ready": True, "port": listener.getsockname()[1]}), flush=True)  # noqa: T201 -- the readiness line
        await uvicorn.Server(config).serve(sockets=[listener])
