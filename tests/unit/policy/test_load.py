"""A policy file is taken whole or refused with file, line, rule and remedy."""

from pathlib import Path

import pytest

from functions.policy import OnError, PolicyError, RuleAction, Unreadable, load
from functions.policy.documents import FILE_BYTES_MAX
from functions.verdict import Severity
from tests.unit.policy.conftest import POLICY, Write


def complaint(path: Path) -> str:
    with pytest.raises(PolicyError) as refusal:
        load(path)
    return str(refusal.value)


def test_what_is_left_out_is_strict(write: Write) -> None:
    policy = load(write(POLICY)).policy
    assert policy.judge is not None
    assert policy.unreadable is Unreadable.DENY
    assert policy.judge.on_error is OnError.DENY
    assert policy.rules[0].action is RuleAction.DENY
    assert policy.rules[0].severity is Severity.HIGH
    assert policy.cache_seconds == 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "    why: it is the first",
            "    wy: it is the first",
            "sample.yaml:5: rule first: wy: is not known; did you mean why?",
        ),
        (
            "    action: monitor",
            "    action: block",
            "sample.yaml:18: rule second: action: is block; it must be deny, mask or monitor",
        ),
        (
            "    action: monitor",
            "    action: monitr",
            "sample.yaml:18: rule second: action: is monitr; it must be deny, mask or monitor; did",
        ),
        (
            "      words: [账号]",
            "      words: 账号",
            "sample.yaml:8: rule first: match.words: must be a list, such as [a, b]",
        ),
        (
            "    match:\n      words: [账号]",
            "    match: 账号",
            "sample.yaml:7: rule first: match: must be a mapping, such as {name: value}",
        ),
        (
            "    category: words",
            "    category: 7",
            "sample.yaml:6: rule first: category: must be text; put it in quotes",
        ),
        (
            "      pass: [我的账单]\n",
            "",
            "sample.yaml:10: rule first: examples.pass: Field required",
        ),
        (
            "      find: [我的账号]",
            "      find: []",
            "sample.yaml:11: rule first: examples.find: Tuple should have at least 1 item",
        ),
        (
            "      words: [账号]",
            "      ignore_case: true",
            "sample.yaml:7: rule first: match: give regex, words, or both",
        ),
        (
            "  - id: second",
            "  - id: first",
            "sample.yaml:13: rule first: the id stands at sample.yaml:4 already; choose another",
        ),
        (
            "judge:",
            "packs: [{pack: x}, {pack: x}]\njudge:",
            "sample.yaml:1: the policy: the pac",
        ),
        (
            "  - id: first",
            "  - name: first",
            "sample.yaml:4: rule number 1: id: Field required",
        ),
        (
            "    message: it speaks of an account\n",
            "    message: a\n    message: b\n",
            "sample.yaml:10: not a policy's YAML: a key stands twice",
        ),
        ("policy: sample", "policy: other", "sample.yaml: holds the policy other; the names must"),
        ("policy: sample", "policy: [sample", "sample.yaml:2: not a policy's YAML: "),
        ("policy: sample", "? [a]\n: b", "sample.yaml:1: not a policy's YAML: a key is not a name"),
        ("policy: sample", "policy: &a sample\nx: *a", "sample.yaml:2: not a policy's YAML: alias"),
        ("policy: sample", "policy: !!python/none a", "sample.yaml:1: not a policy's YAML: could "),
        ("    category: words", "    category: Two Words", "sample.yaml:6: rule first: category: "),
        ("      words: [账号]", "      words: [on]", "sample.yaml:8: rule first: match.words.0: "),
        ("judge:", "judge:\n  timeout_ms: 90000", "sample.yaml:24: judge.timeout_ms: "),
    ],
)
def test_an_error_names_file_line_rule_and_remedy(
    write: Write, old: str, new: str, says: str
) -> None:
    assert old in POLICY
    told = complaint(write(POLICY.replace(old, new, 1)))
    assert any(line.startswith(says) for line in told.splitlines()), told


def test_all_errors_of_a_file_are_told_at_once(write: Write) -> None:
    told = complaint(write(POLICY.replace("why:", "wy:")))
    assert told.splitlines() == [
        "sample.yaml:4: rule first: why: Field required",
        "sample.yaml:5: rule first: wy: is not known; did you mean why?",
        "sample.yaml:13: rule second: why: Field required",
        "sample.yaml:14: rule second: wy: is not known; did you mean why?",
    ]


@pytest.mark.parametrize(
    "text", ["", "just words", "- a\n- b\n", "policy: \x00", "[" * 5000, "policy: 2026-99-99"]
)
def test_what_is_no_policy_at_all_is_refused(write: Write, text: str) -> None:
    assert complaint(write(text)).startswith("sample.yaml")


def test_a_file_that_is_not_utf_8_is_refused(write: Write) -> None:
    path = write(POLICY)
    path.write_bytes(path.read_bytes() + b"# \xff\n")
    assert complaint(path).startswith("sample.yaml: not YAML")


def test_a_file_that_is_too_large_is_refused(write: Write) -> None:
    assert "at most" in complaint(write("#" * (FILE_BYTES_MAX + 1)))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert (
        complaint(tmp_path / "none.yaml") == "none.yaml: cannot be read: No such file or directory"
    )
