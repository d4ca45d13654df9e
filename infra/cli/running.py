"""Runs commands; expected errors are one message and status 1, never a stack trace."""

import sys

import typer
from rich.console import Console


def run(app: typer.Typer, expected: tuple[type[BaseException], ...]) -> None:
    """Run the command that the arguments name."""
    try:
        app(prog_name="meshward")
    except expected as error:
        console = Console(stderr=True, highlight=False)
        console.print(f"[bold red]error:[/bold red] {_worded(error)}", soft_wrap=True)
        sys.exit(1)


def _worded(error: BaseException) -> str:
    return str(getattr(error, "message", None) or error).replace("[", r"\[")
