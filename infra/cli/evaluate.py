"""`meshward eval`: how good a policy is on labelled texts, and whether another one is better."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from functions.verdict import Callout
from infra.cli.check import Policies, wide_table
from infra.cli.judged import Asking, Bill, bill_document, bill_lines, judge_all
from infra.cli.messages import CHAT_PATH, HOST, Form, body_of, callout_of
from infra.cli.tools import POLICIES, ToolError, check_over, unknown_policy
from infra.evaluation import Column, Cost, Count, Outcome, Sample, Tally, discordance, page, samples


class Check(StrEnum):
    """What can be measured."""

    DENY_PATTERN = "deny-pattern"
    LLM_GUARD = "llm-guard"


@dataclass(frozen=True, slots=True)
class Measured:
    """A policy to measure: its folder and name."""

    folder: Path
    name: str


def evaluate(  # noqa: PLR0913, PLR0917 -- each is an option of the command line
    data: Annotated[Path, typer.Argument(help="Labelled texts, a JSON object a line.")],
    policy: Annotated[str, typer.Option(help="The policy to measure.")] = "default",
    policies: Policies = POLICIES,
    against: Annotated[str, typer.Option(help="Another policy to compare it with.")] = "",
    against_policies: Annotated[
        Path | None, typer.Option(help="The folder of that one, if it is another.")
    ] = None,
    check: Annotated[Check, typer.Option(help="Which check is measured.")] = Check.DENY_PATTERN,
    at_once: Annotated[int, typer.Option(min=1, max=100, help="Texts at the judge at once.")] = 4,
    report: Annotated[Path | None, typer.Option(help="Write a page with plots here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All counts as a document.")] = False,
) -> None:
    """Measure a policy on labelled texts: recall, precision, false positives, with intervals.

    A line is {"text": …, "expect": "allow"}, or {"text": …, "expect": "deny", "category": …};
    docs/policies.md has the rest. No output holds a piece of a text. --check llm-guard asks the
    judge that MESHWARD_JUDGE_URL and MESHWARD_JUDGE_MODEL name, and goes on where it was cut off.
    """
    measured = [Measured(policies, policy)]
    if against or against_policies:
        measured.append(Measured(against_policies or policies, against or policy))
    if report is not None and not report.absolute().parent.is_dir():
        raise ToolError(f"--report {report}: there is no such folder")
    total = sum(1 for _ in samples(data))
    if not total:
        raise ToolError(f"{data}: holds no texts")
    bills: list[Bill] = []
    if check is Check.LLM_GUARD:
        columns, bills = _judged(measured, data, total, at_once)
    else:
        columns = [_column(each, data, total) for each in measured]
    if report is not None:
        report.write_text(page(data.name, columns), encoding="utf-8")
    if as_json:
        documents = _document(columns)
        for document, bill in zip(documents, bills, strict=False):
            document.update(bill_document(bill))
        sys.stdout.write(json.dumps(documents, ensure_ascii=False, indent=1) + "\n")
        return
    _show(Console(highlight=False), columns)
    for bill in bills:
        sys.stdout.writelines(f"{line}\n" for line in bill_lines(bill))
    if report is not None:
        sys.stdout.write(f"{report}\n")


def _column(measured: Measured, data: Path, total: int) -> Column:
    """All texts judged by one policy, with a progress bar on standard error."""
    tally, revisions = Tally(), set()
    with _bar() as bar, check_over(measured.folder) as deny_pattern:
        if measured.name not in deny_pattern.policies:
            raise unknown_policy(measured.folder, measured.name, deny_pattern.policies)
        task = bar.add_task(measured.name, total=total)
        for sample in samples(data):
            callout, body = _message(sample, measured.name)
            answered = deny_pattern.ask(callout, body)
            revisions.add(answered.verdict.revision)
            tally.add(Outcome.of(sample, answered.verdict, answered.microseconds))
            bar.advance(task)
    return Column(measured.name, ", ".join(sorted(revisions)), tally)


def _judged(
    measured: Sequence[Measured], data: Path, total: int, at_once: int
) -> tuple[list[Column], list[Bill]]:
    """The same by llm-guard, with the cost so far. Of two, only what both have a verdict on."""
    columns, bills = [], []
    for each in measured:
        with _bar() as bar:
            task = bar.add_task(each.name, total=total)

            def tell(done: int, cost: Cost, bar: Progress = bar, task: TaskID = task) -> None:
                tokens = f"{cost.tokens_in + cost.tokens_out:,} tokens"
                money = f", {cost.money:.4f}" if cost.money else ""
                bar.update(task, completed=done, description=f"{tokens}{money}")

            asking = Asking(each.folder, each.name, data, at_once, _message)
            column, bill = judge_all(asking, tell)
        columns.append(column)
        bills.append(bill)
    lines = [{outcome.sample.line for outcome in column.tally.outcomes} for column in columns]
    both = set.intersection(*lines)
    for column in columns:
        outcomes = column.tally.outcomes
        outcomes[:] = [each for each in outcomes if each.sample.line in both]
    return columns, bills


def _bar() -> Progress:
    """A progress bar on standard error, gone when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _message(sample: Sample, policy: str) -> tuple[Callout, bytes]:
    callout = callout_of(sample.phase, policy, HOST, sample.path or CHAT_PATH, sample.workload)
    if sample.text is None:
        return callout, json.dumps(sample.body, ensure_ascii=False).encode("utf-8", "replace")
    text = sample.text.encode("utf-8", "replace")
    return callout, body_of(text, Form.TEXT, sample.phase, sample.role, "qwen-plus")


