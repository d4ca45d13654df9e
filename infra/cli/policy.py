"""`meshward policy`: test, lint and explain policies before anybody depends on them."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml
from rich.console import Console

from infra.cli.check import Policies, wide_table
from infra.cli.importing import import_plugin
from infra.cli.messages import read_input
from infra.cli.tools import POLICIES, Line, ToolError, answers

app = typer.Typer(no_args_is_help=True, help="Test, lint, explain and import policies.")

Name = Annotated[str, typer.Argument(help="One policy; without it, all of the folder.")]
_WRONG: Final = 1


app.command(name="import")(import_plugin)


@app.command(name="test")
def try_examples(policy: Name = "", policies: Policies = POLICIES) -> None:
    """Try every example of every rule in force, those of packs too.

    The exit status is 1 where an example does not do what it says.
    """
    console = Console(highlight=False)
    table = wide_table("policy", "rules", "examples", "wrong")
    rules: dict[str, set[str]] = {}
    tried: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for line in answers("test", _request(policies, policy)):
        name = line["policy"]
        rules.setdefault(name, set())
        if not line["rule"]:
            continue
        rules[name].add(line["rule"])
        tried[name] += 1
        if not line["passed"]:
            wrong[name] += 1
            _say(f"{line['place']}: rule {line['rule']}: {line['what']}")
    for name, found in rules.items():
        table.add_row(name, str(len(found)), str(tried[name]), str(wrong[name]))
    console.print(table)
    sys.exit(_WRONG if wrong else 0)


@app.command()
def lint(policy: Name = "", policies: Policies = POLICIES) -> None:
    """Look for what loads and is still likely to be a mistake.

    The exit status is 1 where something is found. docs/policies.md says what each code means.
    """
    count = looked = 0
    for line in answers("lint", _request(policies, policy)):
        if not line["code"]:
            looked += line["rules"]
            continue
        count += 1
        rule = f"rule {line['rule']}: " if line["rule"] else ""
        _say(f"{line['place']}: {rule}{line['what']} ({line['code']})")
    _say(f"rules: {looked}, remarks: {count}")
    sys.exit(_WRONG if count else 0)


@app.command()
def explain(
    policy: Annotated[str, typer.Argument(help="The policy.")] = "default",
    rule: Annotated[str, typer.Argument(help="One of its rules, in full.")] = "",
    policies: Policies = POLICIES,
    text: Annotated[str | None, typer.Option(help="Say what each rule sees in it.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="The same of a file.")] = None,
) -> None:
    """Show which rules are in force and where they come from, or why a text is found or not."""
    request = _request(policies, policy)
    if text is not None or file is not None:
        content = read_input(text, file).decode("utf-8", "replace")
        _show_looks([*answers("explain", {**request, "text": content})], rule)
        return
    head, *lines = answers("explain", request)
    if rule:
        _show_rule(lines, rule, policy)
    else:
        _show_rules(head, lines)


def _show_rules(head: Line, lines: list[Line]) -> None:
    console = Console(highlight=False)
    said = head["policy"]
    console.print(f"[bold]{said['policy']}[/bold]  {said['description']}", soft_wrap=True)
    facts = {
        "extends": ", ".join(head["extends"]),
        "for calls": _globs(said["select"] or {}),
        "unreadable": said["unreadable"],
        "a body has at most": f"{said['body_bytes_max']:,} bytes",
        "when a check fails": said["on_error"],
        "packs": ", ".join(each["pack"] for each in said["packs"]),
    }
    for name, value in facts.items():
        if value:
            console.print(f"  {name}: {value}", markup=False, soft_wrap=True)
    table = wide_table("rule", "action", "phase", "severity", "looks for", "from")
    for line in lines:
        rule = line["rule"]
        columns = (line["action"], line["phase"], line["severity"], _looks_for(rule["match"]))
        table.add_row(rule["id"], *columns, line["place"])
    console.print(table)


def _globs(select: dict[str, Any]) -> str:
    return "; ".join(f"{name} {', '.join(globs)}" for name, globs in select.items() if globs)


def _looks_for(match: dict[str, Any]) -> str:
    """A rule's match in a few words."""
    parts = ["a pattern"] if "regex" in match else []
    if "words" in match:
        count = len(match["words"])
        parts.append(f"{count} words" if count > 1 else "a word")
    told = " or ".join(parts)
    if "near" in match:
        told += " near a keyword"
    if "unless" in match:
        told += " with exceptions"
    return f"{told}, {match['valid']}" if "valid" in match else told


def _show_rule(lines: list[Line], name: str, policy: str) -> None:
    found = next((line for line in lines if line["rule"]["id"] == name), None)
    if found is None:
        known = ", ".join(line["rule"]["id"] for line in lines) or "none"
        raise ToolError(f"the policy {policy} holds no rule {name}; in force are {known}")
    _say(f"# {found['place']}")
    text = yaml.safe_dump(found["rule"], allow_unicode=True, sort_keys=False, width=100)
    sys.stdout.write(text)


def _show_looks(lines: list[Line], rule: str) -> None:
    """A row for each candidate; what stands there is known to who asks."""
    views = [line["view"] for line in lines if "rule" not in line]
    looks = [line for line in lines if line.get("rule", "") and rule in ("", line["rule"])]
    _say(f"read as: {', '.join(views)}")
    if not looks:
        _say("no rule's pattern stands in it")
        return
    table = wide_table("rule", "action", "read as", "characters", "what came of it")
    for line in looks:
        span = f"{line['start']}–{line['end']}"
        table.add_row(line["rule"], line["action"], line["view"], span, line["outcome"])
    Console(highlight=False).print(table)


def _request(policies: Path, policy: str) -> dict[str, str]:
    return {"folder": str(policies.absolute()), "policy": policy}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
