"""The same rules and texts through other guards, against this one's matching and its whole check.

A peer's figure is that of its matching alone, and the texts hold nothing, so that each peer looks
for everything, as this one does with any text.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from string import ascii_lowercase
from typing import Any, Final

from functions.deny_pattern.check import CompiledPolicy, judge
from functions.deny_pattern.compiled import compile_policy
from functions.policy import Rule, load
from functions.verdict import Decision
from tests.bench.peers_home import Asked, prepare, seconds_of_peer
from tests.bench.report import Report, Unavailable, seconds_of
from tests.bench.rule_sets import policy_of, rules, text
from tests.functions.running import callout
from tests.support.streams import SEALER

_RULES: Final = (49, 270, 2_000)
_WITHOUT_MADE: Final = 200
"""More than the packs have."""
_WORDS: Final = (49, 1_000)
_NUMBER: Final = 200
_LANGUAGES: Final = ("zh", "en")
_TEXTS: Final = [text(language, 1_000) for language in _LANGUAGES]
_NOTE: Final = (
    "LLM Guard's Regex and LiteLLM stop at the first rule that hits; here all that hit are told. "
    "The texts hold nothing. Peers run without their model stacks, which this does not use."
)


@dataclass(frozen=True, slots=True)
class _Contest:
    """The peers by their names, the policy here, and what it says in the peers' words."""

    what: str
    peers: tuple[str, ...]
    policy: CompiledPolicy
    patterns: Sequence[str] = ()
    words: Sequence[str] = ()


def bench(report: Report) -> None:
    """All rows; a peer that does not run here is named, and the others go on."""
    try:
        prepare()
    except Unavailable as why:
        report.leave_out(f"all peers, which could not be installed: {why}")
        return
    report.note(_NOTE)
    for contest in (*map(_expressions, _RULES), *map(_words, _WORDS), _secrets()):
        for peer in contest.peers:
            _against(report, peer, contest)


def _against(report: Report, peer: str, contest: _Contest) -> None:
    """One peer, between two measurements of what is here, so that a busy machine slows both."""
    asked = Asked(contest.patterns, contest.words, _TEXTS, _NUMBER // 10)
    before = [_ours(contest.policy, each) for each in _TEXTS]
    try:
        theirs = seconds_of_peer(peer, asked)
    except Unavailable as why:
        report.leave_out(f"{peer}, {contest.what}: {why}")
        return
    after = [_ours(contest.policy, each) for each in _TEXTS]
    for language, seconds, first, second in zip(_LANGUAGES, theirs, before, after, strict=True):
        name = f"{peer}, {contest.what}, {language}"
        matching, whole = ((one + two) / 2 for one, two in zip(first, second, strict=True))
        for what, baseline, goal in (
            ("matching", matching, "no goal"),
            ("whole check", whole, "at least 15"),
        ):
            told = (f"{seconds * 1e6:.1f} µs", f"{what} {baseline * 1e6:.1f} µs")
            report.add(name, *told, seconds / baseline, goal)


def _ours(policy: CompiledPolicy, said: str) -> tuple[float, float]:
    """The seconds of the matching step, and of the whole check of a chat body."""
    message = {"model": "qwen-plus", "messages": [{"role": "user", "content": said}]}
    body = json.dumps(message, ensure_ascii=False).encode()
    checking = partial(judge, callout(), body, policy, SEALER)
    assert checking().decision is Decision.ALLOW
    matching, whole = seconds_of(partial(policy.matcher.hits, said), checking, number=_NUMBER)
    return matching, whole


def _expressions(count: int) -> _Contest:
    """So many rules that are one expression, in a syntax that Python reads as well.

    Those of the packs come first; what is missing is made.
    """
    fit = [rule for rule in rules(2 * count + _WITHOUT_MADE) if _is_plain(rule)][:count]
    assert len(fit) == count
    patterns = [rule.match.regex or "" for rule in fit]
    peers = ("LLM Guard Regex", "Presidio", "LiteLLM")
    return _Contest(f"{count:,} expressions", peers, policy_of(fit), patterns)


def _is_plain(rule: Rule) -> bool:
    match = rule.match
    return (
        match.regex is not None and not match.near and not match.words and r"\p" not in match.regex
    )


def _words(count: int) -> _Contest:
    """A rule for each of so many names of two words, as a list of substrings for peers."""
    random = Random(count)
    words = [
        " ".join("".join(random.choices(ascii_lowercase, k=6)) for _ in "ab") for _ in range(count)
    ]
    made = [
        {
            "id": f"word-{at}",
            "why": "a bench",
            "category": "bench",
            "match": {"words": [word], "ignore_case": True},
            "message": "found",
            "examples": {"find": [word], "pass": ["nothing"]},
        }
        for at, word in enumerate(words)
    ]
    peers = ("LLM Guard BanSubstrings", "LiteLLM")
    return _Contest(f"{count:,} words", peers, _policy(rules=made), words=words)


def _secrets() -> _Contest:
    """The pack against the scanner's own rules: not the same ones, but for the same purpose."""
    policy = _policy(packs=[{"pack": "secrets"}])
    what = f"its own rules, {len(policy.policy.rules)} here"
    return _Contest(what, ("LLM Guard Secrets",), policy)


def _policy(**said: Any) -> CompiledPolicy:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.yaml"
        # YAML reads JSON.
        path.write_text(json.dumps({"policy": "bench", "description": "a bench", **said}))
        return compile_policy(load(path), "bench")
