"""hyperscan says which rules hit, RE2 says where; only what both accept is a rule."""

import threading
from collections.abc import Sequence

import pytest

from functions.policy import Rule
from functions.policy.compiling import compile_here
from functions.policy.engine import Hit, Matcher, PatternError
from functions.policy.rule import Examples, Match


def matcher(*matches: Match) -> Matcher:
    rules = [_rule(index, match) for index, match in enumerate(matches)]
    return Matcher(rules, as_it_is, compiler=compile_here)


def as_it_is(word: str) -> tuple[str, ...]:
    """For texts that nobody folds."""
    return (word,)


def _rule(index: int, match: Match) -> Rule:
    examples = Examples.model_validate({"find": ["a"], "pass": ["b"]})
    return Rule(id=f"r{index}", why="w", category="c", match=match, message="m", examples=examples)


def hits(text: str, *matches: Match) -> Sequence[Hit]:
    return list(matcher(*matches).hits(text))


def test_a_hit_names_the_rule_and_the_span_in_characters() -> None:
    found = hits("我的 QQ 号: 12345", Match(words=("号码",)), Match(regex="[0-9]{5}"))
    assert found == [Hit(rule=1, start=9, end=14)]


def test_every_find_is_a_hit_by_rule_and_place() -> None:
    found = hits("b a b a", Match(words=("a",)), Match(words=("b",)))
    assert found == [Hit(0, 2, 3), Hit(0, 6, 7), Hit(1, 0, 1), Hit(1, 4, 5)]


@pytest.mark.parametrize(
    "word", ["a.b", "a|b", "(", "[x]", "a\\b", "a-b", "$", "^", "{1}", "账 号"]
)
def test_a_word_is_no_pattern(word: str) -> None:
    assert hits(f"x{word}y", Match(words=(word,))) == [Hit(0, 1, 1 + len(word))]
    assert hits("xay", Match(words=(word,))) == []


def test_letter_case_matters_unless_the_rule_says_so() -> None:
    strict = Match(regex="[a-z]+-key", words=("Secret",))
    loose = strict.model_copy(update={"ignore_case": True})
    assert {hit.rule for hit in hits("SECRET Api-KEY", strict, loose)} == {1}


def test_a_word_is_found_in_each_of_its_forms() -> None:
    rules = [_rule(0, Match(words=("Abc",)))]
    made = Matcher(rules, lambda word: (word.lower(), word.upper()), compiler=compile_here)
    assert [len(made.hits(text)) for text in ("abc", "ABC", "Abc")] == [1, 1, 0]


def test_a_flag_inside_a_regular_expression_ends_with_it() -> None:
    both = Match(regex="(?i)abc", words=("def",))
    assert hits("DEF", both) == []
    assert len(hits("ABC", both)) == 1


@pytest.mark.parametrize(
    ("regex", "engine"),
    [
        ("a(?=b)", "look-around and back-references do not exist here"),
        ("(?<!a)b", "look-around and back-references do not exist here"),
        (r"(a)\1", "RE2 refuses it: invalid escape sequence"),
        ("a(", "RE2 refuses it: missing )"),
        ("a*", "hyperscan refuses it: "),
        (r"\C", ""),
    ],
)
def test_a_pattern_that_an_engine_refuses_is_refused_with_its_rule(regex: str, engine: str) -> None:
    with pytest.raises(PatternError) as refusal:
        matcher(Match(words=("fine",)), Match(regex=regex))
    assert refusal.value.rule == 1
    assert engine in str(refusal.value)


def test_a_word_that_vanishes_when_folded_is_refused() -> None:
    with pytest.raises(PatternError, match="invisible characters only"):
        Matcher([_rule(0, Match(words=("x",)))], lambda _: ("",), compiler=compile_here)


def test_a_hit_that_re2_cannot_place_is_kept() -> None:
    """The engines differ on the end of a text: for hyperscan `$` also stands before a line feed."""
    assert hits("end\n", Match(regex="end$")) == [Hit(0, 0, 0)]


def test_no_rules_find_nothing() -> None:
    assert hits("anything") == []


def test_a_nul_character_hides_nothing_behind_it() -> None:
    assert len(hits("a\x00账号", Match(words=("账号",)))) == 1


def test_threads_that_share_a_matcher_do_not_disturb_each_other() -> None:
    shared = matcher(*(Match(regex=f"word{index}[a-z]{{3}}") for index in range(50)))
    wrong: list[int] = []

    def scan(number: int) -> None:
        for _ in range(300):
            found = [hit.rule for hit in shared.hits(f"some word{number}abc here")]
            if number not in found:
                wrong.append(number)

    threads = [threading.Thread(target=scan, args=(number,)) for number in (3, 17, 31, 49)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
