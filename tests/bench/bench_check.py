"""The whole check of deny-pattern: strict parsing, extraction, readings, matching, the verdict."""

import json
import tempfile
from functools import partial
from itertools import count
from pathlib import Path
from time import process_time
from typing import Final

from functions.deny_pattern.check import CompiledPolicy, judge
from functions.deny_pattern.compiled import compile_policy
from functions.policy import load
from functions.policy.load import PACKS
from functions.verdict import Decision
from tests.bench.hostile import bodies
from tests.bench.report import Report, seconds_of
from tests.bench.rule_sets import policy_of, rules, text
from tests.functions.running import callout
from tests.support.streams import SEALER

_MESSAGES: Final = 40
_ODD: Final = {
    "one word that may be Base64": " see camelCase",
    "a hash": " 3f786850e387550fdab836ed7e6dc881de23001b",
    "an address with an escape": " https://example.com/a%20b?c=d&e=f",
    "an accent": " café",
}


def bench(report: Report) -> None:
    """Ordinary messages with all packs, a conversation, and 1 MB of what is hard to read."""
    policy = _everything()
    for what, odd in _ODD.items():
        said = _chat(text("en", 980) + odd)
        (seconds,) = seconds_of(partial(judge, callout(), said, policy, SEALER), number=200)
        report.add(
            f"whole check, 1 KB en with {what}", f"{seconds * 1e6:.1f} µs", "", None, "no goal"
        )
    for language in ("zh", "en"):
        for size, number in ((1_000, 200), (100_000, 3)):
            body = _chat(text(language, size))
            (seconds,) = seconds_of(partial(judge, callout(), body, policy, SEALER), number=number)
            goal = "at most 60 µs" if size == 1_000 else "no goal"
            what = f"whole check, {len(policy.policy.rules)} rules, {size // 1000} KB {language}"
            report.add(what, f"{seconds * 1e6:.1f} µs", "", None, goal)
    _first_of_its_form(report, policy)
    _conversation(report, policy)
    _by_rules(report)
    for name, body in bodies():
        seconds = min(_cpu_seconds(body, policy) for _ in range(2))
        what = f"whole check, {name}, by the MB"
        report.add(what, f"{seconds * 1e9 / len(body):.0f} ms of CPU", "", None, "at most 300 ms")


def _cpu_seconds(body: bytes, policy: CompiledPolicy) -> float:
    start = process_time()
    judge(callout(), body, policy, SEALER)
    return process_time() - start


def _first_of_its_form(report: Report, policy: CompiledPolicy) -> None:
    """What a call costs of whose form none came before: each has another number in its settings."""
    for language in ("zh", "en"):
        said = _chat(text(language, 1_000))
        bodies = (said.replace(b'"temp', b'"seed":%d,"temp' % number) for number in count(1))
        verdicts = map(partial(judge, callout(), compiled=policy, sealing=SEALER), bodies)
        (seconds,) = seconds_of(partial(next, verdicts), number=200)
        what = f"whole check, {len(policy.policy.rules)} rules, 1 KB {language}, first of its form"
        report.add(what, f"{seconds * 1e6:.1f} µs", "", None, "at most 60 µs")


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
    few, many = policy_of(rules(10)), policy_of(rules(2000))
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
