"""`explain`: which rules are in force and where they come from; or why a text is found or not.

    {"folder", "policy"}            → {"policy": …}, then {"rule": …, "place": …} for each rule
    {"folder", "policy", "text"}    → {"rule", "view", "start", "end", "outcome"} for each candidate

A span counts characters of the text as it was given. What stands there is not told.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from functions.deny_pattern.tools.folders import chosen
from functions.deny_pattern.tools.testing import matcher_of
from functions.policy import PolicySource, load
from functions.prompt.readings import readings


def explain(requests: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Lines about a policy, or about what it sees in a text."""
    request = next(requests)
    (path,) = chosen(Path(request["folder"]), request["policy"])
    source = load(path)
    if request.get("text") is None:
        yield from _rules(source)
    else:
        yield from _looks(source, request["text"])


def _rules(source: PolicySource) -> Iterator[dict[str, Any]]:
    head = source.policy.model_dump(mode="json", by_alias=True, exclude={"rules", "overrides"})
    yield {"policy": head, "extends": list(source.ancestry)}
    for place, rule in zip(source.places, source.policy.rules, strict=True):
        yield {
            "rule": rule.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            "action": rule.action,
            "phase": rule.phase,
            "severity": rule.severity,
            "place": place,
        }


def _looks(source: PolicySource, text: str) -> Iterator[dict[str, Any]]:
    matcher = matcher_of(source)
    for reading in readings(text):
        yield {"view": reading.view}
        for look in matcher.looks(reading.text.text):
            start, end = reading.text.span(look.start, look.end)
            yield {
                "rule": source.policy.rules[look.rule].id,
                "action": source.policy.rules[look.rule].action,
                "view": reading.view,
                "start": start,
                "end": end,
                "outcome": look.outcome,
            }
