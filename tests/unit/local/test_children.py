"""Children are ready when they say so, stop when told to, and tell why they did not start."""

import os
import sys

import pytest

from infra.local.children import Child, ChildError

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


CALM = """
import time
print("warming up")
print('{"ready": true, "port": 7}')
time.sleep(60)
"""


def test_a_child_is_ready_with_the_facts_of_its_line() -> None:
    with Child.spawn("calm", python(CALM), ENVIRONMENT) as child:
        assert child.wait_ready()["port"] == 7
        assert child.running
        assert child.log() == ["warming up"]
    assert not child.running


def test_a_child_that_ends_first_is_an_error_with_the_end_of_its_log() -> None:
    child = Child.spawn("hasty", python("raise SystemExit('no luck today')"), ENVIRONMENT)

    with pytest.raises(ChildError, match=r"hasty did not become ready(.|\n)*no luck today"):
        child.wait_ready()
