"""`test`: every example of every rule in force, and what the rule does with it.

{"folder", "policy"}   → {"policy", "rule", "place", "kind", "passed", "what"} for each example
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from functions.deny_pattern.compiled import forms, trials
from functions.deny_pattern.tools.folders import chosen
from functions.policy import PolicySource, load
from functions.policy.engine import Matcher, PatternError


def test(requests: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A line for each example; `what` is empty where the rule does what it says."""
    request = next(requests)
    for path in chosen(Path(request["folder"]), request["policy"]):
        source = load(path)
        matcher = matcher_of(source)
        for index, rule in enumerate(source.policy.rules):
            for trial in trials(matcher, index, rule):
                yield {
                    "policy": source.policy.policy,
                    "rule": rule.id,
                    "place": source.places[index],
                    "kind": trial.kind,
                    "passed": trial.passed,
                    "what": "" if trial.passed else trial.complaint,
                }
        if not source.policy.rules:
            yield {"policy": source.policy.policy, "rule": ""}


def matcher_of(source: PolicySource) -> Matcher:
    """The matcher of all rules of `source`. Raises `PolicyError` where one is not compiled."""
    try:
        return Matcher(source.policy.rules, forms)
    except PatternError as error:
        raise source.error(error.rule, str(error)) from None
