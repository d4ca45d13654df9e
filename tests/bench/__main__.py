"""`python -m tests.bench [NAME]`: run the benches whose name contains NAME, or all."""

import importlib
import sys
from pathlib import Path

from rich.console import Console

from tests.bench.report import Report


def main(arguments: list[str]) -> int:
    """Run and print; the exit status is 1 where no bench has such a name."""
    wanted = arguments[0] if arguments else ""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
    chosen = [name for name in modules if wanted in name.removeprefix("bench_")]
    if not chosen:
        known = ", ".join(name.removeprefix("bench_") for name in modules)
        sys.stderr.write(f"no bench is called {wanted}; there are: {known}\n")
        return 1
    console = Console(width=120)
    for name in chosen:
        report = Report(name.removeprefix("bench_"))
        importlib.import_module(f"tests.bench.{name}").bench(report)
        report.show(console)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
