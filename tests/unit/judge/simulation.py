"""A day of llm-guard in virtual time, drawn from a seed, and what must hold of it all the same.

    seed ──▶ weather of two judges   calm · spikes · outage · half-open · drip · errors · crossed …
         ──▶ weather of the cache    calm · slow · down · lost · noise · swapped
         ──▶ callers                 at any time, with any deadline; some give up
    every call ──judge()──▶ verdict ──▶ checked against what the judges really said

The judges are honest where they answer: what holds the word of a secret is flagged, all else is
cleared. So a wrong verdict is always llm-guard's doing.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from typing import Any, Final

from functions.llm_guard.check import JudgedPolicy, judge
from functions.llm_guard.endpoint import Endpoint
from functions.llm_guard.gate import Gate
from functions.llm_guard.hits import Means
from functions.llm_guard.http import BrokenOff, Unreachable
from functions.llm_guard.judges import Judges
from functions.llm_guard.memory import Memory
from functions.llm_guard.metrics import Meter
from functions.llm_guard.settings import AnswerForm
from functions.verdict import Decision, Reason, Verdict
from tests.support.judge_answers import canary_of, clears, completion, flags
from tests.support.judge_in_memory import JudgeInMemory, ReplyInMemory, response, says, settings
from tests.support.streams import SEALER
from tests.unit.checks.conftest import callout, chat

SECONDS: Final = 120.0
CALLS: Final = 150
LATE_SECONDS: Final = 0.010
SECRET: Final = "a word of a secret"
MARK: Final = re.compile(r"caller-\d+-")
_FAILURES: Final = (Reason.JUDGE_TIMEOUT, Reason.JUDGE_UNAVAILABLE, Reason.JUDGE_MALFORMED)
_JUDGE_WEATHER: Final = (
    *("calm", "calm", "spikes", "outage", "half-open", "drip", "errors", "throttled"),
    *("broken", "crossed", "nonsense"),
)
_CACHE_WEATHER: Final = ("calm", "calm", "slow", "down", "lost", "noise", "swapped")
_BREAKS: Final = {
    "outage": Unreachable,
    "broken": BrokenOff,
}


@dataclass(frozen=True, slots=True)
class Weather:
    """What kind it is from which second on."""

    changes: tuple[tuple[float, str], ...]

    @classmethod
    def drawn(cls, random: Random, kinds: Sequence[str]) -> "Weather":
        changes, at = [], 0.0
        while at < SECONDS:
            changes.append((at, random.choice(kinds)))
            at += random.uniform(2, 15)
        return cls(tuple(changes))

    def now(self) -> str:
        time = asyncio.get_running_loop().time()
        for (begins, kind), (ends, _) in pairwise((*self.changes, (float("inf"), ""))):
            if begins <= time < ends:
                return kind
        raise AssertionError("the weather begins at 0")


class SimulatedJudge:
    """Honest where it answers; how it answers is the weather's."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._weather = Weather.drawn(random, _JUDGE_WEATHER)
        self._other_canary = "0" * 16
        self.cleared: set[str] = set()

    async def behave(self, document: dict[str, Any]) -> ReplyInMemory:
        random, asked = self._random, document["messages"][1]["content"]
        marks = set(MARK.findall(asked))
        assert len(marks) == 1, f"a question holds texts of several callers: {marks}"
        await asyncio.sleep(random.uniform(0.02, 0.2))
        opinion = clears()
        if SECRET in asked:
            opinion = flags("personal-data", "it holds something")
        said = says(document, opinion)
        weather = self._weather.now()
        if weather in _BREAKS:
            raise _BREAKS[weather](weather)
        match weather:
            case "spikes":
                await asyncio.sleep(random.expovariate(1.0))
            case "half-open":
                await asyncio.sleep(10_000)
            case "drip":
                return Drip(random)
            case "errors":
                return response(random.choice((500, 502, 503, 504)))
            case "throttled":
                return response(429, headers={"retry-after": str(random.choice((0, 1, 30)))})
            case "crossed":
                # The answer to somebody else's question, as a broken gateway gives it.
                mine, other = canary_of(document), self._other_canary
                self._other_canary = mine
                if other != mine:  # A hedge asks the same twice.
                    crossed = {"canary": other, **clears()}
                    return response(200, completion(json.dumps(crossed)))
            case "nonsense":
                return response(200, completion(random.choice(("allow", "{}", "", "[1]"))))
            case _:
                pass
        if opinion["verdict"] == "allow":
            self.cleared |= marks
        return said


class Drip(ReplyInMemory):
    """A reply that goes on coming, a little at a time."""

    def __init__(self, random: Random) -> None:
        super().__init__(200, b"", {"content-type": "application/json"})
        self._random = random

    async def read(self) -> bytes:
        for _ in range(10_000):
            await asyncio.sleep(self._random.uniform(0.1, 1.0))
        raise AssertionError("it was waited for")


