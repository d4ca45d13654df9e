"""`meshward policy import` as a shell sees it: files that load, and what it says of them."""

from pathlib import Path

import pytest
import yaml

from tests.unit.cli.test_check import meshward
from tests.unit.sidecar.test_llmproxy import manifest


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "plugin.yaml"
    text = yaml.safe_dump(manifest(allow_patterns=[".*天气.*"]), allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plugin_becomes_a_policy_that_denies_and_allows_what_it_did(
    plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = meshward("policy", "import", str(plugin), "--out", str(out))
    assert done.returncode == 0, done.stderr
    folder = ("--policies", str(out / "policies"), "--policy", "imported")
    assert meshward("check", *folder, "今天天气怎么样").returncode == 0
    assert meshward("check", *folder, "今天股市怎么样").returncode == 4
    assert meshward("check", *folder, "天气账号").returncode == 4
    assert meshward("check", *folder, "--role", "system", "你是助手").returncode == 0


def test_it_says_what_changes_and_what_is_left_to_do_and_copies_no_key(
    plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = meshward("policy", "import", str(plugin), "--out", str(out))
    assert "What changes" in done.stdout
    assert "MESHWARD_JUDGE_URL=https://judge.example.com/compatible-mode/v1" in done.stdout
    assert "The api_key was not copied: rotate it" in done.stdout
    written = "".join(path.read_text() for path in out.rglob("*.yaml"))
    assert "sk-" not in written + done.stdout + done.stderr
    assert "authority: ${MESHWARD_KEY_BROKER_HOST}" in written


def test_files_that_are_there_are_kept(plugin: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("policy", "import", str(plugin), "--out", str(out))
    assert meshward(*arguments).returncode == 0
    again = meshward(*arguments)
    assert again.returncode == 1
    assert "there already; --force replaces it" in again.stderr
    assert meshward(*arguments, "--force").returncode == 0


def test_a_pattern_that_needs_an_example_is_told_and_does_not_load_before(
    plugin: Path, tmp_path: Path
) -> None:
    text = yaml.safe_dump(manifest(deny_patterns=[".*账号.*", r"(a)\1"]), allow_unicode=True)
    plugin.write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    done = meshward("policy", "import", str(plugin), "--out", str(out))
    assert done.returncode == 1
    assert "Rule imported-deny-2: match.regex: RE2 refuses it" in done.stdout
    folder = ("--policies", str(out / "policies"), "--policy", "imported")
    loaded = meshward("check", *folder, "hello")
    assert loaded.returncode == 1
    assert "rule imported-deny-2: examples.find" in loaded.stderr


def test_a_policys_name_is_checked_before_anything_is_written(plugin: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("policy", "import", str(plugin), "--out", str(out), "--policy", "../up")
    done = meshward(*arguments)
    assert done.returncode == 1
    assert "--policy '../up'" in done.stderr
    assert not out.exists()
