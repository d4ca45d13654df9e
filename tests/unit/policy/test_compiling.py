"""Rules are compiled in a child that cannot outgrow its bounds, and the guilty one is named."""

from collections.abc import Sequence

import pytest

from functions.policy import compile_child
from functions.policy.compiling import compile_bounded, compile_here
from functions.policy.engine import Matcher, PatternError
from functions.policy.rule import Match, Near
from functions.policy.scanning import ForeignDatabase, Scanner, split
from tests.unit.policy.test_engine import _rule, as_it_is

BOMB = "(?:[a-z]{1,60}[0-9]{1,60}(?:x|[^y]{1,80})){9}z"


def test_the_child_makes_what_is_made_here() -> None:
    made = compile_bounded(["a+b", "账号", "c"], 2)
    assert made == compile_here(["a+b", "账号", "c"], 2)
    first, second = map(Scanner, split(made))
    assert (first.numbers("xab 账号 c".encode()), second.numbers(b"c")) == ([0, 1], [0])


def test_a_piece_that_was_cut_off_is_foreign() -> None:
    with pytest.raises(ForeignDatabase, match="cut off"):
        split(compile_here(["a"], 1)[:-1])


@pytest.mark.parametrize("compiler", [compile_here, compile_bounded])
def test_a_refused_expression_is_named(compiler: object) -> None:
    assert callable(compiler)
    with pytest.raises(PatternError, match="hyperscan refuses it") as refusal:
        compiler(["a", "b*", "c"], 2)
    assert refusal.value.rule == 1


def test_a_refused_keyword_is_its_rules() -> None:
    near = Match(words=("x",), near=Near(words=("y",)))
    rules = [_rule(0, Match(words=("a",))), _rule(1, near), _rule(2, Match(words=("b",)))]
    for refused, rule, says in (("y", 1, "near"), ("x", 1, "regex"), ("b", 2, "regex")):

        def refuse(expressions: Sequence[str], _together: int, word: str = refused) -> bytes:
            raise PatternError([word in each for each in expressions].index(True), "no")

        with pytest.raises(PatternError, match=rf"match\.{says}: no") as refusal:
            Matcher(rules, as_it_is, compiler=refuse)
        assert refusal.value.rule == rule


def test_a_compile_bomb_is_named() -> None:
    with pytest.raises(PatternError) as refusal:
        compile_bounded(["fine", BOMB, "also fine"], 2)
    assert refusal.value.rule == 1
    assert "memory to compile" in str(refusal.value) or "refuses it" in str(refusal.value)


def test_the_child_has_a_bound_on_memory() -> None:
    assert compile_child.MEMORY_BYTES_MAX <= 1024**3
