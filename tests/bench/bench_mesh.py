"""What the shim costs a call, against plain Envoy and against what else asks a check in Envoy.

Rates are calls for each second of CPU time, of Envoy's one worker (mesh_stage.py); what wrk saw on
this machine at the time stands behind them. Ratios are medians over rounds, each round's own, with
the smallest and the largest. Latencies are the best of their rounds' medians.
"""

import json
from collections.abc import Sequence
from itertools import product
from statistics import median
from typing import Final

from mesh.shim.build import build
from tests.bench import mesh_weight
from tests.bench.mesh_backend import SLOW_MS
from tests.bench.mesh_paths import CHAT, MODELS, PROVIDER, STREAMS
from tests.bench.mesh_stage import EVENT_MS, EVENTS, EXT_PROC_MISSING, Stage, Turn, stage
from tests.bench.report import Report
from tests.bench.sse import first_token
from tests.bench.wrk import MISSING, available, wrk

_ROUNDS: Final = 5
_SIZES: Final = (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000)
_SIZE_ROUNDS: Final = 3
_STREAMS: Final = 10

Turns = dict[str, list[Turn]]


def bench(report: Report) -> None:
    """Rates, latencies by body size, and what the plugin weighs."""
    shim = build()
    mesh_weight.bench(report, shim)
    if not available():
        report.leave_out(MISSING)
        return
    with stage(shim) as on_stage:
        _rates(report, on_stage)
        _two_checks(report, on_stage)
        _replies(report, on_stage)
        _sizes(report, on_stage)


def _rates(report: Report, on_stage: Stage) -> None:
    """Every way in turns: without a body those that need none, with 1 KB all others."""
    asking = ["plain", "check", "hold", "cached", "holding", "asking", "ext_authz", "lua"]
    if "ext_proc" in on_stage.ports:
        asking.append("ext_proc")
    else:
        report.leave_out(EXT_PROC_MISSING)
    bare: Turns = {"plain": [], "empty": [], "injecting": [], "check": []}
    chat: Turns = {way: [] for way in asking}
    with wrk(PROVIDER, MODELS, b"") as get, wrk(PROVIDER, CHAT, _body(1_000)) as post:
        for _ in range(_ROUNDS):
            for (way, turns), load in (
                *product(bare.items(), [get]),
                *product(chat.items(), [post]),
            ):
                turns.append(on_stage.turn(way, load))
    key, plain = bare["check"], bare["plain"]
    _compare(report, "key injection alone, no body", key, "plain Envoy", plain, "at least 0.97")
    least = bare["injecting"]
    _compare(report, "the least plugin that sets a key", least, "plain Envoy", plain, "no goal")
    _compare(report, "a plugin that does nothing", bare["empty"], "plain Envoy", plain, "no goal")
    one = "one check, 1 KB"
    for way, name, goal in (
        ("ext_authz", "ext_authz", "at least 1"),
        ("lua", "Lua filter", "at least 1"),
        ("ext_proc", "ext_proc in Python", "clearly ahead"),
        ("plain", "plain Envoy", "no goal"),
    ):
        if way in chat:
            _compare(report, one, chat["check"], name, chat[way], goal)
    authz = chat["ext_authz"]
    for name, others in (("ext_authz", authz), ("Lua filter", chat["lua"])):
        _compare(report, "the least plugin that asks", chat["asking"], name, others, "no goal")
    _compare(report, f"{one}, form hold", chat["hold"], "ext_authz", authz, "no goal")
    for what, way in (("a cached allow", "cached"), ("the least plugin that holds", "holding")):
        _compare(report, what, chat[way], "plain Envoy", chat["plain"], "no goal")
    shares = _ratios(chat["cached"], chat["plain"])
    injection = _ratios(key, plain)
    report.add(
        "a cached allow, as a share of plain Envoy",
        f"{median(shares):.2f}",
        f"key injection {median(injection):.2f}",
        median(shares) / median(injection),
        "at least 0.85",
    )


def _compare(
    report: Report, what: str, turns: Sequence[Turn], name: str, base: Sequence[Turn], goal: str
) -> None:
    ratios = _ratios(turns, base)
    spread = f"{min(ratios):.2f}–{max(ratios):.2f}"
    report.add(what, _rate(turns), f"{name} {_rate(base)}", median(ratios), f"{goal} ({spread})")


