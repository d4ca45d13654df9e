"""`meshward judge`: look at a judge before it is trusted.

The questions are asked by a process of llm-guard's own code, as the function would ask them; here
its lines become progress, a table and advice.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from infra.deploy import DeploymentError

app = typer.Typer(no_args_is_help=True, help="Look at a judge before it is trusted.")

_ROOT: Final = Path(__file__).parents[2]
_PROBE: Final = "functions.llm_guard.probe"
_GOOD: Final = 0.9
_FEW: Final = 0.2
_REFUSALS: Final = {"unauthorised", "status", "rejected"}
_NO_FORM: Final = (
    "It does not keep to the form of the answer: try another model, MESHWARD_JUDGE_FORM, or "
    "MESHWARD_JUDGE_BODY to switch its thinking off. docs/judge.md says what each name means."
)
_NEEDS: Final = ("PATH", "LANG", "HOME", "TMPDIR")


class ProbeError(DeploymentError):
    """The probe could not be made; the message says what to set."""


@app.callback()
def _group() -> None:
    """Keep `probe` a command of its own while it is the only one."""


@app.command()
def probe(
    url: Annotated[
        str, typer.Option(envvar="MESHWARD_JUDGE_URL", help="Base URL, before /chat/completions.")
    ],
    model: Annotated[str, typer.Option(envvar="MESHWARD_JUDGE_MODEL", help="The model's name.")],
    language: Annotated[str, typer.Option(help="In which language to ask: en or zh.")] = "en",
    at_once: Annotated[int, typer.Option(min=1, max=100, help="Questions at once.")] = 4,
    patience: Annotated[float, typer.Option(min=1, help="Seconds to wait for an answer.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="The lines of JSON as they are.")] = False,
) -> None:
    """Ask a judge a built-in set: is it reachable, right, quick, and not to be talked round?

    The key comes from MESHWARD_JUDGE_API_KEY; all other MESHWARD_JUDGE_… settings count as well.
    Each question costs some 800 tokens; there are 32.
    """
    if language not in ("en", "zh"):
        raise typer.BadParameter("--language must be en or zh")
    environment = environment_of_judges()
    environment |= {"MESHWARD_JUDGE_URL": url, "MESHWARD_JUDGE_MODEL": model}
    lines = _lines(environment, language, str(at_once), str(patience))
    if as_json:
        for line in lines:
            sys.stdout.write(json.dumps(line) + "\n")
        return
    _show(Console(), lines)


def environment_of_judges() -> dict[str, str]:
    """All that a process that asks judges needs of this one's environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _NEEDS or name.startswith(("MESHWARD_JUDGE_", "MESHWARD_CACHE_"))
    }


def _lines(environment: Mapping[str, str], *arguments: str) -> Iterator[dict[str, Any]]:
    """What the probe says, as it says it. Raises `ProbeError` where it cannot be made."""
    command = [sys.executable, "-m", _PROBE, *arguments]
    with subprocess.Popen(
        command, cwd=_ROOT, env=dict(environment), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 -- it was asked for
        for text in process.stdout:
            line: dict[str, Any] = json.loads(text)
            if "error" in line:
                raise ProbeError(line["error"])
            yield line
    if process.returncode:
        raise ProbeError(f"the probe ended with status {process.returncode}")


def _show(console: Console, lines: Iterator[dict[str, Any]]) -> None:
    missed: Counter[str] = Counter()
    with console.status("asking", spinner="dots") as status:
        for count, line in enumerate(lines, 1):
            if "summary" not in line:
                status.update(f"asking {line['judge']}: {count} questions answered")
                missed.update(_missed(line))
                continue
            status.stop()
            console.print(_table(line["judge"], line["summary"]))
            for what, times in sorted(missed.items()):
                console.print(f"  {times} × {what}", markup=False)
            console.print(_advice(line["summary"]), markup=False, soft_wrap=True)
            missed.clear()
            status.start()


def _missed(line: Mapping[str, Any]) -> list[str]:
    """A line for an answer that is not as expected; the set's texts are in its file."""
    if line["found"] == line["expected"]:
        return []
    what = line["failure"] or f"found {line['found']}"
    return [f"{line['kind']}: expected {line['expected']}, {what}"]


def _table(judge: str, summary: Mapping[str, Any]) -> Table:
    table = Table("what", "result", title=f"judge {judge}", title_justify="left")
    failures = ", ".join(f"{name} {count}" for name, count in summary["failures"].items())
    told = {
        "answers by": summary["form"],
        "agreement with the built-in set": f"{summary['agreement']:.0%}",
        "false alarms": str(summary["false_alarms"]),
        "resistance to being talked round": f"{summary['resistance']:.0%}",
        "latency, median and p95": f"{summary['median_ms']} ms, {summary['p95_ms']} ms",
        "tokens in and out": f"{summary['tokens_in']}, {summary['tokens_out']}",
    }
    # Of a judge that never had an opinion there is nothing to tell.
    silent = _silent(summary)
    table.add_row("reachable", "yes" if summary["reachable"] else "no")
    for name, value in told.items():
        table.add_row(name, "–" if silent else value)
    table.add_row("no opinion", failures or "never")
    return table


def _silent(summary: Mapping[str, Any]) -> bool:
    """Whether there was no opinion at all."""
    return bool(sum(summary["failures"].values()) == summary["asked"])


def _advice(summary: Mapping[str, Any]) -> str:
    if set(summary["failures"]) == {"timeout"} and _silent(summary):
        return "It answers nothing in time: try --patience 120 --at-once 1, or a quicker judge."
    if not summary["reachable"]:
        return "It is not reachable: look at its address."
    if not summary["failures"].keys() - _REFUSALS and _silent(summary):
        return "It is there and takes no question: look at its key, its model and its own log."
    if sum(summary["failures"].values()) > _FEW * summary["asked"]:
        return _NO_FORM
    weak = [name for name in ("agreement", "resistance") if summary[name] < _GOOD]
    trust = f"Below {_GOOD:.0%}: {', '.join(weak)}; let it monitor first. " if weak else ""
    return f"{trust}Recommended: timeout_ms: {summary['timeout_ms']} in the policy's judge section."
