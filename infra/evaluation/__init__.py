"""How good a policy is on labelled texts: counts with intervals, and a page that shows them.

    DATA.jsonl ──samples──▶ Sample… ──asked elsewhere──▶ Outcome… ──Tally──▶ counts ──page──▶ HTML

Nothing of this module's output holds a piece of a text: what was missed is named by its line.
"""

from infra.evaluation.counts import Count, Outcome, Tally, discordance
from infra.evaluation.journal import Cost, Entry, Journal
from infra.evaluation.page import Column, page
from infra.evaluation.samples import DataError, Expectation, Sample, samples

__all__ = [
    "Column",
    "Cost",
    "Count",
    "DataError",
    "Entry",
    "Expectation",
    "Journal",
    "Outcome",
    "Sample",
    "Tally",
    "discordance",
    "page",
    "samples",
]