def _ratios(turns: Sequence[Turn], base: Sequence[Turn]) -> list[float]:
    pairs = zip(turns, base, strict=True)
    return [turn.per_busy_second / other.per_busy_second for turn, other in pairs]


def _rate(turns: Sequence[Turn]) -> str:
    busy = median(turn.per_busy_second for turn in turns)
    seen = median(turn.run.per_second for turn in turns)
    return f"{busy:,.0f}/s (wrk {seen:,.0f})"


def _two_checks(report: Report, on_stage: Stage) -> None:
    """One caller, so that nothing queues; checks that take their time, and ones that take none."""
    ways = ("slow", "two-slow", "check", "two")
    turns: Turns = {way: [] for way in ways}
    with wrk(PROVIDER, CHAT, _body(1_000)) as load:
        for _, way in product(range(_SIZE_ROUNDS), ways):
            turns[way].append(on_stage.turn(way, load, connections=1))
    for one, two, what, goal in (
        ("slow", "two-slow", f"checks of {SLOW_MS} ms", "at most 1.15"),
        ("check", "two", "checks that answer at once", "no goal"),
    ):
        single, double = _p50(turns[one]), _p50(turns[two])
        report.add(
            f"latency of two {what}",
            f"{double:.2f} ms",
            f"one {single:.2f} ms",
            double / single,
            goal,
        )


def _replies(report: Report, on_stage: Stage) -> None:
    """One caller; what a check of the response adds, to a whole answer and to a stream."""
    turns: Turns = {"plain": [], "reply": []}
    streamed: dict[str, list[tuple[float, float]]] = {"plain": [], "reply": []}
    with wrk(PROVIDER, CHAT, _body(1_000)) as load:
        for _, way in product(range(_SIZE_ROUNDS), turns):
            turns[way].append(on_stage.turn(way, load, connections=1))
    for _, way in product(range(_STREAMS), streamed):
        streamed[way].append(first_token(on_stage.ports[way], STREAMS, CHAT))
    plain, checked = _p50(turns["plain"]), _p50(turns["reply"])
    report.add(
        "a whole answer, checked",
        f"{checked:.2f} ms",
        f"plain {plain:.2f} ms",
        checked / plain,
        "no goal",
    )
    for index, what, goal in (
        (0, "first token of a stream, checked", "within one window, 200 ms"),
        (1, f"its end, {EVENTS} events {EVENT_MS} ms apart", "no goal"),
    ):
        plain, checked = (
            median(times[index] for times in streamed[way]) * 1000 for way in ("plain", "reply")
        )
        report.add(what, f"{checked:.1f} ms", f"plain {plain:.1f} ms", checked / plain, goal)


def _sizes(report: Report, on_stage: Stage) -> None:
    """One caller; what a check adds to the median of plain Envoy, by the size of the body."""
    for size in _SIZES:
        turns: Turns = {way: [] for way in ("plain", "check", "ext_authz")}
        with wrk(PROVIDER, CHAT, _body(size)) as load:
            for _, way in product(range(_SIZE_ROUNDS), turns):
                turns[way].append(on_stage.turn(way, load, connections=1))
        plain = _p50(turns["plain"])
        shim, authz = _p50(turns["check"]) - plain, _p50(turns["ext_authz"]) - plain
        report.add(
            f"latency added by a check, {size // 1000:,} KB",
            f"{shim:.2f} ms",
            f"ext_authz {authz:.2f} ms; plain {plain:.2f} ms",
            shim / authz,
            "no goal",
        )


def _p50(turns: Sequence[Turn]) -> float:
    """Milliseconds; a round that somebody disturbed is not the fastest."""
    return min(turn.run.p50 for turn in turns) / 1000


def _body(size: int) -> bytes:
    """A chat request of exactly `size` bytes."""
    message = {"model": "qwen-plus", "messages": [{"role": "user", "content": ""}]}
    message["messages"] = [{"role": "user", "content": "x" * (size - len(json.dumps(message)))}]
    return json.dumps(message).encode()
