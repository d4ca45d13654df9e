"""What is made from the contract is fresh, and every reason of the shim's is met somewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from functions.verdict import REASONS, Reason
from infra import contract
from infra.contract.__main__ import main
from mesh.shim.build import SOURCES, build
from tests.contract.vectors import FOLDER

WASM_BYTES_MAX = 48 * 1024
"""Every sidecar's every worker loads it; a library too many shows here."""

MET_WITHOUT_A_VECTOR = frozenset({Reason.SHIM_FAULT, Reason.SHIM_OVERLOADED})
"""No request can bring these about; test_wasm_faults.py does."""


def test_the_generated_files_are_fresh() -> None:
    assert contract.stale() == []


def test_a_file_that_is_not_fresh_is_named(tmp_path: Path) -> None:
    contract.write(tmp_path)
    assert contract.stale(tmp_path) == []
    changed = Path("mesh/shim/contract.zig")
    (tmp_path / changed).write_text("// by hand\n")
    (tmp_path / "docs/reference/contract.md").unlink()
    assert contract.stale(tmp_path) == [changed, Path("docs/reference/contract.md")]


def test_the_command_checks_and_tells_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert main(["everything"]) == 2
    assert "generate | check" in capsys.readouterr().err


def test_the_zig_sources_are_formatted() -> None:
    command = [sys.executable, "-m", "ziglang", "fmt", "--check"]
    done = subprocess.run(
        [*command, SOURCES, FOLDER.parent], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


def test_the_plugin_is_small_and_built_once() -> None:
    out = build()
    assert out.stat().st_size < WASM_BYTES_MAX
    before = out.stat().st_mtime_ns
    assert build().stat().st_mtime_ns == before


@pytest.mark.parametrize("reason", [each for each in Reason if "shim" in REASONS[each].said_by])
def test_every_reason_that_the_shim_says_is_met_by_a_vector(reason: Reason) -> None:
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")]
    assert reason in MET_WITHOUT_A_VECTOR or any(f'"{reason}"' in text for text in texts)
