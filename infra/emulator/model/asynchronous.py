"""Asynchronous invocations: how they are retried, how old they may get, who is told, and each one.

    Enqueued ──▶ Running ──▶ Succeeded
                  ▲  └─ failed ──▶ Retrying, until no retry is left ──▶ Failed
                  └────────────────┘       any, before its end: Stopped, Expired, Invalid

Limits: help.aliyun.com/zh/functioncompute, "Configure asynchronous invocation", 2026-04.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final

from infra.emulator.errors import invalid, not_emulated
from infra.emulator.model.configuration import within

_RETRIES: Final = 3
_AGE_SECONDS: Final = 86_400
_AGE_SECONDS_MAX: Final = 2_592_000
_ARN: Final = re.compile(r"acs:fc:[^:]*:[^:]*:(?:functions/)([^/:]+)(?:/([^/:]+))?")
_ARN_2016: Final = re.compile(
    r"acs:fc:[^:]*:[^:]*:services/([^/:.]+)(?:\.([^/:]+))?/functions/([^/:]+)"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A function that is told what came of an invocation."""

    function: str
    qualifier: str = ""

    @classmethod
    def of(cls, arn: str) -> "Target":
        """The function that an ARN names; NotEmulated for topics, queues and buses."""
        if match := _ARN.fullmatch(arn):
            return cls(match[1], match[2] or "")
        if match := _ARN_2016.fullmatch(arn):
            return cls(f"{match[1]}${match[3]}", match[2] or "")
        raise not_emulated(f"the destination {arn[:200]!r} (emulated: the ARN of a function)")


@dataclass(frozen=True, slots=True)
class AsyncSettings:
    """Retries after function errors, seconds, and destinations by ARN (empty: none)."""

    retries_max: int = _RETRIES
    age_seconds_max: int = _AGE_SECONDS
    on_success: str = ""
    on_failure: str = ""
    stateful: bool = False
    created: str = ""
    modified: str = ""

    def __post_init__(self) -> None:
        """Hold every field to the platform's limits."""
        within("maxAsyncRetryAttempts", self.retries_max, 0, 8)
        within("maxAsyncEventAgeInSeconds", self.age_seconds_max, 1, _AGE_SECONDS_MAX)
        for name, arn in (("onSuccess", self.on_success), ("onFailure", self.on_failure)):
            if arn and not arn.startswith("acs:"):
                raise invalid(f"destinationConfig.{name}.destination", f"{arn[:100]!r} is no ARN")
            if arn:
                Target.of(arn)


class Status(StrEnum):
    """Where an asynchronous invocation is, by the platform's names."""

    ENQUEUED = "Enqueued"
    RUNNING = "Running"
    RETRYING = "Retrying"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    EXPIRED = "Expired"
    INVALID = "Invalid"

    @property
    def is_final(self) -> bool:
        """Whether nothing will come after it."""
        return self in _FINAL


_FINAL: Final = (
    *(Status.SUCCEEDED, Status.FAILED, Status.STOPPED, Status.EXPIRED, Status.INVALID),
)


@dataclass(slots=True)
class Step:
    """A status that an invocation has had. Times are milliseconds since 1970."""

    status: Status
    at_ms: int
    detail: str = ""


@dataclass(slots=True)
class Event:
    """An asynchronous invocation that has been accepted, and what has come of it.

    `control_path`, `method`, `target` and `head` are the call as an instance gets it. Without a
    `task_id` it is forgotten when it has ended.
    """

    __pydantic_config__: ClassVar = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}
    """How bytes are written where events are kept."""

    id: str
    function: str
    qualifier: str
    control_path: str
    method: bytes
    target: bytes
    head: bytes
    payload: bytes
    accepted_ms: int
    task_id: str = ""
    status: Status = Status.ENQUEUED
    attempts: int = 0
    failures: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    instance_id: str = ""
    answer: bytes = b""
    error: str = ""
    destination: str = ""
    """What came of telling the destination: Succeeded, Failed, or nothing."""
    steps: list[Step] = field(default_factory=list)
