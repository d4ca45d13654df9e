"""hyperscan, RE2 and Python's re find the same, and no rule can be lost without its examples.

The rules are those of the packs. Python's re is the third opinion: with its ASCII flag it has the
same classes as the other two, but for `\\pX`, which it does not know.
"""

import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.deny_pattern.compiled import forms
from functions.policy import Rule
from functions.policy.compiling import compile_here
from functions.policy.engine import Matcher
from functions.policy.load import PACKS, load_pack
from functions.policy.patterns import patterns_of, re2_of
from functions.prompt.readings import look_at, readings

RULES: list[Rule] = [
    rule
    for path in sorted(PACKS.glob("*.yaml"))
    for rule in load_pack(path, path.read_bytes())[0].values()
]
MAIN = [each.main for each in patterns_of(RULES, forms)]
COMPARABLE = [index for index, pattern in enumerate(MAIN) if r"\p" not in pattern]
EXAMPLES = [text for rule in RULES for text in (*rule.examples.find, *rule.examples.pass_)]


@cache
def all_rules() -> Matcher:
    return Matcher(RULES, forms, compiler=compile_here)


@cache
def bare() -> Matcher:
    """Every rule's pattern by itself, without conditions."""
    rules = [
        rule.model_copy(
            update={
                "match": rule.match.model_copy(update=dict.fromkeys(("near", "unless", "valid")))
            }
        )
        for rule in RULES
    ]
    return Matcher(rules, forms, compiler=compile_here)


@cache
def thirds() -> list[re.Pattern[str]]:
    return [re.compile(MAIN[index], re.ASCII) for index in COMPARABLE]


def normal(text: str) -> str:
    return next(readings(text)).text.text


TEXTS = st.lists(
    st.sampled_from(EXAMPLES).flatmap(
        lambda text: st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(
            lambda cut: text[min(cut) : max(cut)]
        )
    )
    | st.sampled_from(["\n", " ", "账", "1", "a", "-", "é", "x" * 40]),
    max_size=6,
).map("".join)


@settings(max_examples=30)
@given(TEXTS)
def test_three_engines_agree(text: str) -> None:
    data = normal(text)
    matched = {hit.rule for hit in bare().hits(data)}
    for index, third in zip(COMPARABLE, thirds(), strict=True):
        found = third.search(data) is not None
        assert (index in matched) == found, RULES[index].id
        second = re2_of(index, MAIN[index], "match.regex").search(data.encode()) is not None
        assert second == found, RULES[index].id


MUTANTS = [
    pytest.param(rule, condition, id=f"{rule.id}-{condition}")
    for rule in RULES
    for condition in ("near", "unless", "valid")
    if getattr(rule.match, condition) is not None
]


@pytest.mark.parametrize(("rule", "condition"), MUTANTS)
def test_a_condition_that_is_lost_is_missed_by_a_near_miss(rule: Rule, condition: str) -> None:
    match = rule.match.model_copy(update={condition: None})
    mutant = Matcher([rule.model_copy(update={"match": match})], forms, compiler=compile_here)
    assert any(
        mutant.hits(reading.text.text)
        for example in rule.examples.pass_
        for reading in readings(example)
    )


@pytest.mark.parametrize("index", range(len(RULES)), ids=[rule.id for rule in RULES])
def test_every_rule_is_needed_by_an_example_of_its_own(index: int) -> None:
    alone = [each == index for each in range(len(RULES))]
    assert any(
        all_rules().hits(reading.text.text, alone)
        for example in RULES[index].examples.find
        for reading in readings(example)
    )


@given(TEXTS)
def test_what_one_look_passes_by_holds_nothing_in_any_reading(text: str) -> None:
    look = look_at(text)
    if not look.traits and not all_rules().may_hit(look.data):
        assert not any(all_rules().hits(each.text.text) for each in readings(text))
