"""Counters and histograms that cost a call next to nothing, read by Prometheus' library.

    a call ──add, observe──▶ a dictionary by labels ──collect, when somebody asks──▶ metric families

The library's own lock each of their values, several times in a call; here all that count run in one
thread, the event loop's.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


class Counts(Collector):
    """How often, or how much, by labels; `name` is without the prefix and `_total`."""

    def __init__(self, name: str, what: str, labels: Sequence[str] = ()) -> None:
        self._name, self._what, self._names = f"meshward_{name}", what, labels
        self.values: dict[Labels, float] = {} if labels else {(): 0.0}

    def add(self, labels: Labels, amount: float = 1.0) -> None:
        """Count `amount` more."""
        self.values[labels] = self.values.get(labels, 0.0) + amount

    def collect(self) -> Iterable[Metric]:
        """As the library's objects."""
        family = CounterMetricFamily(self._name, self._what, labels=self._names)
        for labels, value in self.values.items():
            family.add_metric(labels, value)
        yield family


class Durations(Collector):
    """How long something took, by one label, in buckets up to each of `bounds` seconds."""

    def __init__(self, name: str, what: str, label: str, bounds: Sequence[float]) -> None:
        self._name, self._what, self._label = f"meshward_{name}_seconds", what, label
        self._bounds: Final = tuple(bounds)
        self._values: dict[str, list[float]] = {}
        """How many in each bucket, and last the sum of all."""

    def observe(self, label: str, seconds: float) -> None:
        """Count one that took so long."""
        found = self._values.get(label)
        if found is None:
            found = self._values[label] = [0.0] * (len(self._bounds) + 2)
        found[bisect_left(self._bounds, seconds)] += 1
        found[-1] += seconds

    def collect(self) -> Iterable[Metric]:
        """As the library's objects."""
        family = HistogramMetricFamily(self._name, self._what, labels=[self._label])
        named = [*(str(float(each)) for each in self._bounds), "+Inf"]
        for label, (*counts, total) in self._values.items():
            buckets = [*zip(named, accumulate(counts), strict=True)]
            family.add_metric([label], buckets, sum_value=total)
        yield family
