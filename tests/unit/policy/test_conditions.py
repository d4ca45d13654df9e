"""A candidate is a hit unless an exception covers it, its keyword is missing or it is not valid."""

import pytest

from functions.policy.engine import Hit, Outcome
from functions.policy.finder import LOOK_BYTES, LOOKS_MIN, NOT_VALID_LOOKS
from functions.policy.rule import Match, Near, Unless
from functions.verdict.models import FINDINGS_MAX
from tests.unit.policy.test_engine import hits, matcher

CARD = "4111111111111111"
NO_CARD = "4111111111111112"


def texts(text: str, match: Match) -> list[str]:
    """What the rule finds, as text."""
    return [text[hit.start : hit.end] for hit in hits(text, match)]


def test_a_group_named_find_is_the_find() -> None:
    match = Match(regex="密码[:：] ?(?P<find>[a-z0-9]+)")
    assert texts("我的密码：abc123。", match) == ["abc123"]


def test_a_group_that_takes_no_part_leaves_the_whole_match() -> None:
    assert texts("xy", Match(regex="x(?P<find>z)?y")) == ["xy"]


def test_a_find_behind_one_that_is_not_valid_is_found() -> None:
    match = Match(regex="[0-9]{16}", valid="luhn")
    assert texts(f"卡号 {NO_CARD}，或 {CARD}，{NO_CARD}", match) == [CARD]


def test_a_text_of_candidates_none_of_which_is_valid_is_no_hit() -> None:
    assert hits(f"{NO_CARD} " * 50, Match(regex="[0-9]{16}", valid="luhn")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("手机 13800138000", True),
        ("13800138000 是我的手机", True),
        ("手机" + "。" * 10 + "13800138000", True),
        ("手机" + "。" * 11 + "13800138000", False),
        ("13800138000" + "。" * 10 + "手机", True),
        ("13800138000" + "。" * 11 + "手机", False),
        ("13800138000", False),
        ("PHONE: 13800138000", True),
    ],
)
def test_a_keyword_must_stand_within_so_many_characters(text: str, found: bool) -> None:
    match = Match(regex="1[0-9]{10}", near=Near(words=("手机", "phone"), within=10))
    assert bool(hits(text, match)) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("13800138000" + "。" * 500 + "PHONE", True),
        ("手机 13800138000", True),
        ("13800138000", False),
    ],
)
def test_a_text_that_holds_no_needed_word_is_not_looked_at(text: str, found: bool) -> None:
    assert bool(hits(text, Match(regex="1[0-9]{10}", needs=("手机", "phone")))) is found


def test_near_and_needs_are_not_given_together() -> None:
    with pytest.raises(ValueError, match="leave needs out"):
        Match(regex="x", near=Near(words=("y",)), needs=("z",))


def test_a_find_far_from_the_keyword_does_not_hide_one_near_it() -> None:
    text = "13800138000" + " " * 80 + "手机 13900139000"
    match = Match(regex="1[0-9]{10}", near=Near(words=("手机",), within=10))
    assert texts(text, match) == ["13900139000"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail me@corp.cn", ["me@corp.cn"]),
        ("mail me@example.com", []),
        ("mail me@EXAMPLE.com and you@corp.cn", ["you@corp.cn"]),
        ("example.com says me@corp.cn", ["me@corp.cn"]),
        ("noreply-me@corp.cn", []),
    ],
)
def test_an_exception_that_overlaps_a_find_takes_it_away(text: str, found: list[str]) -> None:
    unless = Unless(words=("example.com",), regex="noreply-[a-z]+")
    match = Match(regex="[a-z]+@[a-z.]+", ignore_case=True, unless=unless)
    assert texts(text, match) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("账号", True),
        ("账 号", True),
        ("账-·-号", True),
        ("账。\n号", True),
        ("账。。。。号", False),
        ("账a号", False),
        ("账户号", False),
    ],
)
def test_a_spread_word_is_found_with_separators_between_its_letters(text: str, found: bool) -> None:
    assert bool(hits(f"我的{text}", Match(words=("账号",), spread=True))) is found
    assert bool(hits(f"我的{text}", Match(words=("账号",)))) is (text == "账号")


def test_the_rest_of_a_text_with_too_many_finds_is_the_last_one() -> None:
    text = "ab " * (FINDINGS_MAX + 5)
    found = hits(text, Match(words=("ab",)))
    assert len(found) == FINDINGS_MAX
    assert found[-1] == Hit(0, 3 * (FINDINGS_MAX - 1), len(text))
    exact = hits("ab " * FINDINGS_MAX, Match(words=("ab",)))
    assert exact[-1].end - exact[-1].start == 2


def test_what_is_not_looked_at_counts_as_found() -> None:
    looked_at = LOOKS_MIN // NOT_VALID_LOOKS
    text = f"{NO_CARD} " * (looked_at + 1)
    rest = Hit(0, 17 * looked_at, len(text), rest=True)
    assert hits(text, Match(regex="[0-9]{16}", valid="luhn")) == [rest]


def test_more_is_looked_at_in_a_longer_text() -> None:
    match = Match(regex="[0-9]{16}", valid="luhn")
    text = f"{NO_CARD} " * (2 * LOOKS_MIN // NOT_VALID_LOOKS)
    assert hits(text, match)
    assert not hits(text + "." * (2 * LOOKS_MIN * LOOK_BYTES), match)


def test_behind_more_keywords_than_are_looked_for_every_candidate_has_one() -> None:
    match = Match(regex="[0-9]{11}", near=Near(words=("tel",), within=10))
    far = "." * 100 + "13800138000"
    assert not hits("tel " * (LOOKS_MIN - 1) + far, match)
    assert texts("tel " * LOOKS_MIN + far, match) == ["13800138000"]


def test_behind_more_exceptions_than_are_looked_for_nothing_is_excepted() -> None:
    match = Match(regex="[0-9]{11}", unless=Unless(words=("a1", "13800138000")))
    assert not hits("a1 " * (LOOKS_MIN - 1) + "13800138000", match)
    assert texts("a1 " * LOOKS_MIN + "13800138000", match) == ["13800138000"]


def test_a_text_outside_ascii_keeps_the_count_of_characters() -> None:
    text = "😀号 a1，😀😀 a2"
    assert texts(text, Match(regex="a[0-9]")) == ["a1", "a2"]


def test_only_rules_that_read_a_text_are_asked() -> None:
    both = matcher(Match(words=("a",)), Match(words=("b",)))
    assert both.hits("ab", [False, True]) == [Hit(1, 1, 2)]


def test_every_candidate_can_be_explained() -> None:
    match = Match(
        regex="[0-9]{16}",
        valid="luhn",
        near=Near(words=("card",), within=5),
        unless=Unless(words=("4111111111111111",)),
    )
    text = f"card {NO_CARD}, {'.' * 20} 5500000000000004 {'.' * 20} {CARD} card 5500000000000004"
    outcomes = [look.outcome for look in matcher(match).looks(text)]
    assert outcomes == [
        Outcome.NOT_VALID,
        Outcome.NO_KEYWORD,
        Outcome.EXCEPTED,
        Outcome.HIT,
    ]
