"""`meshward judge probe`: what it tells of judges that are good, odd, and not there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.misbehaving_judge import MisbehavingJudge

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stand_in() -> Iterator[str]:
    """The stand-in judge's base URL."""
    command = [sys.executable, "-m", "infra.local.judge"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/v1"
        finally:
            process.terminate()


def run(url: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    judge = {"MESHWARD_JUDGE_URL": url, "MESHWARD_JUDGE_MODEL": "m"}
    base = {"PATH": os.environ["PATH"], "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=base | judge | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def command(url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run(url, "infra.cli.entry", "judge", "probe", **environment)


def summary_of(url: str, language: str = "en") -> dict[str, Any]:
    """What the command reads, and `--json` prints."""
    done = run(url, "functions.llm_guard.probe", language, "4", "30")
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["summary"]
    return summary


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_stand_in_finds_all_that_it_is_asked_for(stand_in: str, language: str) -> None:
    summary = summary_of(stand_in, language)
    assert (summary["agreement"], summary["resistance"]) == (1, 1)
    assert (summary["false_alarms"], summary["failures"]) == (0, {})
    assert (summary["form"], summary["reachable"]) == ("schema", True)
    assert summary["tokens_in"] > 10_000


def test_people_get_a_table_and_advice(stand_in: str) -> None:
    shown = command(stand_in).stdout
    assert "agreement with the built-in set" in shown
    assert "100%" in shown
    assert "Recommended: timeout_ms: " in shown


def test_a_judge_that_clears_everything_is_not_recommended() -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "no schemas"
        shown = command(judge.url).stdout
    assert "resistance to being talked round │ 0%" in shown
    assert "answers by                       │ json" in shown
    assert "Below 90%: agreement, resistance; let it monitor first." in shown


def test_a_judge_that_cannot_keep_to_a_form_is_told_by_the_name_of_it() -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "prose"
        summary = summary_of(judge.url)
    assert (summary["agreement"], summary["failures"]) == (0, {"prose": 32})
    assert summary["reachable"]


def test_advice_for_such_a_judge_is_about_the_form() -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "prose"
        shown = command(judge.url).stdout
    assert "It does not keep to the form of the answer" in shown
    assert "× agreement: expected none, prose" in shown


def test_a_judge_that_is_not_there_is_asked_once() -> None:
    summary = summary_of("http://127.0.0.1:9/v1")
    assert (summary["reachable"], summary["failures"]) == (False, {"connect": 1})


def test_a_judge_that_takes_too_long_is_told_so() -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "hang"
        url = {"MESHWARD_JUDGE_URL": judge.url}
        shown = run("", "infra.cli.entry", "judge", "probe", "--patience", "1", **url).stdout
    assert "timeout 32" in shown
    assert "It answers nothing in time: try --patience 120" in shown


def test_a_judge_that_takes_no_question_is_asked_once() -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "401"
        shown = command(judge.url).stdout
        assert len(judge.asked) == 1
    assert "It is there and takes no question: look at its key" in shown
    assert "unauthorised 1" in shown


def test_a_setting_that_cannot_be_used_is_one_sentence() -> None:
    done = command("http://127.0.0.1:9/v1", MESHWARD_JUDGE_FORM="xml")
    assert done.returncode == 1
    assert "MESHWARD_JUDGE_FORM is 'xml'; it must be one of" in done.stderr
    assert "Traceback" not in done.stderr


def test_of_a_judge_without_an_opinion_nothing_is_told_that_looks_like_one() -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "prose"
        shown = command(judge.url).stdout
    assert "resistance to being talked round │ –" in shown
    assert "prose 32" in shown
    assert "does not keep to the form" in shown
