"""llm-guard's verdicts for tools: asked in lines, answered in lines, and nothing remembered."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.functions.running import ROOT, callout, chat
from tests.support.misbehaving_judge import MisbehavingJudge
from tests.unit.policy.conftest import POLICY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sample.yaml").write_text(POLICY)
    return tmp_path


def asked(judge: MisbehavingJudge, folder: Path, *texts: str, **more: str) -> list[dict[str, Any]]:
    """What it says to these texts, those of `at_once` 2."""
    lines: list[dict[str, Any]] = [{"folder": str(folder), "at_once": 2}]
    for number, text in enumerate(texts):
        call = callout(policy="sample").model_dump(mode="json")
        body = base64.b64encode(chat(text)).decode()
        lines.append({"id": number, "callout": call, "body": body})
    environment = {
        "PATH": os.environ["PATH"],
        "MESHWARD_JUDGE_URL": judge.url,
        "MESHWARD_JUDGE_MODEL": "m",
        "MESHWARD_JUDGE_PRICE_IN": "1000",
        "MESHWARD_JUDGE_PRICE_OUT": "2000",
    }
    process = subprocess.run(
        [sys.executable, "-m", "functions.llm_guard.asking"],
        cwd=ROOT,
        env=environment | more,
        input="".join(json.dumps(line) + "\n" for line in lines),
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    return [json.loads(line) for line in process.stdout.splitlines()]


def test_every_message_has_a_verdict_and_its_cost(folder: Path) -> None:
    with MisbehavingJudge() as judge:
        first, *answers = asked(judge, folder, "one", "two", "one")
        assert len(judge.asked) == 3
    assert list(first["policies"]) == ["sample"]
    assert first["judges"] == ["1-m"]
    assert sorted(answer["id"] for answer in answers) == [0, 1, 2]
    assert {answer["verdict"]["reason"] for answer in answers} == {"judge.cleared"}
    assert {answer["verdict"]["revision"] for answer in answers} == {first["policies"]["sample"]}
    assert answers[-1]["spent"] == {"tokens_in": 1200, "tokens_out": 90, "cost": 1.38}
    assert all(answer["microseconds"] > 0 for answer in answers)


def test_a_failure_of_the_judge_is_a_verdict_like_any_other(folder: Path) -> None:
    with MisbehavingJudge() as judge:
        judge.fault = "prose"
        _, answer = asked(judge, folder, "one")
    assert answer["verdict"]["reason"] == "judge.malformed"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MESHWARD_JUDGE_MODEL", "", "must be set for llm-guard"),
        ("MESHWARD_JUDGE_MODL", "m", "did you mean MESHWARD_JUDGE_MODEL?"),
    ],
)
def test_settings_that_cannot_be_used_are_an_error_in_words(
    folder: Path, name: str, value: str, says: str
) -> None:
    with MisbehavingJudge() as judge:
        (line,) = asked(judge, folder, "one", **{name: value})
    assert says in line["error"]


def test_a_folder_without_policies_is_an_error_in_words(tmp_path: Path) -> None:
    with MisbehavingJudge() as judge:
        (line,) = asked(judge, tmp_path, "one")
    assert "holds no policy" in line["error"]
