"""The closed set of reason codes, and what is to be said of each; `reasons` says it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from functions.verdict.contract import Decision


class Reason(StrEnum):
    """A short stable code for why. `REASONS` holds what each one means."""

    RULE_NONE = "rule.none"
    RULE_MATCHED = "rule.matched"
    RULE_MONITORED = "rule.monitored"
    JUDGE_CLEARED = "judge.cleared"
    JUDGE_FLAGGED = "judge.flagged"
    JUDGE_MONITORED = "judge.monitored"
    JUDGE_SKIPPED = "judge.skipped"
    JUDGE_TIMEOUT = "judge.timeout"
    JUDGE_UNAVAILABLE = "judge.unavailable"
    JUDGE_MALFORMED = "judge.malformed"
    MESSAGE_EMPTY = "message.empty"
    MESSAGE_UNREADABLE = "message.unreadable"
    POLICY_UNKNOWN = "policy.unknown"
    REQUEST_MALFORMED = "request.malformed"
    REQUEST_TOO_LARGE = "request.too-large"
    REQUEST_UNSUPPORTED = "request.unsupported"
    RESPONSE_TOO_LARGE = "response.too-large"
    RESPONSE_UNSUPPORTED = "response.unsupported"
    CHECK_TIMEOUT = "check.timeout"
    CHECK_STATUS = "check.status"
    CHECK_RESET = "check.reset"
    CHECK_MALFORMED = "check.malformed"
    CHECK_THROTTLED = "check.throttled"
    CHECK_UNREACHABLE = "check.unreachable"
    MASK_CONFLICT = "mask.conflict"
    MASK_IMPOSSIBLE = "mask.impossible"
    MASK_RESTORED = "mask.restored"
    KEY_UNAVAILABLE = "key.unavailable"
    SHIM_OVERLOADED = "shim.overloaded"
    SHIM_FAULT = "shim.fault"
    CALLOUT_MALFORMED = "callout.malformed"
    CALLOUT_UNAUTHORISED = "callout.unauthorised"


SaidBy = Literal["check", "shim", "edge"]


@dataclass(frozen=True, slots=True)
class ReasonSpec:
    """What one reason code means.

    `status` is the HTTP status the caller sees when the reason ends in a denial; `decisions` are
    the verdicts it may stand in (empty for reasons that never stand in a verdict).
    """

    reason: Reason
    status: int
    said_by: tuple[SaidBy, ...]
    decisions: frozenset[Decision]
    meaning: str
    remedy: str
