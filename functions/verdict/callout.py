"""The callout: what the shim says about a message, apart from the message itself.

    headers ──from_headers──▶ Callout ──to_headers──▶ headers     (the same ones)

A header that decides anything may stand once only; a second one would be read by one side and not
by the other. Order and letter case of header names do not matter.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from copy import copy
from functools import cached_property, lru_cache
from typing import Annotated, Any, Final, Self

from pydantic import Field, StringConstraints, ValidationError

from functions.verdict.contract import (
    AUTHORITY_HEADER_BYTES_MAX,
    CONTRACT_VERSION,
    DEADLINE_MS_MAX,
    PATH_HEADER_BYTES_MAX,
    Header,
    Phase,
)
from functions.verdict.errors import MalformedCallout
from functions.verdict.models import Name, Record, State

HeaderPairs = Iterable[tuple[str, str]]

REQUEST_ID_CHARS_MAX: Final = 128
"""A longer id is cut: it names the call in logs and binds its state, and is nothing else."""
_STREAM = re.compile(r"seq=(0|[1-9][0-9]{0,8});final=([01])")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_SINGLE = frozenset(name.encode() for name in Header) | {
    b"content-type",
    b"content-encoding",
    b"accept",
    b"traceparent",
}
_CONTRACT, _VERSION = Header.CONTRACT.encode(), str(CONTRACT_VERSION).encode()

_TOLD: Final = (
    *(
        name.encode()
        for name in (
            Header.PHASE,
            Header.POLICY,
            Header.AUTHORITY,
            Header.PATH,
            Header.METHOD,
            Header.WORKLOAD,
            Header.DEADLINE_MS,
            Header.STREAM,
            Header.STATE,
        )
    ),
    b"content-type",
    b"content-encoding",
)
"""The headers that make a callout, in the order of its fields."""
_PATH_AT: Final = 3
_STREAM_AT: Final = 7

Visible = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e\x80-\xff]*$")]
"""No spaces and no control characters: such a value could end a header or a signed line. Bytes
above ASCII stand as the characters of Latin-1, as HTTP libraries hand them over."""


class StreamPosition(Record):
    """Which window of a streamed response this is; `final` says that none follows."""

    seq: int = Field(ge=0)
    final: bool

    def __str__(self) -> str:
        return f"seq={self.seq};final={int(self.final)}"


class Callout(Record):
    """One callout's headers. `deadline_ms` is how long the shim waits, from when it sent."""

    phase: Phase
    policy: Name
    authority: Annotated[Visible, Field(min_length=1, max_length=AUTHORITY_HEADER_BYTES_MAX)]
    path: Annotated[Visible, Field(min_length=1, max_length=PATH_HEADER_BYTES_MAX)]
    method: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,16}$")]
    workload: Annotated[Visible, Field(max_length=255)] = ""
    deadline_ms: int = Field(ge=1, le=DEADLINE_MS_MAX)
    stream: StreamPosition | None = None
    state: State | None = None
    content_type: str = Field(default="", max_length=255)
    content_encoding: str = Field(default="", max_length=64)
    request_id: str = Field(default="", max_length=REQUEST_ID_CHARS_MAX)

    @cached_property
    def signed_lines(self) -> bytes:
        """What of it is signed, in the contract's order, as the bytes that are on the wire."""
        lines = (
            self.phase,
            self.policy,
            self.workload,
            self.authority,
            self.method,
            self.path,
            str(self.stream or ""),
            self.content_type,
            self.content_encoding,
        )
        return "\n".join(lines).encode("latin-1")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values; what was signed of this one is not signed of that one."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("signed_lines", None)
        return copied

    @staticmethod
    def from_headers(headers: HeaderPairs) -> "Callout":
        """Read a callout from its headers, as Latin-1; the signature is checked elsewhere.

        Raises `MalformedCallout` naming the first header that is missing, repeated or ill-formed.
        """
        fields: dict[bytes, bytes] = {}
        more: dict[bytes, list[bytes]] = {}
        for text, value in headers:
            name = text.lower().encode("latin-1")
            if name in fields:
                more.setdefault(name, []).append(value.encode("latin-1"))
            else:
                fields[name] = value.encode("latin-1")
        return Callout.from_fields(fields, more)

    @staticmethod
    def from_fields(fields: Mapping[bytes, bytes], more: Collection[bytes] = ()) -> "Callout":
        """The same of headers by names in lower case; `more` names those that are repeated."""
        repeated = next((name for name in more if name in _SINGLE), None) if more else None
        if repeated is not None:
            raise MalformedCallout(f"{repeated.decode()} is repeated")
        if fields.get(_CONTRACT) != _VERSION:
            raise MalformedCallout(f"{Header.CONTRACT} must be {CONTRACT_VERSION}")
        told = tuple(map(fields.get, _TOLD))
        # Each window of a stream tells another state; whole calls mostly tell what one did before.
        # A query may hold a key, or what somebody says: nothing of it is to stay in memory.
        alike = told[_STREAM_AT] is None and told[_STREAM_AT + 1] is None
        alike = alike and b"?" not in (told[_PATH_AT] or b"")
        callout = _read_alike(told) if alike else _read(told)
        request_id = fields.get(b"x-request-id")
        if request_id:  # Of no concern to anything else, so that it needs no look at the others.
            callout = copy(callout)
            callout.__dict__["request_id"] = request_id[:REQUEST_ID_CHARS_MAX].decode("latin-1")
        return callout

    def to_headers(self) -> list[tuple[str, str]]:
        """The headers of this callout, unsigned, in the contract's order."""
        pairs = [
            (Header.CONTRACT, str(CONTRACT_VERSION)),
            (Header.PHASE, self.phase),
            (Header.POLICY, self.policy),
            (Header.AUTHORITY, self.authority),
            (Header.PATH, self.path),
            (Header.METHOD, self.method),
            (Header.WORKLOAD, self.workload),
            (Header.DEADLINE_MS, str(self.deadline_ms)),
            (Header.STREAM, str(self.stream or "")),
            (Header.STATE, self.state or ""),
            ("content-type", self.content_type),
            ("content-encoding", self.content_encoding),
            ("x-request-id", self.request_id),
        ]
        return [(str(name), str(value)) for name, value in pairs if value]


