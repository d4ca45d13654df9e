"""Every policy that is packed: each of its examples is a test of its own."""

from functools import cache
from pathlib import Path

import pytest

from functions.deny_pattern.check import ENGINE, CompiledPolicy, compile_policy
from functions.deny_pattern.compiled import take_up
from functions.policy import Policies, Rule, RuleAction, load
from functions.runtime.settings import POLICIES
from functions.verdict import Callout, Decision, Phase
from tests.unit.checks.conftest import CHAT_PATH, chat, judge

PATHS = sorted(POLICIES.glob("*.yaml"))
EXAMPLES = [
    pytest.param(path, rule, example, found, id=f"{path.stem}-{rule.id}-{kind}-{number}")
    for path in PATHS
    for rule in load(path).policy.rules
    for kind, found, examples in (
        ("find", True, rule.examples.find),
        ("pass", False, rule.examples.pass_),
    )
    for number, example in enumerate(examples, start=1)
]


@cache
def compiled(path: Path) -> CompiledPolicy:
    return compile_policy(load(path), "tested")


@pytest.mark.parametrize(("path", "rule", "example", "found"), EXAMPLES)
def test_the_rule_does_what_its_example_says(
    path: Path, rule: Rule, example: str, found: bool
) -> None:
    callout = Callout(
        phase=Phase.REQUEST,
        policy=path.stem,
        authority="dashscope.aliyuncs.com",
        path=CHAT_PATH,
        method="POST",
        deadline_ms=1000,
        content_type="application/json",
    )
    verdict = judge(callout, chat(example), compiled(path))
    assert any(finding.rule == rule.id for finding in verdict.findings) is found
    if found and rule.action is RuleAction.DENY:
        assert verdict.decision is Decision.DENY


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_message_of_a_rule_gives_away_no_example(path: Path) -> None:
    for rule in load(path).policy.rules:
        assert not any(example in rule.message for example in rule.examples.find)


def test_the_packed_folder_loads_as_a_function_loads_it() -> None:
    policies = Policies(POLICIES, take_up, ENGINE)
    policies.reload()
    assert policies.names() == [path.stem for path in PATHS]
    assert "default" in policies.names()


def test_the_default_policy_denies_what_cannot_be_judged_or_read() -> None:
    policy = load(POLICIES / "default.yaml").policy
    assert policy.judge is not None
    assert policy.judge.on_error == "deny"
    assert policy.unreadable == "deny"
