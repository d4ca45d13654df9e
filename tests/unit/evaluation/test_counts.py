"""Counts of what was found, and how sure one can be of them."""

import math

import pytest

from functions.verdict import Decision
from infra.evaluation import Count, Expectation, Outcome, Sample, Tally, discordance


def outcome(
    expect: str, *categories: str, found: str = "", decision: str = "", line: int = 1
) -> Outcome:
    sample = Sample(line=line, text="t", expect=Expectation(expect), category=categories)
    named = frozenset(found.split())
    made = Decision(decision or ("deny" if named else "allow"))
    return Outcome(sample, made, "rule.none", frozenset(f"r-{each}" for each in named), named, 10)


def tally(*outcomes: Outcome) -> Tally:
    return Tally(list(outcomes))


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # Newcombe, Two-sided confidence intervals for the single proportion, Stat. Med. 17 (1998),
    # table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_the_literature(
    hits: int, total: int, low: float, high: float
) -> None:
    assert Count(hits, total).interval == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_there_is_no_share_and_nothing_is_known() -> None:
    assert Count(0, 0).share is None
    assert Count(0, 0).interval == (0.0, 1.0)


def test_a_category_is_counted_by_label_and_find() -> None:
    counts = tally(
        outcome("deny", "key", found="key"),
        outcome("deny", "key"),
        outcome("deny", "phone", found="key phone"),
        outcome("allow"),
        outcome("allow", found="key"),
    ).row("key")
    assert (counts.recall, counts.precision) == (Count(1, 2), Count(1, 3))
    assert counts.false_positives == Count(2, 3)


def test_any_category_counts_whatever_was_found_or_refused() -> None:
    counts = tally(
        outcome("deny", "key", found="phone"),
        outcome("allow", decision="deny"),
        outcome("allow"),
    ).row("any")
    assert (counts.recall, counts.false_positives) == (Count(1, 1), Count(1, 2))


@pytest.mark.parametrize(
    ("expect", "decision", "found", "right"),
    [
        ("deny", "deny", "key", True),
        ("deny", "mask", "key", False),
        ("mask", "mask", "key", True),
        ("find", "allow", "key", True),
        ("find", "allow", "", False),
    ],
)
def test_a_decision_is_right_where_the_label_asks_for_it(
    expect: str, decision: str, found: str, right: bool
) -> None:
    made = outcome(expect, "key", found=found, decision=decision)
    assert made.as_expected is right


def test_a_group_is_found_where_every_category_of_a_text_is() -> None:
    both = outcome("deny", "key", "phone", found="key")
    assert tally(both).groups() == [("(none)", Count(0, 1), Count(0, 0))]
    assert [each.sample.line for each in tally(both).missed()] == [1]


def test_two_policies_are_compared_by_what_only_one_gets_right() -> None:
    right, wrong = outcome("allow"), outcome("allow", found="key")
    ones = [right] * 9 + [wrong] + [right] * 5
    others = [wrong] * 9 + [right] + [right] * 5
    only_one, only_other, p = discordance(ones, others)
    assert (only_one, only_other) == (9, 1)
    assert math.isclose(p, 22 / 1024)
    assert discordance([right], [right]) == (0, 0, 1.0)
