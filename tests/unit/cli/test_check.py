"""`meshward check` and `meshward policy` as a shell sees them: output, status, errors that help."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.policy.conftest import POLICY

MARKED = "sesame-4711"
Done = subprocess.CompletedProcess[str]


def meshward(*arguments: str, given: str | bytes = b"", **environment: str) -> Done:
    base = {"PATH": os.environ["PATH"], "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli.entry", *arguments],
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        check=False,
        timeout=60,
        env=base | environment,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the policy `sample`, which masks four digits."""
    path = tmp_path_factory.mktemp("policies")
    text = POLICY.replace("action: monitor", "action: mask")
    (path / "sample.yaml").write_text(text, encoding="utf-8")
    return path


def check(folder: Path, *arguments: str, given: str | bytes = b"") -> Done:
    options = ("--policies", str(folder), "--policy", "sample")
    return meshward("check", *options, *arguments, given=given)


def test_the_status_says_what_came_of_a_prompt(folder: Path) -> None:
    assert check(folder, "hello").returncode == 0
    assert check(folder, "call 1234").returncode == 3
    denied = check(folder, f"我的账号 {MARKED}")
    assert denied.returncode == 4
    assert denied.stdout.startswith("deny  rule.matched, policy sample, revision ")
    assert "first" in denied.stdout
    assert "2–4" in denied.stdout


def test_a_prompt_comes_as_argument_file_or_standard_input(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("我的账号", encoding="utf-8")
    for done in (
        check(folder, "--file", str(file)),
        check(folder, "-", given="我的账号"),
        check(folder, given="我的账号"),
        check(folder, "--file", "-", given="我的账号"),
    ):
        assert done.returncode == 4, done.stderr


def test_a_body_is_read_as_the_message_that_it_is(folder: Path) -> None:
    body = json.dumps({"tools": [{"function": {"description": "賬號"}}]})
    done = check(folder, "--as", "body", "--json", given=body)
    verdict = json.loads(done.stdout)
    assert done.returncode == 4
    assert verdict["findings"][0]["pointer"] == "/tools/0/function/description"
    assert "body" not in verdict


def test_the_masked_message_is_printed_to_who_asks_for_it(folder: Path) -> None:
    done = check(folder, "--body", "call 1234")
    assert done.returncode == 3
    assert '"content": "call <SECOND_1>"' in done.stdout


def test_the_page_shows_what_the_command_prints() -> None:
    page = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")
    shown = page.partition("a whole message\n")[2].partition("$ echo")[0]
    printed = meshward("check", "我的帐号是 4711").stdout
    lines = [line.rstrip() for line in re.sub("revision .*", "revision …", printed).splitlines()]
    assert lines == shown.splitlines()


@pytest.mark.parametrize("extra", [(), ("--json",), ("--json", "--body"), ("--body",)])
def test_nothing_that_was_found_is_printed(folder: Path, extra: tuple[str, ...]) -> None:
    for prompt in (f"账号 {MARKED}", "pin 4711"):
        done = check(folder, *extra, prompt)
        assert done.returncode in (3, 4)
        assert "4711" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--policy", "nobody", "x"), "holds no policy nobody; there are sample"),
        (("--policy", "sampel", "x"), "holds no policy sampel; did you mean sample?"),
        (("--policy", "No Name", "x"), "--policy 'No Name': "),
        (("--host", "", "x"), "--host '': "),
        (("--file", "/nowhere/at/all"), "/nowhere/at/all: cannot be read: No such file"),
        (("--file", "/"), "cannot be read: Is a directory"),
        (("--file", "/dev/null", "x"), "a prompt and --file are given; give one of them"),
        (("--policies", "/nowhere", "x"), "/nowhere: is no folder"),
    ],
)
def test_wrong_input_is_told_with_what_to_do(
    folder: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = check(folder, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr


def test_bytes_that_are_no_text_are_told_so(folder: Path) -> None:
    done = check(folder, given=b"\xff\xfe")
    assert done.returncode == 1
    assert "is not UTF-8 text (byte 0); --as body sends bytes as they are" in done.stderr


def test_a_policy_that_does_not_load_is_told_with_file_line_and_rule(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(POLICY.replace("category: words", "categroy: words"))
    done = check(tmp_path, "hello")
    assert done.returncode == 1
    assert (
        "sample.yaml:6: rule first: categroy: is not known; did you mean category?" in done.stderr
    )


def test_examples_are_tried_and_wrong_ones_told(folder: Path, tmp_path: Path) -> None:
    good = meshward("policy", "test", "--policies", str(folder))
    assert good.returncode == 0
    (tmp_path / "sample.yaml").write_text(POLICY.replace('find: ["1234"]', 'find: ["12"]'))
    wrong = meshward("policy", "test", "--policies", str(tmp_path))
    assert wrong.returncode == 1
    assert "sample.yaml:13: rule second: examples.find: '12' is not found" in wrong.stdout


def test_remarks_are_told_and_counted(folder: Path) -> None:
    done = meshward("policy", "lint", MESHWARD_POLICY_DIR=str(folder))
    assert done.returncode == 1
    assert "sample.yaml:13: rule second: finds something in" in done.stdout
    assert "(common)" in done.stdout
    assert "rules: 2, remarks: " in done.stdout


def test_the_packed_policies_have_no_remark() -> None:
    assert meshward("policy", "lint").returncode == 0


def test_a_policy_is_explained_whole_by_rule_and_by_text(folder: Path) -> None:
    def explain(*arguments: str) -> Done:
        return meshward("policy", "explain", "sample", *arguments, "--policies", str(folder))

    assert "a word" in explain().stdout
    assert explain("second").stdout.startswith("# sample.yaml:13\nid: second\n")
    looks = explain("--text", f"{MARKED} 1234").stdout
    assert "hit" in looks
    assert "4711" not in looks
    unknown = explain("third")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "holds no rule third; in force are first, second" in unknown.stderr
