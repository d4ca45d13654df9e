"""The callout representation of a verdict: headers decide, the body is ready to use.

    Verdict ──encode──▶ headers + body ──decode──▶ Answer, or the reason why it is none

`encode` runs in a function. `decode` is what the shim does with the answer, written once more in
Python: the vectors in tests/contract/vectors/ hold both to the same results.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from functions.verdict.callout import HeaderPairs
from functions.verdict.contract import (
    CACHE_SECONDS_MAX,
    CONTRACT_VERSION,
    DENY_BODY_BYTES_MAX,
    NAME_BYTES_MAX,
    PLATFORM_HEADER,
    REVISION_BYTES_MAX,
    STATE_BYTES_MAX,
    STATUS_DENY_MAX,
    STATUS_DENY_MIN,
    WINDOW_BYTES_MAX,
    Decision,
    Header,
)
from functions.verdict.models import Verdict
from functions.verdict.reason import Reason
from functions.verdict.reasons import REASONS

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_REVISION = re.compile(r"[A-Za-z0-9._-]+")
_STATE = re.compile(r"[A-Za-z0-9._~+/=-]+")
_RULE = re.compile(r"[a-z0-9][a-z0-9._-]*")
_ENVOYS_OWN = {503: Reason.CHECK_RESET, 504: Reason.CHECK_TIMEOUT}
"""Envoy's own answers bear no date: for a host that it cannot reach, and when time is up."""
_SINGLE = frozenset(Header) | {"content-type"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A check's answer as the shim understands it. `status` is set for a denial only; `keep` bytes
    at the end of a window come again at the start of the next one; `rule` is for the access log."""

    decision: Decision
    reason: Reason
    revision: str
    cache_seconds: int
    state: str | None
    status: int | None
    content_type: str | None
    body: bytes
    keep: int = 0
    rule: str | None = None


def encode(verdict: Verdict) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of the callout representation, for an answer with status 200."""
    headers = [
        (Header.CONTRACT.value, str(CONTRACT_VERSION)),
        (Header.VERDICT.value, verdict.decision.value),
        (Header.REASON.value, verdict.reason.value),
        (Header.REVISION.value, verdict.revision),
        (Header.CACHE_SECONDS.value, str(verdict.cache_seconds)),
    ]
    if verdict.state is not None:
        headers.append((Header.STATE.value, verdict.state))
    if verdict.keep:
        headers.append((Header.KEEP.value, str(verdict.keep)))
    if verdict.rule is not None:
        headers.append((Header.RULE.value, verdict.rule))
    if verdict.status is not None:
        headers.append((Header.STATUS.value, str(verdict.status)))
    if verdict.content_type is not None:
        headers.append(("content-type", verdict.content_type))
    return headers, verdict.body.encode()


def decode(
    status: int,
    headers: HeaderPairs,
    body: bytes,
    body_bytes_max: int,
    keep_bytes_max: int | None = None,
) -> Answer | Reason:
    """Understand a check's HTTP answer as the shim does, or say why it is a failed check.

    `body_bytes_max` bounds a masked message; a denial has the contract's own bound.
    `keep_bytes_max` is set where the message is a window of a stream: its length, or 0 for the
    final one.
    """
    seen: dict[str, str] = {}
    repeated = False
    for raw_name, value in headers:
        name = raw_name.lower()
        repeated = repeated or (name in seen and name in _SINGLE)
        seen[name] = value
    if status in _ENVOYS_OWN and "date" not in seen:
        return _ENVOYS_OWN[status]
    if status == 429 or (status == 503 and PLATFORM_HEADER in seen):
        return Reason.CHECK_THROTTLED
    if status != 200:
        return Reason.CHECK_STATUS
    if repeated:
        return Reason.CHECK_MALFORMED
    answer = _read(seen, body)
    if answer is None or not _fits(answer, body_bytes_max, keep_bytes_max):
        return Reason.CHECK_MALFORMED
    return answer


def _read(seen: Mapping[str, str], body: bytes) -> Answer | None:
    """The answer that the headers tell, or None where a value is missing or unknown."""
    state = seen.get(Header.STATE)
    status = seen.get(Header.STATUS)
    cache_seconds = seen.get(Header.CACHE_SECONDS, "")
    keep = seen.get(Header.KEEP, "0")
    revision = seen.get(Header.REVISION, "")
    rule = seen.get(Header.RULE)
    try:
        decision = Decision(seen.get(Header.VERDICT, ""))
        reason = Reason(seen.get(Header.REASON, ""))
    except ValueError:
        return None
    keeps_contract = (
        seen.get(Header.CONTRACT) == str(CONTRACT_VERSION)
        and decision in REASONS[reason].decisions
        and _REVISION.fullmatch(revision) is not None
        and len(revision) <= REVISION_BYTES_MAX
        and _number_up_to(cache_seconds, CACHE_SECONDS_MAX)
        and (state is None or (_STATE.fullmatch(state) and len(state) <= STATE_BYTES_MAX))
        and _number_up_to(keep, WINDOW_BYTES_MAX)
        and (rule is None or (_RULE.fullmatch(rule) and len(rule) <= NAME_BYTES_MAX))
        and (status is None or _number_up_to(status, STATUS_DENY_MAX))
    )
    if not keeps_contract:
        return None
    return Answer(
        decision=decision,
        reason=reason,
        revision=revision,
        cache_seconds=int(cache_seconds),
        state=state,
        status=None if status is None else int(status),
        content_type=seen.get("content-type"),
        body=body,
        keep=int(keep),
        rule=rule,
    )


def _number_up_to(value: str, limit: int) -> bool:
    return _NUMBER.fullmatch(value) is not None and int(value) <= limit


def _fits(answer: Answer, body_bytes_max: int, keep_bytes_max: int | None) -> bool:
    """Whether what is kept, status, content type and body are those that the decision needs."""
    if answer.keep > (keep_bytes_max or 0):
        return False
    match answer.decision:
        case Decision.ALLOW:
            return answer.status is None and not answer.body
        case Decision.MASK:
            least = 1 if keep_bytes_max is None else 0
            return answer.status is None and least <= len(answer.body) <= body_bytes_max
        case Decision.DENY:
            return (
                answer.keep == 0
                and answer.status is not None
                and answer.status >= STATUS_DENY_MIN
                and bool(answer.content_type)
                and 0 < len(answer.body) <= DENY_BODY_BYTES_MAX
            )