def _read(told: tuple[bytes | None, ...]) -> Callout:
    """The callout that these values of the headers in `_TOLD` tell, without a request id."""
    texts = [None if value is None else value.decode("latin-1") for value in told]
    phase, policy, authority, path, method, workload, deadline_ms, *rest = texts
    stream, state, content_type, content_encoding = rest
    try:
        callout = Callout(
            phase=Phase(phase or ""),
            policy=policy or "",
            authority=authority or "",
            path=path or "",
            method=method or "",
            workload=workload or "",
            deadline_ms=_deadline(deadline_ms or ""),
            stream=_stream(stream),
            state=state,
            content_type=content_type or "",
            content_encoding=content_encoding or "",
        )
    except ValidationError as error:
        field = str(error.errors(include_input=False)[0]["loc"][0])
        raise MalformedCallout(f"the header for {field} is missing or ill-formed") from None
    except ValueError as error:
        raise MalformedCallout(f"{Header.PHASE} is not a phase") from error
    callout.signed_lines  # noqa: B018 -- made once for all copies
    return callout


_read_alike = lru_cache(maxsize=256)(_read)


def _deadline(value: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise MalformedCallout(f"{Header.DEADLINE_MS} must be a whole number without sign")
    return int(value)


def _stream(value: str | None) -> StreamPosition | None:
    if value is None:
        return None
    match = _STREAM.fullmatch(value)
    if match is None:
        raise MalformedCallout(f"{Header.STREAM} must read seq=<n>;final=<0|1>")
    return StreamPosition(seq=int(match[1]), final=match[2] == "1")
