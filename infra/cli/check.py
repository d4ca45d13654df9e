"""`meshward check`: what deny-pattern says of a text, without a stack, a network or a key.

exit status   0 allow · 3 mask · 4 deny · 1 something is wrong · 2 wrong usage

What was found is told by its place; the text itself is never printed.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from functions.verdict import Decision, Phase, Verdict
from infra.cli.messages import CHAT_PATH, HOST, Form, body_of, callout_of, read_input
from infra.cli.tools import POLICIES, check_over, unknown_policy

_STATUS: Final = {Decision.ALLOW: 0, Decision.MASK: 3, Decision.DENY: 4}
_COLOURS: Final = {Decision.ALLOW: "green", Decision.MASK: "yellow", Decision.DENY: "red"}

Policies = Annotated[
    Path,
    typer.Option("--policies", envvar="MESHWARD_POLICY_DIR", help="The folder with policies."),
]


def check(  # noqa: PLR0913, PLR0917 -- each is an option of the command line
    prompt: Annotated[
        str | None, typer.Argument(help="What to check; - or nothing: standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Check a file.")] = None,
    policy: Annotated[str, typer.Option(help="The policy that the mesh names.")] = "default",
    policies: Policies = POLICIES,
    form: Annotated[
        Form, typer.Option("--as", help="text: words in a chat message; body: a whole message.")
    ] = Form.TEXT,
    phase: Annotated[Phase, typer.Option(help="Which way the message goes.")] = Phase.REQUEST,
    role: Annotated[str, typer.Option(help="Who says it: user, system, tool, …")] = "user",
    model: Annotated[str, typer.Option(help="The model that is asked.")] = "qwen-plus",
    host: Annotated[str, typer.Option(help="Where the call goes.")] = HOST,
    path: Annotated[str, typer.Option(help="The API that is called.")] = CHAT_PATH,
    workload: Annotated[str, typer.Option(help="Who calls, as namespace/name.")] = "",
    show_body: Annotated[
        bool, typer.Option("--body", help="Print the masked message, or the denial, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The verdict as a document.")] = False,
) -> None:
    """Check a text with deny-pattern's rules, here and now.

    The exit status says what came of it: 0 allow, 3 mask, 4 deny. What was found is not printed.
    """
    callout = callout_of(phase, policy, host, path, workload)
    message = body_of(read_input(prompt, file), form, phase, role, model)
    with check_over(policies) as deny_pattern:
        if policy not in deny_pattern.policies:
            raise unknown_policy(policies, policy, deny_pattern.policies)
        verdict = deny_pattern.ask(callout, message).verdict
    if as_json:
        document = json.loads(verdict.model_dump_json())
        if not show_body:
            del document["body"]
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        _show(Console(highlight=False), verdict)
        if show_body and verdict.body:
            sys.stdout.write(f"\n{verdict.body}\n")
    sys.exit(_STATUS[verdict.decision])


def wide_table(*columns: str) -> Table:
    """A table whose cells are folded rather than cut: half a rule's name is no name."""
    table = Table(box=None, pad_edge=False)
    for each in columns:
        table.add_column(each, overflow="fold")
    return table


def _show(console: Console, verdict: Verdict) -> None:
    colour = _COLOURS[verdict.decision]
    told = f"{verdict.reason}, policy {verdict.policy}, revision {verdict.revision}"
    console.print(f"[bold {colour}]{verdict.decision}[/]  {told}", soft_wrap=True)
    if verdict.findings:
        console.print(_table(verdict))


def _table(verdict: Verdict) -> Table:
    table = wide_table("rule", "category", "severity", "where", "characters", "read as")
    for each in verdict.findings:
        span = f"{each.start}–{each.end}" if each.end else "–"
        where = each.pointer or "the whole"
        table.add_row(each.rule, each.category, each.severity, where, span, each.view)
    return table
