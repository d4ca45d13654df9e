"""A function that cannot do its work does not start, and says why in one line."""

import json
import socket
from pathlib import Path

import pytest

from infra.ports import free_port
from tests.functions.running import SECRET, started
from tests.unit.policy.conftest import POLICY

DENY = "functions.deny_pattern.handler"
GUARD = "functions.llm_guard.handler"
BASE = {"MESHWARD_SIGNING_SECRETS": SECRET}


@pytest.mark.parametrize(
    ("handler", "environment", "says"),
    [
        (DENY, {}, "MESHWARD_SIGNING_SECRETS is not set"),
        (DENY, BASE | {"MESHWARD_POLICYDIR": "x"}, "did you mean MESHWARD_POLICY_DIR?"),
        (DENY, BASE | {"MESHWARD_POLICY_DIR": "/nowhere"}, "/nowhere: holds no policy"),
        (GUARD, BASE, "MESHWARD_JUDGE_URL and MESHWARD_JUDGE_MODEL must be set"),
        ("functions.nothing.handler", BASE, "no module functions.nothing"),
    ],
)
def test_a_start_that_is_refused_says_why(
    tmp_path: Path, handler: str, environment: dict[str, str], says: str
) -> None:
    assert says in refusal(tmp_path, handler, environment)


def test_a_policy_that_does_not_load_refuses_the_start(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(POLICY.replace("[0-9]{4}", "(?=a)"))
    told = refusal(tmp_path, DENY, BASE | {"MESHWARD_POLICY_DIR": str(tmp_path)})
    assert told.startswith("sample.yaml:13: rule second: match.regex: RE2 refuses it")


def test_a_quorum_of_more_judges_than_there_are_refuses_the_start(tmp_path: Path) -> None:
    policy = POLICY.replace("judge:", "judge:\n  quorum: {ask: 2, deny: 1}")
    (tmp_path / "sample.yaml").write_text(policy)
    judge = {"MESHWARD_JUDGE_URL": "http://127.0.0.1:9/v1", "MESHWARD_JUDGE_MODEL": "m"}
    told = refusal(tmp_path, GUARD, BASE | judge | {"MESHWARD_POLICY_DIR": str(tmp_path)})
    assert told.startswith("sample.yaml: judge: quorum.ask is 2, and 1 are configured")


def test_a_port_that_is_taken_refuses_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refusal(tmp_path, DENY, BASE, port)
    assert told == f"cannot listen on 127.0.0.1:{port}: Address already in use"


def refusal(tmp_path: Path, handler: str, environment: dict[str, str], port: int = 0) -> str:
    log_path = tmp_path / "log"
    listens = {"FC_SERVER_PORT": str(port or free_port().number)}
    with started(handler, log_path, environment | listens) as process:
        assert process.wait(20) == 1
    lines = [line for line in log_path.read_text().splitlines() if line.startswith("{")]
    *before, line = map(json.loads, lines)
    assert {each["event"] for each in before} <= {"policies taken up", "policies loaded"}
    assert (line["level"], line["event"]) == ("error", "start refused")
    detail: str = line["detail"]
    return detail
