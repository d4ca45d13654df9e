"""What llm-guard counts, in Prometheus' text form at `/metrics`.

Labels come from settings, policies and closed sets; no value of a label is ever a piece of a text.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Metric as MetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from functions.llm_guard.breaker import State
from functions.llm_guard.counts import Counts, Durations
from functions.llm_guard.failures import Failure
from functions.llm_guard.opinion import Usage
from functions.llm_guard.settings import JudgeSettings
from functions.verdict import Verdict

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 20, 60)
"""From a small model next door to the longest deadline."""
_BREAKER: Final = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}


@dataclass(frozen=True, slots=True)
class Spent:
    """What judging has cost: tokens, and money where a price is set, in its currency."""

    tokens_in: int
    tokens_out: int
    cost: float


class Meter:
    """The counters of one process."""

    def __init__(self) -> None:
        self._verdicts = Counts("verdicts", "Verdicts.", ["policy", "phase", "decision", "reason"])
        self._verdict_seconds = Durations("verdict", "A verdict's time.", "policy", _SECONDS)
        self._calls = Counts("judge_calls", "Calls of a judge.", ["judge", "outcome"])
        self._judge_seconds = Durations("judge", "A judge's time to an opinion.", "judge", _SECONDS)
        self._retries = Counts("judge_retries", "Calls repeated.", ["judge", "failure"])
        self._hedges = Counts("judge_hedges", "Second requests sent early.", ["judge"])
        self._tokens = Counts("judge_tokens", "Tokens, as judges say.", ["judge", "direction"])
        self._cost = Counts("judge_cost", "Tokens times the price set.", ["judge"])
        self._refused = Counts("judge_refused", "Calls that got no turn.", ["failure"])
        self._memory = Counts("memory_lookups", "Earlier judging looked up.", ["outcome"])
        self._memory_errors = Counts("cache_errors", "Failures of the shared cache.")
        self._registry = CollectorRegistry()
        for each in (
            *(self._verdicts, self._verdict_seconds, self._calls, self._judge_seconds),
            *(self._retries, self._hedges, self._tokens, self._cost, self._refused),
            *(self._memory, self._memory_errors),
        ):
            self._registry.register(each)

    def judged(self, judge: JudgeSettings, usage: Usage, seconds: float) -> None:
        """A judge gave an opinion."""
        name = judge.name
        self._calls.add((name, "opinion"))
        self._judge_seconds.observe(name, seconds)
        self._tokens.add((name, "in"), usage.tokens_in)
        self._tokens.add((name, "out"), usage.tokens_out)
        if judge.price_in or judge.price_out:
            spent = usage.tokens_in * judge.price_in + usage.tokens_out * judge.price_out
            self._cost.add((name,), spent / 1e6)

    def failed(self, judge: JudgeSettings, failure: Failure) -> None:
        """A call of a judge ended without an opinion."""
        self._calls.add((judge.name, failure.value))

    def retried(self, judge: JudgeSettings, failure: Failure) -> None:
        """A call is repeated because of `failure`."""
        self._retries.add((judge.name, failure.value))

    def hedged(self, judge: JudgeSettings) -> None:
        """A second request was sent because the first took long."""
        self._hedges.add((judge.name,))

    def refused(self, failure: Failure) -> None:
        """A call got no turn at any judge."""
        self._refused.add((failure.value,))

    def looked_up(self, hits: int, misses: int) -> None:
        """So many of the memory's keys were known, so many were not."""
        if hits:
            self._memory.add(("hit",), hits)
        if misses:
            self._memory.add(("miss",), misses)

    def cache_failed(self) -> None:
        """The shared cache could not be asked or told."""
        self._memory_errors.add(())

    def verdict(self, verdict: Verdict, seconds: float) -> None:
        """A verdict was made."""
        policy, phase, decision = verdict.policy, verdict.phase.value, verdict.decision.value
        self._verdicts.add((policy, phase, decision, verdict.reason.value))
        self._verdict_seconds.observe(policy, seconds)

    def watch_gate(self, inside: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Ask these two whenever somebody asks for the metrics."""
        self._gauge("judge_calls_inside", "Calls at the judges now.", []).set_function(inside)
        self._gauge("judge_calls_waiting", "Calls that wait now.", []).set_function(waiting)

    def watch_breakers(self, states: dict[str, Callable[[], State]]) -> None:
        """Ask for the state of each judge's breaker whenever somebody asks for the metrics."""
        gauge = self._gauge("judge_breaker", "0 closed, 1 half-open, 2 open.", ["judge"])
        for name, state in states.items():
            gauge.labels(name).set_function(partial(_breaker, state))

    def spent(self) -> Spent:
        """What all judges have cost so far."""
        tokens: Counter[str] = Counter()
        for (_, direction), count in self._tokens.values.items():
            tokens[direction] += int(count)
        cost = sum(self._cost.values.values())
        return Spent(tokens["in"], tokens["out"], round(cost, 9))

    def collect(self) -> Iterable[MetricFamily]:
        """All of it as the library's objects."""
        return self._registry.collect()

    def text(self) -> bytes:
        """All of it in Prometheus' text form."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, what: str, labels: list[str]) -> Gauge:
        return Gauge(f"meshward_{name}", what, labels, registry=self._registry)


def _breaker(state: Callable[[], State]) -> float:
    return _BREAKER[state()]
