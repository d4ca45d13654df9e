"""Rules and texts for the benches of matching: sets of any size, and prose that none of them finds.

The built-in packs come first; what is missing is made, in the manner of issuers' keys (a prefix
and random letters) and of names that a company does not want to read outside (a list of words).
"""

from collections.abc import Sequence
from random import Random
from string import ascii_lowercase
from typing import Final

from functions.deny_pattern.compiled import CompiledPolicy, forms, ready
from functions.policy import PolicyFile, Rule
from functions.policy.compiling import compile_here
from functions.policy.engine import Matcher
from functions.policy.load import PACKS, load_pack
from functions.policy.rule import Examples, Match

_SEED: Final = 4
_EN: Final = (
    "Please summarise the attached contract in three sentences for the board.",
    "We meet the customer next week and need a short note about the open points.",
    "The engine should start within a second, even on a small machine.",
    "Write a friendly answer to somebody who asks for a later delivery.",
    "What are the main differences between these two proposals, and which one is cheaper?",
    "Translate the following paragraph into plain French and keep the headings.",
    "The table below lists the results of the last four quarters in thousands.",
    "Could you explain why this function returns too early when the list is empty?",
)
_ZH: Final = (
    "请把这份合同的要点写成三句话，给董事会看。",
    "我们下周要和客户开会，需要一份简短的说明。",
    "这台机器很小，程序也应该在一秒之内启动！",
    "请写一封友好的回信，对方希望晚一点收货。",
    "这两个方案的主要区别是什么？哪一个更便宜？",
    "把下面这段话翻译成简单的法语，标题保持不变；谢谢。",
    "下表列出了最近四个季度的结果，单位是千元。",
    "为什么列表为空的时候，这个函数会过早返回呢？",
)


def text(language: str, size: int) -> str:
    """Prose of about `size` bytes of UTF-8, `zh` or `en`."""
    random = Random(_SEED)
    sentences = _ZH if language == "zh" else _EN
    space = "" if language == "zh" else " "
    pieces: list[str] = []
    length = 0
    while length < size:
        pieces.append(random.choice(sentences) + space)
        length += len(pieces[-1].encode())
    return "".join(pieces).encode()[:size].decode("utf-8", "ignore")


def rules(count: int) -> list[Rule]:
    """So many rules, those of the packs first, in the order of the files."""
    found: list[Rule] = []
    for path in sorted(PACKS.glob("*.yaml"), reverse=True):
        found += load_pack(path, path.read_bytes())[0].values()
    return [*found, *_made(max(0, count - len(found)))][:count]


def policy_of(chosen: Sequence[Rule]) -> CompiledPolicy:
    """A policy of these rules, which are not held to their examples."""
    policy = PolicyFile(policy="bench", description="rules for a bench")
    matcher = Matcher(chosen, forms, compiler=compile_here)
    return ready(policy.model_copy(update={"rules": tuple(chosen)}), "bench", matcher)


def _made(count: int) -> list[Rule]:
    random = Random(_SEED)
    return [
        _rule(number, Match(words=(f"{_word(random)} {_word(random)}", _word(random) * 2)))
        if number % 4 == 0
        else _rule(number, Match(regex=rf"\b{_word(random)}_[A-Za-z0-9]{{20,40}}\b"))
        for number in range(count)
    ]


def _word(random: Random) -> str:
    return "".join(random.choices(ascii_lowercase, k=6))


def _rule(number: int, match: Match) -> Rule:
    examples = Examples.model_validate({"find": ["a"], "pass": ["b"]})
    return Rule(
        id=f"made-{number}",
        why="a bench",
        category="bench",
        match=match,
        message="found",
        examples=examples,
    )


def regexes(chosen: Sequence[Rule]) -> list[str]:
    """The regular expressions of rules, for peers that take only these."""
    return [rule.match.regex for rule in chosen if rule.match.regex is not None]
