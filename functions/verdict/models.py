"""The verdict and its findings: what a check answers.

    Verdict ── decision, reason, policy, revision
       ├── findings: what was found and where, never the text itself
       └── body: mask → the new message · deny → the answer for the caller

One `Verdict` makes both representations: the callout's headers and body (`answer.encode`) and the
JSON document (`Verdict.model_dump_json`).
"""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from functions.verdict.contract import (
    CACHE_SECONDS_MAX,
    CONTRACT_VERSION,
    DENY_BODY_BYTES_MAX,
    NAME_BYTES_MAX,
    REVISION_BYTES_MAX,
    STATE_BYTES_MAX,
    STATUS_DENY_MAX,
    STATUS_DENY_MIN,
    WINDOW_BYTES_MAX,
    Decision,
    Phase,
    Severity,
)
from functions.verdict.reason import Reason
from functions.verdict.reasons import REASONS

FINDINGS_MAX: Final = 256
"""More findings than this change no decision and only swell the document."""
POINTER_CHARS_MAX: Final = 1024
"""A longer pointer is cut: it leads to the right part of the message all the same."""

Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=NAME_BYTES_MAX),
]
"""A policy's, check's, rule's or category's name: safe in headers, logs and error bodies."""
Revision = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=REVISION_BYTES_MAX)
]
State = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._~+/=-]+$", max_length=STATE_BYTES_MAX)
]


class Record(BaseModel):
    """A frozen model that refuses unknown fields and never quotes its input in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Finding(Record):
    """One thing found: what and where, never the text itself.

    `start` and `end` count characters of the string that `pointer` (RFC 6901, into the message's
    JSON; empty for the whole) names, before any normalising. `view` names the reading in which it
    was found: `plain` for the text as sent. A judge's finding covers the whole message.
    """

    rule: Name
    category: Name
    severity: Severity
    pointer: str = Field(default="", max_length=POINTER_CHARS_MAX)
    start: int = Field(default=0, ge=0)
    end: int = Field(default=0, ge=0)
    view: Name = "plain"
    confidence: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _span_is_ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError("a finding's end lies before its start")
        return self


class Verdict(Record):
    """A check's answer for one message. The strictest finding stands first.

    `body` is empty for `allow`, the whole new message for `mask`, and for `deny` the answer to the
    caller in its provider's error shape, with `content_type` and `status` (400 to 599).

    For a window of a streamed response, `keep` says how many bytes at its end come again at the
    start of the next one: allow and mask speak of the bytes before them only. A mask may then have
    no body (nothing is released for them), and a denial's body is the stream's closing events.
    """

    contract: Literal[1] = CONTRACT_VERSION
    check: Name
    phase: Phase
    policy: Name
    revision: Revision
    decision: Decision
    reason: Reason
    findings: tuple[Finding, ...] = Field(default=(), max_length=FINDINGS_MAX)
    cache_seconds: int = Field(default=0, ge=0, le=CACHE_SECONDS_MAX)
    state: State | None = None
    keep: int = Field(default=0, ge=0, le=WINDOW_BYTES_MAX)
    status: int | None = Field(default=None, ge=STATUS_DENY_MIN, le=STATUS_DENY_MAX)
    content_type: str | None = Field(default=None, min_length=1, max_length=128)
    body: str = ""

    @property
    def rule(self) -> str | None:
        """The rule or category that the verdict rests on: that of its first finding."""
        return self.findings[0].rule if self.findings else None

    @property
    def plain(self) -> bool:
        """Whether it says nothing but that the message passes."""
        allows = self.decision is Decision.ALLOW
        return allows and not self.findings and self.state is None and not self.keep

    @model_validator(mode="after")
    def _fields_fit_the_decision(self) -> Self:
        if self.decision not in REASONS[self.reason].decisions:
            raise ValueError(f"reason {self.reason} cannot stand in a verdict of {self.decision}")
        denies = self.decision is Decision.DENY
        if denies != (self.status is not None):
            raise ValueError("status belongs to a denial, and a denial needs one")
        if self.decision is Decision.ALLOW and self.body:
            raise ValueError("a body belongs to mask and deny")
        may_be_empty = not denies and self.phase is Phase.RESPONSE
        if self.decision is not Decision.ALLOW and not self.body and not may_be_empty:
            raise ValueError("mask and deny need a body; only a window may be masked to nothing")
        if (self.decision is Decision.ALLOW) != (self.content_type is None):
            raise ValueError("mask and deny need a content type, and an allow has none")
        if self.keep and (denies or self.phase is Phase.REQUEST):
            raise ValueError("only of a stream's released window can something be kept")
        if denies and len(self.body.encode()) > DENY_BODY_BYTES_MAX:
            raise ValueError(f"a denial's body has at most {DENY_BODY_BYTES_MAX} bytes")
        if self.cache_seconds and self.decision is not Decision.ALLOW:
            raise ValueError("only an allow may be reused")
        return self
