"""What matching costs: against a C loop, by the number of rules, and the worst a rule can do."""

from functools import partial
from random import Random
from time import process_time
from typing import Final

from functions.deny_pattern.compiled import forms
from functions.policy.compiling import compile_here
from functions.policy.engine import Matcher
from functions.policy.patterns import patterns_of
from tests.bench.c_loop import CLoop, Text
from tests.bench.report import Report, Unavailable, seconds_of
from tests.bench.rule_sets import rules, text

_COUNTS: Final = (49, 270, 2000)
_SIZES: Final = ((1_000, 1000), (100_000, 15))
_TEXTS: Final = [
    (f"{size // 1000} KB {language}", size, Text(text(language, size).encode(), number))
    for size, number in _SIZES
    for language in ("zh", "en")
]


def bench(report: Report) -> None:
    """All rows about matching."""
    few = _matcher(10)
    for count in _COUNTS:
        matcher = _matcher(count)
        _against_c(report, matcher, count)
    for name, _, each in _TEXTS:
        text, data = each.data.decode(), each.data
        ten, many = seconds_of(
            partial(few.hits, text, None, data),
            partial(matcher.hits, text, None, data),
            number=each.count,
        )
        what = f"matching, 2,000 rules against 10, {name}"
        report.add(what, f"{many * 1e6:.1f} µs", f"{ten * 1e6:.1f} µs", many / ten, "at most 2")
    _worst(report)


def _matcher(count: int) -> Matcher:
    return Matcher(rules(count), forms, compiler=compile_here)


def _expressions(count: int) -> list[str]:
    """The common database of so many rules: what every text is scanned for."""
    patterns = patterns_of(rules(count), forms)
    return [each.first or each.main for each in patterns]


def _against_c(report: Report, matcher: Matcher, count: int) -> None:
    """The matcher before and after the C loop, so that a busy machine slows both."""
    texts = [each for _, _, each in _TEXTS]
    before = [_seconds(matcher, each) for each in texts]
    try:
        loop = CLoop(_expressions(count))
        scans = [loop.scan(texts), loop.scan(texts, "sse")]
    except Unavailable as why:
        report.leave_out(str(why))
        return
    after = [_seconds(matcher, each) for each in texts]
    seconds = [(first + second) / 2 for first, second in zip(before, after, strict=True)]
    for of, loops, goals in (
        ("a C loop", scans[0], {1_000: "at least 0.70", 100_000: "at least 0.85"}),
        ("a C loop for SSE", scans[1], {}),
    ):
        for (what, size, each), python, c in zip(_TEXTS, seconds, loops, strict=True):
            report.add(
                f"matching, {count} rules, {what}, in speed of {of}",
                f"{python * 1e6:.2f} µs, {len(each.data) / python / 1e6:.0f} MB/s",
                f"{c * 1e6:.2f} µs",
                c / python,
                goals.get(size, "no goal"),
            )


def _seconds(matcher: Matcher, each: Text) -> float:
    """The text is at hand as bytes as well, as the check has it and the C loop."""
    text, data = each.data.decode(), each.data
    (seconds,) = seconds_of(partial(matcher.hits, text, None, data), number=each.count)
    return seconds


def _worst(report: Report) -> None:
    """The longest that any rule of the packs takes on 100 KB that was made to keep it busy."""
    slowest, name = 0.0, ""
    chosen = [rule for rule in rules(2000) if not rule.id.startswith("made-")]
    for rule in chosen:
        matcher = Matcher([rule], forms, compiler=compile_here)
        matcher.hits(rule.examples.find[0])  # RE2 compiles with the first find.
        for data in _hostile(rule.examples.find[0]):
            seconds = min(_once(matcher, data) for _ in range(2))
            if seconds > slowest:
                slowest, name = seconds, rule.id
    what = f"slowest of {len(chosen)} rules on 100 KB made for it ({name})"
    report.add(what, f"{slowest * 1e3:.2f} ms", "", None, "at most 5 ms of CPU")


def _once(matcher: Matcher, data: str) -> float:
    start = process_time()
    matcher.hits(data)
    return process_time() - start


def _other_digits(example: str, random: Random) -> str:
    return "".join(random.choice("0123456789") if at.isdigit() else at for at in example) + "\n"


def _hostile(example: str) -> list[str]:
    """100 KB of a find, also with other digits each time, of beginnings of finds, of its alphabet,
    and of single characters."""
    random = Random(1)
    size = 100_000
    alphabet = sorted(set(example))
    half = example[: max(1, len(example) // 2)]
    almost = example[:-1]
    texts = [
        (example * size)[:size],
        (example + "\n") * (size // (len(example) + 1)),
        "".join(_other_digits(example, random) for _ in range(size // len(example))),
        (half * size)[:size],
        ((almost + " ") * size)[:size],
        "".join(random.choices(alphabet, k=size)),
        alphabet[-1] * size,
        "1" * size,
        "1 " * (size // 2),
    ]
    return [each.encode()[:size].decode("utf-8", "ignore") for each in texts]
