"""The whole check of deny-pattern: strict parsing, extraction, readings, matching, the verdict."""

import json
import tempfile
from functools import partial
from pathlib import Path
from time import process_time
from typing import Final

from functions.deny_pattern.check import CompiledPolicy, judge
from functions.deny_pattern.compiled import compile_policy, forms, ready
from functions.policy import PolicyFile, load
from functions.policy.compiling import compile_here
from functions.policy.engine import Matcher
from functions.policy.load import PACKS
from functions.verdict import Decision
from tests.bench.report import Report, seconds_of
from tests.bench.rule_sets import rules, text
from tests.functions.running import callout
from tests.support.streams import SEALER

_MESSAGES: Final = 40
_HOSTILE: Final = {
    "Base64": "aGVsbG8gd29ybGQgZm9v ",
    "URL escapes": "%E8%B4%A6 ",
    "words of code": "camelCase snake_case2 fooBar ",
    "traditional characters": "訂單編號與帳篷型號是什麼？",
    "Vietnamese": "Việt Nam và Pháp: cà phê sữa đá, bánh mì ",
    "invisible characters": "账\u200b",
    "marks": "a\u0301\u0323",
    "letters apart": "a b c d e f g h ",
    "numbers": "13800138000 ",
}


def bench(report: Report) -> None:
    """Ordinary messages with all packs, a conversation, and 1 MB of what is hard to read."""
    policy = _everything()
    said = _chat(text("en", 980) + " see camelCase")
    (seconds,) = seconds_of(partial(judge, callout(), said, policy, SEALER), number=200)
    what = "whole check, 1 KB en with one word that may be Base64"
    report.add(what, f"{seconds * 1e6:.1f} µs", "", None, "no goal")
    for language in ("zh", "en"):
        for size, number in ((1_000, 200), (100_000, 3)):
            body = _chat(text(language, size))
            (seconds,) = seconds_of(partial(judge, callout(), body, policy, SEALER), number=number)
            goal = "at most 60 µs" if size == 1_000 else "no goal"
            what = f"whole check, 89 rules, {size // 1000} KB {language}"
            report.add(what, f"{seconds * 1e6:.1f} µs", "", None, goal)
    _conversation(report, policy)
    _by_rules(report)
    for name, piece in _HOSTILE.items():
        body = _chat(piece * (1_000_000 // len(piece.encode())))[:1_048_576]
        start = process_time()
        judge(callout(), body, policy, SEALER)
        seconds = process_time() - start
        what = f"whole check, 1 MB of {name}"
        report.add(what, f"{seconds * 1e3:.0f} ms of CPU", "", None, "no goal")


def _conversation(report: Report, policy: CompiledPolicy) -> None:
    said = [text("en", 1_000) for _ in range(_MESSAGES)]
    bodies = [_chat(*said), _chat(said[0]), _chat(" ".join(said))]
    seconds = seconds_of(
        *(partial(judge, callout(), body, policy, SEALER) for body in bodies), number=3
    )
    conversation, *others = (each / len(body) for each, body in zip(seconds, bodies, strict=True))
    baselines = (("one call of 1 KB", "at most 1"), ("one message of 40 KB", "no goal"))
    for (baseline, goal), each, other in zip(baselines, seconds[1:], others, strict=True):
        report.add(
            f"a conversation of {_MESSAGES} messages of 1 KB, by the byte, against {baseline}",
            f"{seconds[0] * 1e6:.0f} µs",
            f"{each * 1e6:.0f} µs",
            conversation / other,
            goal,
        )


def _by_rules(report: Report) -> None:
    """What more rules cost a call, of which matching is a part."""
    few, many = _policy(10), _policy(2000)
    for language in ("zh", "en"):
        for size, number in ((1_000, 200), (100_000, 3)):
            body = _chat(text(language, size))
            ten, thousands = seconds_of(
                partial(judge, callout(), body, few, SEALER),
                partial(judge, callout(), body, many, SEALER),
                number=number,
            )
            report.add(
                f"whole check, 2,000 rules against 10, {size // 1000} KB {language}",
                f"{thousands * 1e6:.1f} µs",
                f"{ten * 1e6:.1f} µs",
                thousands / ten,
                "at most 2",
            )


def _policy(count: int) -> CompiledPolicy:
    """A policy of so many rules, which are not held to their examples."""
    chosen = rules(count)
    policy = PolicyFile(policy="bench", description="rules for a bench")
    matcher = Matcher(chosen, forms, compiler=compile_here)
    return ready(policy.model_copy(update={"rules": tuple(chosen)}), "bench", matcher)


def _chat(*contents: str) -> bytes:
    messages = [{"role": "user", "content": content} for content in contents]
    document = {"model": "qwen-plus", "messages": messages, "temperature": 0.7}
    return json.dumps(document, ensure_ascii=False).encode()


def _everything() -> CompiledPolicy:
    packs = ", ".join(f"{{pack: {path.stem}}}" for path in sorted(PACKS.glob("*.yaml")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.yaml"
        path.write_text(f"policy: bench\ndescription: every pack\npacks: [{packs}]\n")
        policy = compile_policy(load(path), "bench")
    verdict = judge(callout(), _chat("hello"), policy, SEALER)
    assert verdict.decision is Decision.ALLOW
    return policy