def _show(console: Console, columns: list[Column]) -> None:
    for column in columns:
        tally = column.tally
        table = wide_table("category", "recall", "precision", "false positives", "texts")
        for name in tally.categories():
            row = tally.row(name)
            shares = map(_told, (row.recall, row.precision, row.false_positives))
            table.add_row(name, *shares, f"{row.recall.total}/{len(tally.outcomes)}")
        console.print(f"[bold]{column.name}[/bold]  revision {column.revision}", soft_wrap=True)
        console.print(table)
        took = f"{tally.microseconds(0.5):.0f} µs in the median"
        told = f"decisions as labelled: {_told(tally.as_expected)}; a verdict took {took}\n"
        console.print(told, soft_wrap=True)
    if len(columns) == 2:
        first, second = columns
        only_first, only_second, p = discordance(first.tally.outcomes, second.tally.outcomes)
        told = f"only {first.name} is right: {only_first:,}, only {second.name}: {only_second:,}"
        console.print(f"{told}; p = {p:.3g} (exact McNemar test)", soft_wrap=True)


def _told(count: Count) -> str:
    share, (low, high) = count.share, count.interval
    if share is None:
        return "–"
    return f"{share:.1%} ({100 * low:.1f}–{100 * high:.1f})"


def _counted(count: Count) -> dict[str, Any]:
    return {
        "hits": count.hits,
        "total": count.total,
        "share": count.share,
        "interval": count.interval,
    }


def _document(columns: list[Column]) -> list[dict[str, Any]]:
    return [
        {
            "policy": column.name,
            "revision": column.revision,
            "decisions_as_labelled": _counted(column.tally.as_expected),
            "categories": {
                name: {
                    "recall": _counted(row.recall),
                    "precision": _counted(row.precision),
                    "false_positives": _counted(row.false_positives),
                }
                for name in column.tally.categories()
                for row in [column.tally.row(name)]
            },
            "groups": {
                name: {"found": _counted(found), "found_wrongly": _counted(wrongly)}
                for name, found, wrongly in column.tally.groups()
            },
            "rules": {
                name: {"where_something_is": right, "where_nothing_is": wrong}
                for name, right, wrong in column.tally.rules()
            },
            "missed_lines": [each.sample.line for each in column.tally.missed()],
            "wrong_lines": [each.sample.line for each in column.tally.wrongly_found()],
        }
        for column in columns
    ]
