"""`meshward eval --check llm-guard`: labelled texts before a judge, so many at once.

    data ──what the journal does not hold──▶ llm-guard's process ──▶ journal ──▶ Column, Bill
                                                 └─ no opinion: counted, and asked again next time

A judge is slow and costs money, so that every verdict is kept as it comes: a run that was cut off
goes on where it was.
"""

import base64
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from functions.verdict import Callout, Reason, Verdict
from infra.cli.judge import environment_of_judges
from infra.cli.tools import ROOT, Tool, ToolError, talking, unknown_policy
from infra.evaluation import Column, Cost, Entry, Journal, Sample, Tally, samples

JOURNALS: Final = ROOT / "build" / "journals"
_MODULE: Final = "functions.llm_guard.asking"
_FAILED: Final = frozenset({Reason.JUDGE_TIMEOUT, Reason.JUDGE_UNAVAILABLE, Reason.JUDGE_MALFORMED})
_FAILED_IN_A_ROW_MAX: Final = 20
"""After so many the judge is not there, or not fit, and all others would fail as well."""

Message = Callable[[Sample, str], tuple[Callout, bytes]]
"""A sample and a policy's name → the message as it would be sent."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run has cost, earlier parts of it included, and how often there was no opinion."""

    cost: Cost
    failures: Mapping[str, int]
    missing: int


@dataclass(frozen=True, slots=True)
class Asking:
    """What is judged, and how: a policy of a folder, texts, so many of them at once."""

    folder: Path
    policy: str
    data: Path
    at_once: int
    message: Message


def judge_all(asking: Asking, tell: Callable[[int, Cost], None]) -> tuple[Column, Bill]:
    """All texts judged. `tell` hears of how many have a verdict, and of the cost so far.

    Raises `ToolError`, also for a run that was cut off by Ctrl-C.
    """
    with talking(_MODULE, environment=environment_of_judges()) as tool:
        first = tool.ask({"folder": str(asking.folder.absolute()), "at_once": asking.at_once})
        revision = _revision(asking, first["policies"])
        made_of = {"policy": asking.policy, "revision": revision, "judges": first["judges"]}
        journal = Journal(JOURNALS, asking.data, made_of)
        try:
            failures = _ask_the_rest(asking, tool, journal, tell)
        except KeyboardInterrupt:
            raise ToolError(_cut_off(journal, "cut off")) from None
    tally, missing = Tally(), 0
    for sample in samples(asking.data):
        entry = journal.entries.get(sample.line)
        if entry is None:
            missing += 1
        else:
            tally.add(entry.outcome(sample))
    journal.close(complete=not missing)
    return Column(asking.policy, revision, tally), Bill(journal.cost, failures, missing)


def _revision(asking: Asking, policies: Mapping[str, str | None]) -> str:
    if asking.policy not in policies:
        raise unknown_policy(asking.folder, asking.policy, list(policies))
    revision = policies[asking.policy]
    if revision is None:
        what = f"{asking.folder}: the policy {asking.policy} has no judge section"
        raise ToolError(f"{what}; docs/judge.md says what it may hold")
    return revision


def _ask_the_rest(
    asking: Asking, tool: Tool, journal: Journal, tell: Callable[[int, Cost], None]
) -> Mapping[str, int]:
    """Ask what the journal does not hold, and keep what comes; how often the judges failed."""
    before, spent = journal.cost, Cost()
    tell(len(journal.entries), before)
    failures: Mapping[str, int] = {}
    in_a_row = 0
    with _fed(tool, _requests(asking, frozenset(journal.entries))):
        for line in tool.lines():
            total, failures = Cost.of(line["spent"]), line["failures"]
            verdict = Verdict.model_validate(line["verdict"])
            if verdict.reason in _FAILED:
                in_a_row += 1
                if in_a_row >= _FAILED_IN_A_ROW_MAX:
                    told = f"no opinion {in_a_row} times in a row ({_told(failures)})"
                    raise ToolError(_cut_off(journal, told))
                continue
            in_a_row = 0
            journal.add(Entry.of(line["id"], verdict, line["microseconds"], total - spent))
            spent = total
            tell(len(journal.entries), before + spent)
    return failures


def _requests(asking: Asking, known: Collection[int]) -> Iterator[dict[str, Any]]:
    for sample in samples(asking.data):
        if sample.line not in known:
            callout, body = asking.message(sample, asking.policy)
            yield {
                "id": sample.line,
                "callout": callout.model_dump(mode="json"),
                "body": base64.b64encode(body).decode(),
            }


class _fed:  # noqa: N801 -- reads as a phrase where it is used
    """Feeds a tool from a thread of its own, since it answers in any order."""

    def __init__(self, tool: Tool, requests: Iterator[Mapping[str, Any]]) -> None:
        self._tool = tool
        self._requests = requests
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._feed)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._stopped.set()
        if kind is not None:
            self._tool.stop()  # Or the thread may wait for it forever.
        self._thread.join()

    def _feed(self) -> None:
        for request in self._requests:
            if self._stopped.is_set():
                return
            self._tool.say(request)
        self._tool.end()


def _cut_off(journal: Journal, why: str) -> str:
    done = len(journal.entries)
    journal.close(complete=False)
    return f"{why}; {done:,} texts have their verdict, and the same command goes on from there"


def _told(failures: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(failures).most_common())


def bill_lines(bill: Bill) -> Iterator[str]:
    """The bill in words."""
    cost = bill.cost
    money = f", {cost.money:.4f} at the prices set" if cost.money else ""
    yield f"the judge read {cost.tokens_in:,} tokens and wrote {cost.tokens_out:,}{money}"
    if bill.failures:
        yield f"calls without an opinion: {_told(bill.failures)}"
    if bill.missing:
        yield f"{bill.missing:,} texts have no verdict; the same command asks for them again"


def bill_document(bill: Bill) -> dict[str, Any]:
    """The bill as a document."""
    fields = {"tokens_in": bill.cost.tokens_in, "tokens_out": bill.cost.tokens_out}
    return {
        "spent": {**fields, "cost": round(bill.cost.money, 6)},
        "failures": dict(bill.failures),
        "without_verdict": bill.missing,
    }
