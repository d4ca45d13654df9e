"""What is made from the contract's one source, `functions.verdict`.

    functions/verdict ──render──▶ mesh/shim/contract.zig              constants for the shim
                                  docs/reference/verdict.schema.json  JSON Schema of a verdict
                                  docs/reference/contract.md          the reference page

The files are checked in; `python -m infra.contract check` names those that are not fresh.
"""

import json
from pathlib import Path
from typing import Final

from functions.verdict import Verdict
from infra.contract import page, zig

ROOT: Final = Path(__file__).parents[2]


def render() -> dict[Path, str]:
    """Each generated file's path, relative to the repository, with its content."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Verdict.model_json_schema(mode="serialization"),
    }
    return {
        Path("mesh/shim/contract.zig"): zig.render(),
        Path("docs/reference/verdict.schema.json"): json.dumps(schema, indent=2) + "\n",
        Path("docs/reference/contract.md"): page.render(),
    }


def write(root: Path = ROOT) -> None:
    """Write all generated files below `root`."""
    for path, content in render().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")


def stale(root: Path = ROOT) -> list[Path]:
    """The generated files below `root` that are missing or differ from what would be written."""
    return [
        path
        for path, content in render().items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != content
    ]
