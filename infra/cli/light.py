"""The light commands, about policies and texts: without the SDK, which takes long to import."""

from typing import Final

import typer

from infra.cli import policy
from infra.cli.check import check
from infra.cli.evaluate import evaluate
from infra.cli.running import run
from infra.cli.tools import ToolError
from infra.evaluation import DataError
from mesh.sidecar import ManifestError

EXPECTED: Final = (DataError, ManifestError, OSError, ToolError)


def add_to(app: typer.Typer) -> None:
    """Make them commands of `app`."""
    app.command()(check)
    app.command(name="eval")(evaluate)
    app.add_typer(policy.app, name="policy")


def main() -> None:
    """These commands alone, for a process that imports nothing else."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    add_to(app)
    run(app, EXPECTED)
