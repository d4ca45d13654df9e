"""A check by Envoy's ext_proc, in Python: takes the body, asks the check, answers.

    Envoy ──gRPC stream for each call──▶ this ──POST /v1/verdict──▶ check

    python -m tests.bench.ext_proc VERDICT_URL      prints {"port": …} when it listens

The two messages are read and written by hand: fewer steps than protobuf's classes take. Numbers of
fields: envoyproxy/envoy, api/envoy/service/ext_proc/v3/external_processor.proto, November 2026.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp
import grpc
import uvloop

_METHOD: Final = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
_REQUEST_BODY: Final = 4
"""Of ProcessingRequest: an HttpBody, whose field 1 is the body."""
_BODY: Final = 1
_VARINT: Final = 0
_LENGTH_DELIMITED: Final = 2
_ALLOW: Final = b"\x1a\x00"
"""ProcessingResponse{request_body: BodyResponse{}}."""
_DENY: Final = b"\x3a\x05\x0a\x03\x08\x93\x03"
"""ProcessingResponse{immediate_response: {status: {code: 403}}}."""


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == _VARINT:
            _, at = _varint(message, at)
            continue
        assert tag & 7 == _LENGTH_DELIMITED
        length, at = _varint(message, at)
        yield tag >> 3, message[at : at + length]
        at += length


def _field(message: bytes, wanted: int) -> bytes:
    return next((value for number, value in _fields(message) if number == wanted), b"")


class _Processor:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def process(
        self, messages: AsyncIterator[bytes], _context: object
    ) -> AsyncIterator[bytes]:
        async for message in messages:
            body = _field(_field(message, _REQUEST_BODY), _BODY)
            headers = {"content-type": "application/json"}
            async with self._session.post(self._url, data=body, headers=headers) as answer:
                await answer.read()
                allowed = answer.headers.get("x-meshward-verdict") == "allow"
            yield _ALLOW if allowed else _DENY


async def _serve(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        server = grpc.aio.server()
        handler = grpc.stream_stream_rpc_method_handler(_Processor(url, session).process)
        service, method = _METHOD.strip("/").split("/")
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sys.argv[1]))
