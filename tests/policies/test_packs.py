"""The built-in packs: each example of each rule is a test of its own, with all packs in force."""

from functools import cache
from pathlib import Path

import pytest

from functions.deny_pattern.check import CompiledPolicy, compile_policy
from functions.policy import Rule, load
from functions.policy.load import PACKS, load_pack
from functions.policy.validators import NAMES, valid
from functions.verdict import Callout, Phase
from tests.unit.checks.conftest import CHAT_PATH, chat, judge

NAMES_OF_PACKS = sorted(path.stem for path in PACKS.glob("*.yaml"))


@cache
def rules_of(pack: str) -> tuple[Rule, ...]:
    path = PACKS / f"{pack}.yaml"
    rules, _ = load_pack(path, path.read_bytes())
    return tuple(rules.values())


EXAMPLES = [
    pytest.param(rule, example, found, id=f"{pack}-{rule.id}-{kind}-{number}")
    for pack in NAMES_OF_PACKS
    for rule in rules_of(pack)
    for kind, found, examples in (
        ("find", True, rule.examples.find),
        ("pass", False, rule.examples.pass_),
    )
    for number, example in enumerate(examples, start=1)
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> CompiledPolicy:
    path: Path = tmp_path_factory.mktemp("policies") / "everything.yaml"
    packs = ", ".join(f"{{pack: {name}}}" for name in NAMES_OF_PACKS)
    path.write_text(f"policy: everything\ndescription: every pack\npacks: [{packs}]\n")
    return compile_policy(load(path), "tested")


@pytest.mark.parametrize(("rule", "example", "found"), EXAMPLES)
def test_the_rule_does_what_its_example_says(
    everything: CompiledPolicy, rule: Rule, example: str, found: bool
) -> None:
    callout = Callout(
        phase=Phase.REQUEST,
        policy="everything",
        authority="dashscope.aliyuncs.com",
        path=CHAT_PATH,
        method="POST",
        deadline_ms=1000,
        content_type="application/json",
    )
    verdict = judge(callout, chat(example), everything)
    assert any(finding.rule == rule.id for finding in verdict.findings) is found


@pytest.mark.parametrize("pack", NAMES_OF_PACKS)
def test_every_pack_states_its_noise_and_every_rule_its_source(pack: str) -> None:
    text = (PACKS / f"{pack}.yaml").read_text(encoding="utf-8")
    assert "docs/packs.md" in text
    assert all(rule.source is not None for rule in rules_of(pack))


def test_the_messages_of_the_packs_give_away_no_example() -> None:
    for pack in NAMES_OF_PACKS:
        for rule in rules_of(pack):
            assert not any(example in rule.message for example in rule.examples.find)


def test_every_validator_is_used_and_refuses_nonsense() -> None:
    used = {rule.match.valid for pack in NAMES_OF_PACKS for rule in rules_of(pack)}
    assert used - {None} == NAMES
    assert not any(valid(name, "0") for name in NAMES)
