"""Which headers pass between callers and functions, and which are the platform's.

caller ──all but connection headers and x-fc-*──▶ function   + x-fc-* of the platform
caller ◀──likewise, and not date and server────── function   + x-fc-request-id
"""

from itertools import chain
from typing import Final

from infra.emulator.http.body import Headers
from infra.emulator.http.framing import lines, value_of
from infra.emulator.model import Configuration

__all__ = ["for_caller", "for_function", "lines", "platform_lines", "size", "value"]

_CONNECTION: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization"),
        *(b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"),
    }
)
_REQUEST: Final = _CONNECTION | {b"expect", b"content-length"}
"""What is answered or made here: the wait for 100 Continue is between neighbours, and so is the
length."""
_ANSWER: Final = _CONNECTION | {b"date", b"server"}
_PLATFORM: Final = b"x-fc-"


def size(headers: Headers) -> int:
    """How many bytes the platform counts: all names and values."""
    return sum(map(len, chain.from_iterable(headers)))


def value(headers: Headers, name: bytes) -> str:
    """The first value of a header as text, or an empty string."""
    return (value_of(headers, name) or b"").decode("latin-1")


def for_function(headers: Headers) -> Headers:
    """What of a request's headers the function gets from its caller."""
    return _without(headers, _REQUEST)


def for_caller(headers: Headers) -> Headers:
    """What of an answer's headers the caller gets from the function."""
    return _without(headers, _ANSWER)


def platform_lines(
    configuration: Configuration, version_id: str, account_id: str, region: str
) -> bytes:
    """What the platform tells an instance with every call; the credentials are good for nothing.

    The request's id, qualifier and control path, which differ from call to call, are not among
    them.
    Names: "Custom runtime, common request headers", help.aliyun.com/zh/functioncompute, 2026-04;
    those of services: "Custom runtime specification details" of Function Compute 2.0, 2025-09.
    """
    told = {
        "x-fc-account-id": account_id,
        "x-fc-region": region,
        "x-fc-function-name": configuration.plain_name,
        "x-fc-function-handler": configuration.handler,
        "x-fc-function-memory": str(configuration.memory_mb),
        "x-fc-access-key-id": "STS.emulator",
        "x-fc-access-key-secret": "emulator",
        "x-fc-security-token": "emulator",
        "x-fc-version-id": version_id,
        **_of_hooks(configuration),
        **_of_service(configuration),
    }
    return lines([(name.encode(), text.encode()) for name, text in told.items()])


def _of_hooks(configuration: Configuration) -> dict[str, str]:
    told = {}
    if configuration.initialize_seconds is not None:
        told["x-fc-function-initializer"] = configuration.initialize_handler
        told["x-fc-initialization-timeout"] = str(configuration.initialize_seconds)
    if configuration.pre_stop_seconds is not None:
        told["x-fc-instance-lifecycle-pre-stop-handler"] = configuration.pre_stop_handler
    return told


def _of_service(configuration: Configuration) -> dict[str, str]:
    """What functions of services are told besides; there is no log service here."""
    if not configuration.service_name:
        return {}
    names = ("x-fc-service-logproject", "x-fc-service-logstore")
    return {"x-fc-service-name": configuration.service_name, **dict.fromkeys(names, "")}


def _without(headers: Headers, dropped: frozenset[bytes]) -> Headers:
    kept, named = [], []
    for header in headers:
        name = header[0]
        if name == b"connection":
            named.append(header[1])
        elif name not in dropped and not name.startswith(_PLATFORM):
            kept.append(header)
    if named:
        # Headers that `connection` declares to be for the neighbour only.
        ours = {token.strip().lower() for text in named for token in text.split(b",")}
        kept = [header for header in kept if header[0] not in ours]
    return kept
