"""Both functions as processes, and a judge whose faults can be chosen; started once."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.functions.running import Function, chat, running
from tests.support.misbehaving_judge import MisbehavingJudge
from tests.support.waiting import wait_until

_TEXTS = count()


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
def shared_llm_guard(
    tmp_path_factory: pytest.TempPathFactory, shared_judge: MisbehavingJudge
) -> Iterator[Function]:
    log_path = tmp_path_factory.mktemp("llm-guard") / "log"
    environment = {
        "MESHWARD_JUDGE_URL": shared_judge.url,
        "MESHWARD_JUDGE_MODEL": "judge-1",
        "MESHWARD_JUDGE_API_KEY": "sk-judge",
        # It remembers next to nothing, so that each test has its judge asked.
        "MESHWARD_CACHE_ENTRIES_MAX": "1",
    }
    with running("functions.llm_guard.handler", log_path, environment) as function:
        yield function


@pytest.fixture
def llm_guard(shared_llm_guard: Function, judge: MisbehavingJudge) -> Function:
    """The function, once it trusts its judge again: an earlier test may have failed it."""

    def trusts() -> bool:
        answer = shared_llm_guard.ask(chat(f"a text that is asked for once, {next(_TEXTS)}"))
        return answer.headers["x-meshward-reason"] == "judge.cleared"

    wait_until(trusts, "llm-guard trusts its judge again", seconds=10)
    judge.reset()
    return shared_llm_guard
