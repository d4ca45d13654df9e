"""Which headers pass between callers and functions, and which are the platform's.

caller ──all but connection headers and x-fc-*──▶ function   + x-fc-* of the platform
caller ◀──likewise, and not date and server────── function   + x-fc-request-id
"""

from collections.abc import Collection, Iterable
from typing import Final

from infra.emulator.model import Configuration

RawHeaders = Iterable[tuple[bytes, bytes]]
"""As ASGI has them; names of requests are lower-case."""
_CONNECTION: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization"),
        *(b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    }
)
_REQUEST_ONLY: Final = frozenset({b"expect"})
"""Answered here: the wait for 100 Continue is between neighbours."""
_ANSWER_ONLY: Final = frozenset({b"date", b"server"})
_PLATFORM: Final = b"x-fc-"


def size(raw: RawHeaders) -> int:
    """How many bytes the platform counts: all names and values."""
    return sum(len(name) + len(value) for name, value in raw)


def for_function(raw: RawHeaders, replaced: Collection[bytes] = ()) -> list[tuple[bytes, bytes]]:
    """What of a request's headers the function gets from its caller, but for those `replaced`."""
    pairs = list(raw)
    dropped = _CONNECTION | _REQUEST_ONLY | _named_by_connection(pairs)
    return [
        (name, value)
        for name, value in pairs
        if name not in dropped and name not in replaced and not name.startswith(_PLATFORM)
    ]


def for_caller(raw: RawHeaders) -> list[tuple[bytes, bytes]]:
    """What of an answer's headers the caller gets from the function."""
    pairs = [(name.lower(), value) for name, value in raw]
    dropped = _CONNECTION | _ANSWER_ONLY | _named_by_connection(pairs)
    return [
        (name, value)
        for name, value in pairs
        if name not in dropped and not name.startswith(_PLATFORM)
    ]


def platform_headers(
    request_id: str, configuration: Configuration, account_id: str, region: str, path: str
) -> list[tuple[bytes, bytes]]:
    """What the platform tells an instance of a call. The credentials are good for nothing.

    `path` is the control path: /invoke, /http-invoke, or a hook's own. Names: "Custom runtime,
    common request headers", help.aliyun.com/zh/functioncompute, 2026-04.
    """
    told = {
        "x-fc-request-id": request_id,
        "x-fc-control-path": path,
        "x-fc-account-id": account_id,
        "x-fc-region": region,
        "x-fc-function-name": configuration.name,
        "x-fc-function-handler": configuration.handler,
        "x-fc-function-memory": str(configuration.memory_mb),
        "x-fc-access-key-id": "STS.emulator",
        "x-fc-access-key-secret": "emulator",
        "x-fc-security-token": "emulator",
        "x-fc-qualifier": "LATEST",
        "x-fc-version-id": "LATEST",
    }
    return [(name.encode(), value.encode()) for name, value in told.items()]


def _named_by_connection(pairs: list[tuple[bytes, bytes]]) -> set[bytes]:
    """Headers that `connection` declares to be for the neighbour only."""
    return {
        token.strip().lower()
        for name, value in pairs
        if name == b"connection"
        for token in value.split(b",")
    }
