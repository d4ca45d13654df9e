"""`meshward eval --check llm-guard`: each text judged once, the cost told, resumed when cut off."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.cli.judged import JOURNALS
from tests.functions.running import ROOT
from tests.support.judge_answers import Fault, flags
from tests.support.misbehaving_judge import MisbehavingJudge
from tests.support.waiting import wait_until
from tests.unit.policy.conftest import POLICY

TEXTS = 24
MARKED = "sesame-4711"


@pytest.fixture
def judge() -> Iterator[MisbehavingJudge]:
    with MisbehavingJudge() as judge:
        yield judge


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Texts of which every other one is labelled as personal."""
    found = {"expect": "deny", "category": "personal-data"}
    lines = [
        {"text": f"{MARKED} {tmp_path} {number}", **(found if number % 2 else {"expect": "allow"})}
        for number in range(TEXTS)
    ]
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "policies"
    path.mkdir()
    (path / "sample.yaml").write_text(POLICY)
    other = POLICY[: POLICY.index("judge:")].replace("policy: sample", "policy: unjudged")
    (path / "unjudged.yaml").write_text(other)
    return path


def times(count: int, fault: Fault) -> list[Fault]:
    return [fault] * count


def started(
    judge: MisbehavingJudge, data: Path, folder: Path, *options: str
) -> "subprocess.Popen[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "COLUMNS": "120",
        "MESHWARD_JUDGE_URL": judge.url,
        "MESHWARD_JUDGE_MODEL": "m",
        "MESHWARD_JUDGE_PRICE_IN": "1000",
    }
    command = [sys.executable, "-m", "infra.cli.main", "eval", str(data), "--check", "llm-guard"]
    return subprocess.Popen(
        [*command, "--policies", str(folder), "--policy", "sample", *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def done(judge: MisbehavingJudge, data: Path, folder: Path, *options: str) -> tuple[int, str, str]:
    """Status, output and errors, neither of which holds a piece of a text."""
    with started(judge, data, folder, *options) as process:
        out, err = process.communicate(timeout=60)
    assert MARKED not in out + err
    assert "Traceback" not in err
    return process.returncode, out, err


def document(judge: MisbehavingJudge, data: Path, folder: Path) -> dict[str, Any]:
    status, out, err = done(judge, data, folder, "--json")
    assert status == 0, err
    (found,) = json.loads(out)
    return dict(found)


def asked_for(judge: MisbehavingJudge, line: int) -> int:
    """How often the judge was asked for the text in that line."""
    return sum(f' {line - 1}"}}' in request["messages"][1]["content"] for request in judge.asked)


def journals(data: Path) -> list[Path]:
    return list(JOURNALS.glob(f"{data.stem}-*.jsonl"))


def test_every_text_is_judged_once_and_the_cost_is_told(
    judge: MisbehavingJudge, data: Path, folder: Path
) -> None:
    before = journals(data)
    judge.opinion = flags("personal-data", "it is one")
    found = document(judge, data, folder)
    assert len(judge.asked) == TEXTS
    assert found["categories"]["personal-data"]["recall"]["hits"] == TEXTS // 2
    assert found["categories"]["personal-data"]["false_positives"]["hits"] == TEXTS // 2
    cost = {"tokens_in": 400 * TEXTS, "tokens_out": 30 * TEXTS, "cost": 0.4 * TEXTS}
    assert found["spent"] == pytest.approx(cost)
    assert (found["failures"], found["without_verdict"]) == ({}, 0)
    assert journals(data) == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_cut_off_goes_on_where_it_was(
    judge: MisbehavingJudge, data: Path, folder: Path, how: signal.Signals
) -> None:
    judge.script = [*times(10, "none"), *times(2, "hang")]
    others = set(journals(data))
    with started(judge, data, folder, "--at-once", "2") as process:
        wait_until(lambda: len(judge.asked) == 12, "it hangs", seconds=30)
        (journal,) = set(journals(data)) - others
        wait_until(lambda: len(journal.read_text().splitlines()) == 11, "ten are kept")
        known = [json.loads(line)["line"] for line in journal.read_text().splitlines()[1:]]
        process.send_signal(how)
        judge.stopping.set()
        _, err = process.communicate(timeout=60)
    judge.stopping.clear()
    if how is signal.SIGINT:
        assert "cut off; 10 texts have their verdict" in err
        assert "Traceback" not in err
    found = document(judge, data, folder)
    assert [asked_for(judge, line) for line in known] == [1] * 10
    assert found["decisions_as_labelled"]["total"] == TEXTS
    assert found["spent"]["tokens_in"] == 400 * TEXTS


def test_a_journal_that_was_cut_in_a_line_is_read_up_to_there(
    judge: MisbehavingJudge, data: Path, folder: Path
) -> None:
    judge.script = [*times(10, "none"), "prose"]
    known = set(journals(data))
    status, out, _ = done(judge, data, folder, "--at-once", "1")
    assert status == 0
    assert "calls without an opinion: prose 1" in out
    assert "1 texts have no verdict; the same command asks for them again" in out
    (journal,) = set(journals(data)) - known
    assert MARKED not in journal.read_text()
    journal.write_bytes(journal.read_bytes()[:-5])
    assert document(judge, data, folder)["without_verdict"] == 0
    assert len(judge.asked) == TEXTS + 2
    assert not journal.exists()


def test_a_judge_that_never_has_an_opinion_is_not_asked_for_ever(
    judge: MisbehavingJudge, data: Path, folder: Path
) -> None:
    judge.fault = "prose"
    status, _, err = done(judge, data, folder)
    assert status == 1
    assert "no opinion 20 times in a row (prose 2" in err
    assert "the same command goes on from there" in " ".join(err.split())


def test_what_cannot_be_measured_is_an_error_in_words(
    judge: MisbehavingJudge, data: Path, folder: Path
) -> None:
    for name, says in (("smaple", "did you mean sample?"), ("unjudged", "has no judge section")):
        status, _, err = done(judge, data, folder, "--policy", name)
        assert (status, says in " ".join(err.split())) == (1, True), err
    assert judge.asked == []


def test_two_policies_are_compared_on_what_both_have_a_verdict_on(
    judge: MisbehavingJudge, data: Path, folder: Path
) -> None:
    stricter = POLICY.replace("policy: sample", "policy: stricter")
    (folder / "stricter.yaml").write_text(stricter)
    judge.script = ["prose"]
    status, out, _ = done(judge, data, folder, "--against", "stricter", "--json")
    assert status == 0
    first, second = json.loads(out)
    assert first["decisions_as_labelled"]["total"] == TEXTS - 1
    assert second["decisions_as_labelled"]["total"] == TEXTS - 1
