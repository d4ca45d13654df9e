"""The callout: what the shim says about a message, apart from the message itself.

    headers ──from_headers──▶ Callout ──to_headers──▶ headers     (the same ones)

A header that decides anything may stand once only; a second one would be read by one side and not
by the other. Order and letter case of header names do not matter.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Final, Self

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
_SINGLE = frozenset(Header) | {"content-type", "content-encoding", "accept", "traceparent"}

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

    @classmethod
    def from_headers(cls, headers: HeaderPairs) -> Self:
        """Read a callout from its headers; the signature is checked elsewhere.

        Raises `MalformedCallout` naming the first header that is missing, repeated or ill-formed.
        """
        seen = _once(headers)
        if seen.get(Header.CONTRACT) != str(CONTRACT_VERSION):
            raise MalformedCallout(f"{Header.CONTRACT} must be {CONTRACT_VERSION}")
        try:
            return cls(
                phase=Phase(seen.get(Header.PHASE, "")),
                policy=seen.get(Header.POLICY, ""),
                authority=seen.get(Header.AUTHORITY, ""),
                path=seen.get(Header.PATH, ""),
                method=seen.get(Header.METHOD, ""),
                workload=seen.get(Header.WORKLOAD, ""),
                deadline_ms=_number(seen, Header.DEADLINE_MS),
                stream=_stream(seen.get(Header.STREAM)),
                state=seen.get(Header.STATE),
                content_type=seen.get("content-type", ""),
                content_encoding=seen.get("content-encoding", ""),
                request_id=seen.get("x-request-id", "")[:REQUEST_ID_CHARS_MAX],
            )
        except ValidationError as error:
            field = str(error.errors(include_input=False)[0]["loc"][0])
            raise MalformedCallout(f"the header for {field} is missing or ill-formed") from None
        except ValueError as error:
            raise MalformedCallout(f"{Header.PHASE} is not a phase") from error

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


def _once(headers: HeaderPairs) -> dict[str, str]:
    seen: dict[str, str] = {}
    for raw_name, value in headers:
        name = raw_name.lower()
        if name in seen and name in _SINGLE:
            raise MalformedCallout(f"{name} is repeated")
        seen[name] = value
    return seen


def _number(seen: dict[str, str], name: Header) -> int:
    value = seen.get(name, "")
    if not _NUMBER.fullmatch(value):
        raise MalformedCallout(f"{name} must be a whole number without sign")
    return int(value)


def _stream(value: str | None) -> StreamPosition | None:
    if value is None:
        return None
    match = _STREAM.fullmatch(value)
    if match is None:
        raise MalformedCallout(f"{Header.STREAM} must read seq=<n>;final=<0|1>")
    return StreamPosition(seq=int(match[1]), final=match[2] == "1")
