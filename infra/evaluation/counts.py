"""What was found, missed and found wrongly, and how sure one can be of the shares.

                    holds the category    does not
    found                right              wrong
    not found            missed

recall: right of all that hold it · precision: right of all found · false positives: wrong of all
that do not hold it. An interval says which true shares would give such counts in 95 of 100 cases.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from functions.verdict import Decision, Verdict
from infra.evaluation.samples import Expectation, Sample

ANY: Final = "any"
"""Stands for all categories together: whether something was found at all."""
_Z: Final = 1.959964
"""The normal distribution's 97.5 % point, for intervals of 95 %."""


@dataclass(frozen=True, slots=True)
class Count:
    """`hits` of `total`."""

    hits: int
    total: int

    @property
    def share(self) -> float | None:
        """The share, None where there is nothing to have a share of."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval at 95 %, which holds for small counts and shares near 0 and 1.

        E. B. Wilson, Probable inference, J. Am. Stat. Assoc. 22 (1927), 209-212.
        """
        if not self.total:
            return 0.0, 1.0
        n, share = self.total, self.hits / self.total
        scale = 1 + _Z * _Z / n
        middle = (share + _Z * _Z / (2 * n)) / scale
        reach = _Z * math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n)) / scale
        return max(0.0, middle - reach), min(1.0, middle + reach)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a sample."""

    sample: Sample
    decision: Decision
    reason: str
    rules: frozenset[str]
    categories: frozenset[str]
    microseconds: float

    @classmethod
    def of(cls, sample: Sample, verdict: Verdict, microseconds: float) -> "Outcome":
        """The outcome that a verdict is."""
        rules = frozenset(each.rule for each in verdict.findings)
        categories = frozenset(each.category for each in verdict.findings)
        # What was judged is needed no more, and of many texts too much to keep.
        label = sample.model_copy(update={"text": None, "body": None})
        reason = str(verdict.reason)
        return cls(label, verdict.decision, reason, rules, categories, microseconds)

    @property
    def flagged(self) -> bool:
        """Whether anything was found, or the message was refused."""
        return bool(self.rules) or self.decision is not Decision.ALLOW

    @property
    def as_expected(self) -> bool:
        """Whether the decision is the one that the label asks for."""
        if self.sample.expect is Expectation.FIND:
            return self.flagged
        return self.decision.value == self.sample.expect.value

    def found(self, category: str) -> bool:
        """Whether something of that category was found, or of any."""
        return self.flagged if category == ANY else category in self.categories

    def holds(self, category: str) -> bool:
        """Whether the label says that it holds something of that category, or of any."""
        labels = self.sample.category
        return bool(labels) if category == ANY else category in labels


@dataclass(frozen=True, slots=True)
class Row:
    """The counts of one category."""

    category: str
    recall: Count
    precision: Count
    false_positives: Count


@dataclass
class Tally:
    """All outcomes of one policy, counted."""

    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.outcomes.append(outcome)

    @property
    def as_expected(self) -> Count:
        """Decisions that are as the labels ask."""
        return Count(sum(each.as_expected for each in self.outcomes), len(self.outcomes))

    def categories(self) -> list[str]:
        """All categories that are labelled or found, `any` first."""
        names: set[str] = set()
        for each in self.outcomes:
            names |= {*each.sample.category, *each.categories}
        return [ANY, *sorted(names)]

    def row(self, category: str) -> Row:
        """The counts of a category, or of `ANY`."""
        pairs = Counter((each.holds(category), each.found(category)) for each in self.outcomes)
        right, missed = pairs[True, True], pairs[True, False]
        wrong, rest = pairs[False, True], pairs[False, False]
        return Row(
            category,
            recall=Count(right, right + missed),
            precision=Count(right, right + wrong),
            false_positives=Count(wrong, wrong + rest),
        )

    def groups(self) -> list[tuple[str, Count, Count]]:
        """For each group: of what should be found, how much is; of the rest, how much wrongly."""
        found: defaultdict[str, Counter[tuple[bool, bool]]] = defaultdict(Counter)
        for each in self.outcomes:
            for group in each.sample.group or ("(none)",):
                found[group][each.holds(ANY), _all_found(each)] += 1
        return [
            (
                name,
                Count(pairs[True, True], pairs[True, True] + pairs[True, False]),
                Count(pairs[False, True], pairs[False, True] + pairs[False, False]),
            )
            for name, pairs in sorted(found.items())
        ]

    def rules(self) -> list[tuple[str, int, int]]:
        """For each rule: how often it found something where something is, and where nothing is."""
        right: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        for each in self.outcomes:
            (right if each.sample.category else wrong).update(each.rules)
        return [(name, right[name], wrong[name]) for name in sorted({*right, *wrong})]

    def missed(self) -> Iterator[Outcome]:
        """Samples of which a category was not found."""
        return (each for each in self.outcomes if each.holds(ANY) and not _all_found(each))

    def wrongly_found(self) -> Iterator[Outcome]:
        """Samples in which something was found and nothing is."""
        return (each for each in self.outcomes if not each.holds(ANY) and each.flagged)

    def microseconds(self, share: float) -> float:
        """How long a verdict took: at most this, in that share of the samples."""
        took = sorted(each.microseconds for each in self.outcomes)
        return took[min(int(share * len(took)), len(took) - 1)] if took else 0.0


def _all_found(outcome: Outcome) -> bool:
    """Whether every category that a sample holds was found; of one that holds none, anything."""
    if not outcome.sample.category:
        return outcome.flagged
    return all(each in outcome.categories for each in outcome.sample.category)


def discordance(one: Iterable[Outcome], other: Iterable[Outcome]) -> tuple[int, int, float]:
    """Samples that only one of two policies gets right, and how likely chance alone is.

    The two counts, and the two-sided p of the exact McNemar test over them.
    """
    only_one = only_other = 0
    for first, second in zip(one, other, strict=True):
        only_one += first.as_expected and not second.as_expected
        only_other += second.as_expected and not first.as_expected
    total, least = only_one + only_other, min(only_one, only_other)
    tail = sum(math.comb(total, each) for each in range(least + 1))
    return only_one, only_other, min(1.0, 2 * tail / 2**total)