class SimulatedCache:
    """A shared cache that forgets, dawdles, fails and answers with what was kept for others."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._weather = Weather.drawn(random, _CACHE_WEATHER)
        self._values: dict[bytes, bytes] = {}

    async def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        await self._suffer()
        match self._weather.now():
            case "noise":
                return [self._random.randbytes(self._random.randrange(40)) for _ in keys]
            case "swapped" if self._values:
                return [self._random.choice([*self._values.values()]) for _ in keys]
            case _:
                return [self._values.get(key) for key in keys]

    async def put(self, values: Mapping[bytes, bytes], seconds: int) -> None:
        assert seconds > 0
        await self._suffer()
        self._values |= values

    async def close(self) -> None:
        pass

    async def _suffer(self) -> None:
        match self._weather.now():
            case "slow":
                await asyncio.sleep(10_000)
            case "down":
                raise ConnectionError("the cache is down")
            case "lost":
                self._values.clear()
            case _:
                await asyncio.sleep(0.001)


@dataclass(frozen=True, slots=True)
class Call:
    """One caller's call and what came of it; no verdict where it gave up."""

    mark: str
    secret: bool
    lenient: bool
    seconds: float
    took: float
    verdict: Verdict | None


@dataclass
class Run:
    """A simulated day, to be checked."""

    calls: list[Call] = field(default_factory=list)
    cleared: set[str] = field(default_factory=set)
    inside: int = 0
    tasks_left: int = 0

    def check(self) -> None:
        """Assert all that must hold."""
        for call in self.calls:
            assert call.took <= call.seconds + LATE_SECONDS, f"{call.mark} was late"
            if call.verdict is not None:
                self._check_verdict(call, call.verdict)
        assert self.inside == 0, "a place at the gate was lost"
        assert self.tasks_left == 1, "a task goes on that nobody waits for"

    def _check_verdict(self, call: Call, verdict: Verdict) -> None:
        others = set(MARK.findall(verdict.model_dump_json())) - {call.mark}
        assert not others, f"{call.mark} was told of {others}"
        if verdict.decision is Decision.ALLOW:
            if verdict.reason is Reason.JUDGE_CLEARED:
                assert not call.secret, f"{call.mark} got through"
                assert call.mark in self.cleared, f"{call.mark} was cleared by nobody"
            else:
                assert verdict.reason in _FAILURES, f"{call.mark}: {verdict.reason}"
                assert call.lenient, f"{call.mark} was allowed without a verdict"
        elif verdict.reason is Reason.JUDGE_FLAGGED:
            assert call.secret, f"{call.mark} was flagged in another's stead"
        else:
            assert not call.lenient, f"{call.mark} was denied against its policy"


class Simulation:
    """One day. `policies` are a strict and a lenient one; `plant` may plant a fault."""

    def __init__(
        self,
        seed: int,
        policies: tuple[JudgedPolicy, JudgedPolicy],
        plant: Callable[[Means], Means] = lambda means: means,
    ) -> None:
        self._random = Random(seed)
        self._policies = policies
        self._simulated = [SimulatedJudge(self._random) for _ in range(2)]
        endpoints = [
            Endpoint(
                replace(settings(f"judge-{number}"), form=AnswerForm.AUTO),
                JudgeInMemory(each.behave),
            )
            for number, each in enumerate(self._simulated)
        ]
        meter, hedge = Meter(), self._random.random() < 0.5
        self._gate = Gate(8, 8)
        judges = Judges(endpoints, self._gate, meter, lambda *_: None, self._random, hedge=hedge)
        memory = Memory(b"a key of 16 bytes", 50, meter, SimulatedCache(self._random))
        self._means = plant(
            Means(judges, memory, lambda: self._random.randbytes(32).hex(), lambda: 0.0, SEALER)
        )

    async def run(self) -> Run:
        done = Run()
        starts = sorted(self._random.uniform(0, SECONDS) for _ in range(CALLS))
        tasks = []
        for number, start in enumerate(starts):
            await asyncio.sleep(start - asyncio.get_running_loop().time())
            # A tenth say again what somebody said before.
            again = number > 0 and self._random.random() < 0.1
            said = self._random.randrange(number) if again else number
            tasks.append(asyncio.create_task(self._call(said)))
        done.calls = list(await asyncio.gather(*tasks))
        done.cleared = {mark for each in self._simulated for mark in each.cleared}
        done.inside = self._gate.inside + self._gate.waiting
        done.tasks_left = len(asyncio.all_tasks())
        return done

    async def _call(self, number: int) -> Call:
        mark, secret = f"caller-{number}-", number % 3 == 0
        lenient = self._random.random() < 0.3
        # Most are short, some take several windows.
        repeated = f"{mark} says hello. " * self._random.choice((1, 1, 1, 1, 150))
        text = repeated + (SECRET if secret else "")
        seconds = self._random.choice((0.05, 0.3, 1.0, 3.0))
        clock = asyncio.get_running_loop()
        began = clock.time()
        verdict = None
        try:
            async with asyncio.timeout(seconds * 0.4 if self._random.random() < 0.1 else None):
                policy = self._policies[lenient]
                verdict = await judge(callout(), chat(text), policy, self._means, seconds)
        except TimeoutError:  # The caller gave up.
            pass
        return Call(mark, secret, lenient, seconds, clock.time() - began, verdict)
