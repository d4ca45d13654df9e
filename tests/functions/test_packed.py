"""deny-pattern out of its package: rules that came compiled, and where they do not fit."""

import zipfile
from pathlib import Path

import pytest

from infra.deploy import package
from tests.functions.running import chat, running

HANDLER = "functions.deny_pattern.handler"
PREPARED = Path("functions/policies/deny-pattern.prepared")


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The package, unpacked as an instance has it."""
    packed = package("deny-pattern", tmp_path / "deny-pattern.zip")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "code")
    return tmp_path / "code"


def taken_up(code: Path, log_path: Path) -> str:
    """How a function out of `code` came by its policies, once it has denied and allowed."""
    with running(HANDLER, log_path, {}, code) as function:
        assert function.ask(chat("账号")).headers["x-meshward-verdict"] == "deny"
        assert function.ask(chat("你是谁？")).headers["x-meshward-verdict"] == "allow"
        (line,) = function.lines("policies taken up")
        detail: str = line["detail"]
        return detail


def test_rules_that_came_compiled_are_not_compiled_again(code: Path, tmp_path: Path) -> None:
    assert taken_up(code, tmp_path / "log") == "as prepared"


def test_a_policy_that_was_changed_in_the_package_is_compiled(code: Path, tmp_path: Path) -> None:
    path = code / "functions" / "policies" / "default.yaml"
    path.write_text(path.read_text() + "# changed\n")
    assert taken_up(code, tmp_path / "log").startswith("compiled here: the policies")


def test_a_database_of_another_version_of_the_engine_is_made_anew(
    code: Path, tmp_path: Path
) -> None:
    path = code / PREPARED
    data = bytearray(path.read_bytes())
    data[data.index(b"\xdb\xdb\xdb\xdb") + 4] ^= 1  # Hyperscan's magic number, then its version.
    path.write_bytes(data)
    assert taken_up(code, tmp_path / "log") == "as prepared"


def test_a_package_without_it_compiles_at_the_start(code: Path, tmp_path: Path) -> None:
    (code / PREPARED).unlink()
    assert "deny-pattern.prepared" in taken_up(code, tmp_path / "log")
