"""A verdict that could mean two things cannot be made."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.verdict import REASONS, Decision, Finding, Phase, Reason, Severity, Verdict, encode

ALLOW: dict[str, Any] = {
    "check": "deny-pattern",
    "phase": Phase.REQUEST,
    "policy": "default",
    "revision": "r1",
    "decision": Decision.ALLOW,
    "reason": Reason.RULE_NONE,
}
DENY = ALLOW | {
    "decision": Decision.DENY,
    "reason": Reason.RULE_MATCHED,
    "status": 403,
    "content_type": "application/json",
    "body": "{}",
}
MASK = DENY | {"decision": Decision.MASK, "status": None}
WINDOW = MASK | {"phase": Phase.RESPONSE, "keep": 7}
NOTHING = WINDOW | {"body": ""}


EVERY_FORM = {"allow": ALLOW, "deny": DENY, "mask": MASK, "window": WINDOW, "nothing": NOTHING}


@pytest.mark.parametrize("fields", EVERY_FORM.values(), ids=EVERY_FORM)
def test_a_verdict_survives_its_document(fields: dict[str, Any]) -> None:
    verdict = Verdict(**fields)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (ALLOW | {"reason": Reason.RULE_MATCHED}, "cannot stand in a verdict of allow"),
        (ALLOW | {"status": 403}, "status belongs to a denial"),
        (ALLOW | {"body": "x", "content_type": "a/b"}, "a body belongs to mask and deny"),
        (ALLOW | {"content_type": "a/b"}, "an allow has none"),
        (DENY | {"status": None}, "a denial needs one"),
        (DENY | {"status": 200}, "status"),
        (DENY | {"body": "", "content_type": None}, "mask and deny need a body"),
        (NOTHING | {"phase": Phase.REQUEST, "keep": 0}, "only a window may be masked to nothing"),
        (WINDOW | {"phase": Phase.REQUEST}, "only of a stream's released window"),
        (DENY | {"phase": Phase.RESPONSE, "keep": 7}, "only of a stream's released window"),
        (WINDOW | {"keep": 256 * 1024 + 1}, "keep"),
        (DENY | {"content_type": None}, "mask and deny need a content type"),
        (DENY | {"body": "x" * (64 * 1024 + 1)}, "at most 65536 bytes"),
        (DENY | {"cache_seconds": 1}, "only an allow may be reused"),
        (ALLOW | {"unknown": 1}, "Extra inputs"),
        (ALLOW | {"policy": "Two Words"}, "policy"),
    ],
)
def test_a_contradiction_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Verdict(**fields)


def test_an_error_quotes_nothing_of_its_input() -> None:
    with pytest.raises(ValidationError) as refusal:
        Verdict(**DENY | {"body": ["sesame"]})
    assert "sesame" not in str(refusal.value)


def test_a_finding_ends_where_it_began_or_later() -> None:
    with pytest.raises(ValidationError, match="before its start"):
        Finding(rule="r", category="c", severity=Severity.LOW, start=2, end=1)


def test_a_verdict_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Verdict(**ALLOW).decision = Decision.DENY


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_it_means_and_what_to_do(reason: Reason) -> None:
    spec = REASONS[reason]
    assert spec.reason is reason
    assert spec.meaning.endswith(".")
    assert spec.remedy.endswith(".")
    assert spec.decisions == frozenset() or "check" in spec.said_by


def test_only_failures_that_pass_by_themselves_invite_a_retry() -> None:
    inviting = {reason for reason, spec in REASONS.items() if spec.status >= 500}
    assert inviting == {Reason.KEY_UNAVAILABLE, Reason.SHIM_OVERLOADED}


def test_no_header_of_an_answer_can_be_torn_by_a_line_end() -> None:
    for fields in EVERY_FORM.values():
        headers, _ = encode(Verdict(**fields))
        assert all(value.isprintable() and value.isascii() for _, value in headers)


def test_what_a_window_keeps_is_said_and_nothing_else_is() -> None:
    assert ("x-meshward-keep", "7") in encode(Verdict(**NOTHING))[0]
    assert "x-meshward-keep" not in dict(encode(Verdict(**MASK))[0])


def test_the_first_finding_names_the_rule_and_a_verdict_without_findings_names_none() -> None:
    found = tuple(
        Finding(rule=rule, category="word", severity=Severity.HIGH) for rule in ("worst", "other")
    )
    assert ("x-meshward-rule", "worst") in encode(Verdict(**DENY | {"findings": found}))[0]
    assert "x-meshward-rule" not in dict(encode(Verdict(**DENY))[0])
