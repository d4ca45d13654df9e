"""What llm-guard counts, in Prometheus' text form at `/metrics`.

Labels come from settings, policies and closed sets; no value of a label is ever a piece of a text.
"""

from collections import Counter as Counting
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import Metric as MetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.samples import Sample

from functions.llm_guard.breaker import State
from functions.llm_guard.failures import Failure
from functions.llm_guard.opinion import Usage
from functions.llm_guard.settings import JudgeSettings
from functions.verdict import Verdict

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 20, 60)
"""From a small model next door to the longest deadline."""
_BREAKER: Final = {State.CLOSED: 0, State.HALF_OPEN: 1, State.OPEN: 2}

Metric = TypeVar("Metric", Counter, Histogram)


@dataclass(frozen=True, slots=True)
class Spent:
    """What judging has cost: tokens, and money where a price is set, in its currency."""

    tokens_in: int
    tokens_out: int
    cost: float


class Meter:
    """The counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        counter, judge = self._counter, ["judge"]
        self._verdicts = counter("verdicts", "Verdicts.", ["policy", "phase", "decision", "reason"])
        self._verdict_seconds = self._histogram("verdict", "A verdict's time.", ["policy"])
        self._calls = counter("judge_calls", "Calls of a judge.", ["judge", "outcome"])
        self._judge_seconds = self._histogram("judge", "A judge's time to an opinion.", judge)
        self._retries = counter("judge_retries", "Calls repeated.", ["judge", "failure"])
        self._hedges = counter("judge_hedges", "Second requests sent early.", judge)
        self._tokens = counter("judge_tokens", "Tokens, as judges say.", ["judge", "direction"])
        self._cost = counter("judge_cost", "Tokens times the price set.", judge)
        self._refused = counter("judge_refused", "Calls that got no turn.", ["failure"])
        self._memory = counter("memory_lookups", "Earlier judging looked up.", ["outcome"])
        self._memory_errors = counter("cache_errors", "Failures of the shared cache.", [])

    def judged(self, judge: JudgeSettings, usage: Usage, seconds: float) -> None:
        """A judge gave an opinion."""
        _with(self._calls, judge.name, "opinion").inc()
        _with(self._judge_seconds, judge.name).observe(seconds)
        _with(self._tokens, judge.name, "in").inc(usage.tokens_in)
        _with(self._tokens, judge.name, "out").inc(usage.tokens_out)
        spent = usage.tokens_in * judge.price_in + usage.tokens_out * judge.price_out
        _with(self._cost, judge.name).inc(spent / 1e6)

    def failed(self, judge: JudgeSettings, failure: Failure) -> None:
        """A call of a judge ended without an opinion."""
        _with(self._calls, judge.name, failure.value).inc()

    def retried(self, judge: JudgeSettings, failure: Failure) -> None:
        """A call is repeated because of `failure`."""
        self._retries.labels(judge.name, failure.value).inc()

    def hedged(self, judge: JudgeSettings) -> None:
        """A second request was sent because the first took long."""
        self._hedges.labels(judge.name).inc()

    def refused(self, failure: Failure) -> None:
        """A call got no turn at any judge."""
        self._refused.labels(failure.value).inc()

    def looked_up(self, hits: int, misses: int) -> None:
        """So many of the memory's keys were known, so many were not."""
        _with(self._memory, "hit").inc(hits)
        _with(self._memory, "miss").inc(misses)

    def cache_failed(self) -> None:
        """The shared cache could not be asked or told."""
        self._memory_errors.inc()

    def verdict(self, verdict: Verdict, seconds: float) -> None:
        """A verdict was made."""
        reason, policy = verdict.reason.value, verdict.policy
        _with(self._verdicts, policy, verdict.phase.value, verdict.decision.value, reason).inc()
        _with(self._verdict_seconds, policy).observe(seconds)

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
        tokens: Counting[str] = Counting()
        for sample in _samples(self._tokens):
            tokens[sample.labels["direction"]] += int(sample.value)
        cost = sum(sample.value for sample in _samples(self._cost))
        return Spent(tokens["in"], tokens["out"], round(cost, 9))

    def collect(self) -> Iterable[MetricFamily]:
        """All of it as the library's objects."""
        return self._registry.collect()

    def text(self) -> bytes:
        """All of it in Prometheus' text form."""
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str, labels: list[str]) -> Counter:
        return Counter(f"meshward_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str, labels: list[str]) -> Gauge:
        return Gauge(f"meshward_{name}", what, labels, registry=self._registry)

    def _histogram(self, name: str, what: str, labels: list[str]) -> Histogram:
        return Histogram(
            f"meshward_{name}_seconds", what, labels, registry=self._registry, buckets=_SECONDS
        )


def _samples(counter: Counter) -> list[Sample]:
    """A counter's values, without the moments since when they count."""
    (family,) = counter.collect()
    return [each for each in family.samples if each.name.endswith("_total")]


def _breaker(state: Callable[[], State]) -> float:
    return _BREAKER[state()]


@cache
def _with(metric: Metric, *labels: str) -> Metric:
    """The metric with these labels; looking it up in the library takes several times as long."""
    return metric.labels(*labels)
