"""Rules are compiled in a child that cannot outgrow its bounds, and the guilty one is named."""

import hyperscan
import pytest

from functions.policy import compile_child
from functions.policy.compiling import compile_bounded, compile_here
from functions.policy.engine import Matcher, PatternError
from functions.policy.rule import Match, Near
from tests.unit.policy.test_engine import _rule, as_it_is

BOMB = "(?:[a-z]{1,60}[0-9]{1,60}(?:x|[^y]{1,80})){9}z"


def test_the_child_makes_what_is_made_here() -> None:
    made = compile_bounded(["a+b", "账号"])
    assert made == compile_here(["a+b", "账号"])
    hyperscan.loadb(made, mode=hyperscan.HS_MODE_BLOCK)


@pytest.mark.parametrize("compiler", [compile_here, compile_bounded])
def test_a_refused_expression_is_named(compiler: object) -> None:
    assert callable(compiler)
    with pytest.raises(PatternError, match="hyperscan refuses it") as refusal:
        compiler(["a", "b*", "c"])
    assert refusal.value.rule == 1


def test_a_refused_keyword_is_its_rules() -> None:
    def refuse(expressions: object) -> bytes:
        assert isinstance(expressions, list)
        raise PatternError(len(expressions) - 1, "no")

    near = Match(words=("x",), near=Near(words=("y",)))
    rules = [_rule(0, Match(words=("a",))), _rule(1, near), _rule(2, Match(words=("b",)))]
    with pytest.raises(PatternError, match=r"match\.near: no") as refusal:
        Matcher(rules, as_it_is, compiler=refuse)
    assert refusal.value.rule == 1


def test_a_compile_bomb_is_named() -> None:
    with pytest.raises(PatternError) as refusal:
        compile_bounded(["fine", BOMB, "also fine"])
    assert refusal.value.rule == 1
    assert "memory to compile" in str(refusal.value) or "refuses it" in str(refusal.value)


def test_the_child_has_a_bound_on_memory() -> None:
    assert compile_child.MEMORY_BYTES_MAX <= 1024**3
