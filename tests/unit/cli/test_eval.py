"""`meshward eval` as a shell sees it."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.test_check import meshward
from tests.unit.policy.conftest import POLICY

LINES = [
    {"text": "我的账号 sesame", "expect": "deny", "category": "words", "group": "plain"},
    {"text": "我的账-号 sesame", "expect": "deny", "category": "words", "group": "cut"},
    {"body": {"prompt": "1234"}, "expect": "find", "category": "numbers"},
    {"text": "hello sesame", "expect": "allow"},
    {"text": "1234 sesame", "expect": "allow"},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in LINES)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "policies"
    path.mkdir()
    (path / "sample.yaml").write_text(POLICY, encoding="utf-8")
    text = POLICY.replace("policy: sample", "policy: spread")
    text = text.replace("words: [账号]", "words: [账号]\n      spread: true")
    (path / "spread.yaml").write_text(text, encoding="utf-8")
    return path


def test_shares_come_with_intervals_and_misses_with_their_lines(data: Path, folder: Path) -> None:
    options = ("--policies", str(folder), "--policy", "sample")
    done = meshward("eval", str(data), *options, "--json")
    (document,) = json.loads(done.stdout)
    words = document["categories"]["words"]
    assert (words["recall"]["hits"], words["recall"]["total"]) == (1, 2)
    assert words["recall"]["interval"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert document["categories"]["numbers"]["false_positives"]["hits"] == 1
    assert (document["missed_lines"], document["wrong_lines"]) == ([2], [5])
    assert document["groups"]["cut"]["found"]["hits"] == 0


def test_two_policies_are_compared_and_shown_on_a_page(
    data: Path, folder: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    options = ("--policies", str(folder), "--policy", "sample", "--against", "spread")
    done = meshward("eval", str(data), *options, "--report", str(report))
    assert done.returncode == 0, done.stderr
    assert "only sample is right: 0, only spread: 1; p = 1" in done.stdout
    page = report.read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "sesame" not in page + done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "arguments", "told"),
    [
        ('{"text": "sesame"}', (), "data.jsonl:1: expect: Field required"),
        ("", (), "holds no texts"),
        ('{"text": "a", "expect": "allow"}', ("--policy", "smaple"), "did you mean sample?"),
        ('{"text": "a", "expect": "allow"}', ("--report", "/no/r.html"), "there is no such folder"),
    ],
)
def test_wrong_input_is_told_with_what_to_do(
    data: Path, folder: Path, line: str, arguments: tuple[str, ...], told: str
) -> None:
    data.write_text(line)
    options = ("--policies", str(folder), "--policy", "sample")
    done = meshward("eval", str(data), *options, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
