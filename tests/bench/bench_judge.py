"""What llm-guard adds to its judge, under little, much and far too much load; what turns cost."""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any, Final

from functions.llm_guard.check import compile_policy, judge
from functions.llm_guard.endpoint import Endpoint
from functions.llm_guard.gate import Gate
from functions.llm_guard.hits import Means
from functions.llm_guard.judges import Judges
from functions.llm_guard.memory import Memory
from functions.llm_guard.metrics import Meter
from functions.llm_guard.pieces import Piece
from functions.llm_guard.prompt import Questions, built_in
from functions.policy import Category, Language, load
from functions.verdict.contract import VERDICT_PATH
from tests.bench.least_function import least
from tests.bench.mesh_stage import cpu_us
from tests.bench.offered import Call, give_way, offer, slow_judge
from tests.bench.report import Report, Unavailable
from tests.functions.running import Function, callout, chat, running, signed
from tests.support.judge_in_memory import JudgeInMemory, ReplyInMemory, says, settings
from tests.support.streams import SEALER

_ROUNDS: Final = 5
_QUICK_MS: Final = 20
_MODEL_MS: Final = 500
"""A small model on a GPU takes about so long for a verdict of some 40 tokens."""
_IN_FLIGHT: Final = 200
_TURNS: Final = 40
_QUESTION: Final = "Could you say how this is meant, and what we should do about it next? " * 3
_ANSWER: Final = (
    "It depends on what you want to reach. One way is to write the plan down first. " * 10
)
_TOKEN_CHARS: Final = 4
_NOTE: Final = "Callers and judge are in C; functions run when they do not (the lowest priority)."
_POLICY: Final = Path(__file__).parents[2] / "functions" / "policies" / "default.yaml"


def bench(report: Report) -> None:
    """Median added, throughput kept, excess refused, tokens of a conversation."""
    try:
        _loads(report)
    except Unavailable as why:
        report.leave_out(f"all that is loaded: {why}")
    report.note(_NOTE)
    _conversation(report)


def _loads(report: Report) -> None:
    with slow_judge(_QUICK_MS, 1000) as port:
        with _guard(port) as one, _guard(port) as other:
            for connections, count in ((1, 100), (32, 2000)):
                _added(report, port, one, connections, count)
            # As s.yaml deploys it: an instance is given 100 calls, so 200 are two instances.
            _kept(report, port, [one, other], _QUICK_MS, 8000, "at least 0.80")
        with _guard(port, _IN_FLIGHT) as guard:
            _kept(report, port, [guard], _QUICK_MS, 4000, "no goal")
        with least(port) as (process, relay):
            _relayed(report, process, relay, 4000)
    with slow_judge(_MODEL_MS, 1000) as port, _guard(port, _IN_FLIGHT) as guard:
        _kept(report, port, [guard], _MODEL_MS, 1000, "no goal")
    with slow_judge(1000, 200) as port:
        with _guard(port, _IN_FLIGHT) as guard:
            _overload(report, guard, "", "at most 2")
        with _guard(port, _IN_FLIGHT, wait_ms=10_000) as guard:
            _overload(report, guard, ", which may wait up to 10 s", "no goal")


@contextmanager
def _guard(judge_port: int, calls_max: int = 100, wait_ms: int = 0) -> Iterator[Function]:
    """llm-guard as a process before that judge; 100 calls at once are what one is given."""
    environment = {
        "MESHWARD_JUDGE_URL": f"http://127.0.0.1:{judge_port}/v1",
        "MESHWARD_JUDGE_MODEL": "slow",
        "MESHWARD_JUDGE_CALLS_MAX": str(calls_max),
    }
    if wait_ms:
        environment["MESHWARD_JUDGE_WAIT_MS_MAX"] = str(wait_ms)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        # What it says of each verdict is of no use here.
        with (
            redirect_stdout(StringIO()),
            running("functions.llm_guard.handler", log, environment) as function,
        ):
            give_way(function.process.pid)
            yield function


_texts: Final = iter(range(10**9))


def _callouts(count: int) -> list[bytes]:
    """Signed callouts, each with another text, so that none is remembered."""
    calls = []
    for _ in range(count):
        body = chat(f"{_QUESTION} {next(_texts)}")
        calls.append(_post(VERDICT_PATH, signed(callout(deadline_ms=10_000), body), body))
    return calls


def _questions(count: int) -> list[bytes]:
    """The same questions as llm-guard puts them, for the judge itself."""
    category = Category(id="personal-data", description="data that identifies a person")
    piece = Piece("user", _QUESTION)
    asked = Questions([category], built_in(Language.EN)).about([piece], "0" * 64)
    body = b'{"model":"slow","messages":%b}' % asked.messages
    return [_post("/v1/chat/completions", [("content-type", "application/json")], body)] * count


