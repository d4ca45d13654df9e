"""PUT of an object, as OSS takes it: `Host: <bucket>.oss-<region>.…`, the name in the path."""

import hashlib
import re
from typing import Final
from urllib.parse import unquote

from infra.emulator.errors import not_emulated
from infra.emulator.headers import value
from infra.emulator.http.exchange import Exchange
from infra.emulator.objects import BYTES_MAX, Objects

_HOST: Final = re.compile(r"([a-z0-9][a-z0-9-]{1,62})\.oss-[a-z0-9-]+(\..+)?")


def bucket_of(host: str) -> str | None:
    """The bucket that a host name is of, if it is OSS's."""
    match = _HOST.fullmatch(host)
    return match[1] if match else None


async def take(bucket: str, exchange: Exchange, objects: Objects, request_id: str) -> None:
    """Keep the object, if the request's token is for it."""
    if exchange.method != b"PUT" or exchange.query:
        raise not_emulated("a request to OSS other than PutObject")
    exchange.body.bytes_max = BYTES_MAX
    content = await exchange.body.read()
    name = unquote(exchange.path.decode("latin-1"))
    objects.put(bucket, name, value(exchange.headers, b"x-oss-security-token"), content)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest().upper()
    exchange.answer(
        200, [(b"etag", f'"{digest}"'.encode()), (b"x-oss-request-id", request_id.encode())], b""
    )
