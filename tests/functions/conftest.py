"""Both functions as processes, and a judge whose faults can be chosen; started once."""

from collections.abc import Iterator

import pytest

from tests.functions.misbehaving_judge import MisbehavingJudge
from tests.functions.running import Function, running


@pytest.fixture(scope="session")
def shared_judge() -> Iterator[MisbehavingJudge]:
    with MisbehavingJudge() as judge:
        yield judge


@pytest.fixture
def judge(shared_judge: MisbehavingJudge) -> MisbehavingJudge:
    """The judge without a fault, asked nothing yet."""
    shared_judge.reset()
    return shared_judge


@pytest.fixture(scope="session")
def deny_pattern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    log_path = tmp_path_factory.mktemp("deny-pattern") / "log"
    with running("functions.deny_pattern.handler", log_path, {}) as function:
        yield function


@pytest.fixture(scope="session")
def llm_guard(
    tmp_path_factory: pytest.TempPathFactory, shared_judge: MisbehavingJudge
) -> Iterator[Function]:
    log_path = tmp_path_factory.mktemp("llm-guard") / "log"
    environment = {
        "MESHWARD_JUDGE_URL": shared_judge.url,
        "MESHWARD_JUDGE_MODEL": "judge-1",
        "MESHWARD_JUDGE_API_KEY": "sk-judge",
    }
    with running("functions.llm_guard.handler", log_path, environment) as function:
        yield function