def _post(path: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _port(guard: Function) -> int:
    return guard.client.base_url.port or 0


def _added(report: Report, port: int, guard: Function, connections: int, count: int) -> None:
    """What llm-guard adds to its judge's median, in turns."""
    added = []
    for _ in range(_ROUNDS):
        direct, _seconds = offer(port, _questions(count), connections)
        guarded, _seconds = offer(_port(guard), _callouts(count), connections)
        assert {call.verdict for call in guarded} == {"allow"}
        added.append(_median(guarded) - _median(direct))
    what = f"added to the judge's median, {connections} in flight"
    report.add(what, f"{median(added) * 1e3:.2f} ms", "direct", None, "at most 3 ms")


def _kept(
    report: Report,
    port: int,
    guards: Sequence[Function],
    milliseconds: int,
    count: int,
    goal: str,
) -> None:
    """How many calls a second llm-guard carries, against its judge alone and against the clock."""
    rates, kept, busy = [], [], []
    ports = [_port(guard) for guard in guards]
    for _ in range(_ROUNDS):
        _calls, seconds = offer(port, _questions(count), _IN_FLIGHT)
        calls, before = _callouts(count), _cpu_us(guards)
        guarded, guarded_seconds = offer(ports, calls, _IN_FLIGHT)
        assert {call.verdict for call in guarded} == {"allow"}
        busy.append((_cpu_us(guards) - before) / count)
        rates.append(count / guarded_seconds)
        kept.append(seconds / guarded_seconds)
    where = "one process" if len(guards) == 1 else f"{len(guards)} instances"
    what = f"calls per second, {_IN_FLIGHT} in flight in {where}, a judge of {milliseconds} ms"
    rate, ideal = median(rates), _IN_FLIGHT / (milliseconds / 1000)
    measured = f"{rate:.0f}/s, {median(busy):.0f} µs of CPU each"
    report.add(what, measured, "the judge, direct", median(kept), "no goal")
    report.add(what, measured, f"ideal {ideal:.0f}/s", rate / ideal, goal)


def _cpu_us(guards: Sequence[Function]) -> float:
    return sum(cpu_us(guard.process.pid) for guard in guards)


def _relayed(report: Report, process: int, relay: int, count: int) -> None:
    """What the least function carries that asks the same judge."""
    give_way(process)
    rates, busy = [], []
    for _ in range(_ROUNDS):
        calls, before = _callouts(count), cpu_us(process)
        rates.append(count / offer(relay, calls, _IN_FLIGHT)[1])
        busy.append((cpu_us(process) - before) / count)
    rate, ideal = median(rates), _IN_FLIGHT / (_QUICK_MS / 1000)
    what = f"the same with a judge of {_QUICK_MS} ms: the least function, one process"
    measured = f"{rate:.0f}/s, {median(busy):.0f} µs of CPU each"
    report.add(what, measured, f"ideal {ideal:.0f}/s", rate / ideal, "no goal")


def _median(calls: Sequence[Call]) -> float:
    return median(call.seconds for call in calls)


def _overload(report: Report, guard: Function, waits: str, goal: str) -> None:
    """Far more calls than the judge takes, all at once."""
    offer(_port(guard), _callouts(40), 40)
    before = len(guard.lines("verdict"))
    calls, _ = offer(_port(guard), _callouts(5000), 5000)
    accepted = [call.seconds for call in calls if call.verdict == "allow"]
    refused = [call.seconds for call in calls if call.verdict == "deny"]
    assert len(accepted) + len(refused) == len(calls)
    lines = guard.lines("verdict")[before:]
    own = [line["ms"] / 1000 for line in lines if line["decision"] == "allow"]
    what = f"5,000 at once{waits}, the judge takes 200: p99 of the {len(accepted)} accepted"
    p99, seen = (quantiles(seconds, n=100)[98] for seconds in (own, accepted))
    report.add(f"{what}, in llm-guard", f"{p99:.2f} s", "judge 1.00 s", p99, goal)
    what = "the same as the callers see it, who wait for 5,000 to be read"
    report.add(what, f"{seen:.2f} s", "judge 1.00 s", seen, "no goal")
    last = max(refused)
    what = f"the other {len(refused)}, refused: the last of them after"
    report.add(what, f"{last:.2f} s", "deadline 10 s", last / 10, "below 1")


def _conversation(report: Report) -> None:
    """A conversation judged turn by turn, against its final state judged once."""
    said = [text for _ in range(_TURNS) for text in (_QUESTION, _ANSWER)]
    said = [f"{number}: {text}" for number, text in enumerate(said)]
    turns = [_history(said[: 2 * turn + 1]) for turn in range(_TURNS)]
    by_turn, whole = asyncio.run(_tokens(turns)), asyncio.run(_tokens(turns[-1:]))
    report.add(
        f"tokens of {_TURNS} turns, each 280 tokens, judged turn by turn",
        f"{by_turn}",
        f"once {whole}",
        by_turn / whole,
        "at most 3",
    )


def _history(said: Sequence[str]) -> bytes:
    roles = ("user", "assistant")
    messages = [{"role": roles[index % 2], "content": text} for index, text in enumerate(said)]
    return json.dumps({"model": "m", "messages": messages}).encode()


async def _tokens(bodies: Sequence[bytes]) -> int:
    """What the judge is sent for these messages, in tokens of four characters."""
    transport = JudgeInMemory(_allow)
    judges = Judges(
        [Endpoint(settings(), transport)], Gate(10, 10), Meter(), lambda *_: None, Random(1)
    )
    means = Means(
        judges,
        Memory(b"a key of 16 bytes", 10_000, Meter()),
        lambda: "0" * 64,
        Random(1).random,
        SEALER,
    )
    policy = compile_policy(load(_POLICY), "r1")
    for body in bodies:
        verdict = await judge(callout(), body, policy, means, 10.0)
        assert verdict.reason == "judge.cleared"
    return (
        sum(len(message["content"]) for asked in transport.asked for message in asked["messages"])
        // _TOKEN_CHARS
    )


async def _allow(document: dict[str, Any]) -> ReplyInMemory:
    return says(document)
