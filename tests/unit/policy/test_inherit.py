"""What a policy takes from others: packs, the policy that it extends, and changes to both."""

from pathlib import Path

import pytest

from functions.policy import OnError, PolicyError, PolicySource, RuleAction, load
from functions.verdict import Severity

RULE = """\
  - id: {id}
    why: w
    source: {{url: "https://example.com/format", date: 2026-01-02}}
    category: c
    match: {{words: [{word}]}}
    message: m
    examples: {{find: [{word}], pass: [other]}}
"""


def rules(*ids: str) -> str:
    return "rules:\n" + "".join(RULE.format(id=each, word=f"word-{each}") for each in ids)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pack = "pack: mine\ndescription: d\nfalse_positive_rate: none in 100 texts\n"
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "mine.yaml").write_text(pack + rules("p1", "p2"))
    policy = "policy: base\ndescription: d\nunreadable: allow\npacks: [{pack: mine}]\n"
    (tmp_path / "base.yaml").write_text(policy + rules("b1", "b2"))
    return tmp_path


def child(folder: Path, text: str) -> PolicySource:
    path = folder / "child.yaml"
    path.write_text("policy: child\ndescription: d\n" + text)
    return load(path)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(PolicyError) as refusal:
        child(folder, text)
    return str(refusal.value)


def ids(source: PolicySource) -> list[str]:
    return [rule.id for rule in source.policy.rules]


def test_the_rules_of_a_pack_come_behind_the_policys_own(folder: Path) -> None:
    source = load(folder / "base.yaml")
    assert ids(source) == ["b1", "b2", "p1", "p2"]
    assert source.places == (
        "base.yaml:6",
        "base.yaml:13",
        "packs/mine.yaml:5",
        "packs/mine.yaml:12",
    )


def test_a_rule_of_a_pack_can_be_changed_or_left_out(folder: Path) -> None:
    packs = "packs: [{pack: mine, rules: {p1: off, p2: {action: mask, mask: {label: X}}}}]\n"
    source = child(folder, packs)
    assert ids(source) == ["p2"]
    assert source.policy.rules[0].action is RuleAction.MASK
    assert source.policy.rules[0].label == "X"


def test_a_policy_inherits_what_it_does_not_say(folder: Path) -> None:
    source = child(folder, "extends: base\ncache_seconds: 5\n" + rules("c1"))
    assert ids(source) == ["c1", "b1", "b2", "p1", "p2"]
    assert source.policy.unreadable == "allow"
    assert source.policy.cache_seconds == 5
    assert source.ancestry == ("base",)


def test_an_inherited_rule_can_be_replaced_changed_or_left_out(folder: Path) -> None:
    text = (
        "extends: base\noverrides: {b2: off}\npacks: [{pack: mine, rules: {p1: {severity: low}}}]\n"
    )
    source = child(folder, text + rules("b1"))
    assert ids(source) == ["b1", "p1", "p2"]
    assert source.places[0] == "child.yaml:7"
    assert source.policy.rules[1].severity is Severity.LOW


def test_the_judge_takes_on_error_from_its_policy(folder: Path) -> None:
    judge = "judge: {categories: [{id: a, description: b}]}\n"
    judged = child(folder, "on_error: allow\n" + judge).policy.judge
    assert judged is not None
    assert judged.on_error is OnError.ALLOW


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("extends: none\n", "child.yaml:3: extends: there is no none.yaml beside this file"),
        ("extends: child\n", "child.yaml:3: extends: leads in a circle or too far: child → child"),
        ("packs: [{pack: yours}]\n", "child.yaml:3: packs: there is no pack yours; known are"),
        (
            "packs: [{pack: mine, rules: {p3: off}}]\n",
            "child.yaml:3: the pack mine holds no rule p3 to override",
        ),
        (
            "extends: base\noverrides: {b3: off}\n",
            "child.yaml:4: what it extends holds no rule b3 to override",
        ),
        (
            "overrides: {b3: off}\n",
            "child.yaml:3: overrides: changes inherited rules, and this policy extends none",
        ),
        (
            "packs: [{pack: mine, rules: {p1: {mask: {label: X}}}}]\n",
            "child.yaml:3: override of p1: mask says how to mask, and action is deny",
        ),
        (
            "packs: [{pack: mine}]\n" + rules("p1"),
            "the policy and the pack mine both hold a rule p1",
        ),
        ("packs: [{pack: mine, rules: {p1: {}}}]\n", "say what to change, or off"),
        (
            "packs: [{pack: mine, rules: {p1: {acton: mask}}}]\n",
            "child.yaml:3: override of p1: acton: is not known; did you mean action?",
        ),
        (
            "packs: [{pack: mine, rules: {p1: {action: msk}}}]\n",
            "child.yaml:3: override of p1: action: is msk; it must be deny, mask or",
        ),
        (
            "packs: [{pack: mine, rules: {p1: yes}}]\n",
            "child.yaml:3: override of p1: write off, or what to change",
        ),
        (
            "packs: [{pack: mien}]\n",
            "child.yaml:3: packs: there is no pack mien; did you mean mine?",
        ),
        ("extends: bsae\n", "there is no bsae.yaml beside this file; did you mean base?"),
    ],
)
def test_an_error_says_which_file_and_what(folder: Path, text: str, says: str) -> None:
    assert says in complaint(folder, text)


def test_a_pack_of_a_rule_without_source_is_refused(folder: Path) -> None:
    path = folder / "packs" / "mine.yaml"
    path.write_text("\n".join(x for x in path.read_text().splitlines() if "source" not in x))
    assert "names no source; a pack's rules need one" in complaint(
        folder, "packs: [{pack: mine}]\n"
    )


def test_a_policy_changes_when_its_pack_does(folder: Path) -> None:
    before = load(folder / "base.yaml").policy
    path = folder / "packs" / "mine.yaml"
    path.write_text(path.read_text().replace("word-p1", "word-p9"))
    assert load(folder / "base.yaml").policy != before
