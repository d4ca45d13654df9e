"""A folder that changes under a running function: what is read, when, and what is told."""

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from functions.policy import Policies, PolicyError, Prepared, Watcher, read_in_child
from functions.policy.reading import NotRead, Reader, read_here
from tests.unit.policy.conftest import POLICY, Write

ENGINE = "engine 1"


class Watched:
    """A folder's policies as their descriptions, a watcher, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.policies = Policies(folder, lambda made: made.source.policy.description, ENGINE)
        self.policies.reload()
        self.told: list[str] = []
        self.read: Reader = read_here
        self.watcher = Watcher(self.policies, self._tell, self._read)

    def looks(self, count: int) -> None:
        for _ in range(count):
            self.watcher.look()

    def _tell(self, error: PolicyError | None) -> None:
        self.told.append("new" if error is None else str(error))

    def _read(self, folder: Path, engine: str, known: Collection[str]) -> Iterator[Prepared]:
        return self.read(folder, engine, known)


@pytest.fixture
def watched(write: Write) -> Watched:
    return Watched(write(POLICY).parent)


def test_a_file_is_read_once_it_has_come_to_rest(watched: Watched, write: Write) -> None:
    watched.looks(2)
    write(POLICY.replace("a policy for tests", "half"))
    watched.looks(1)
    write(POLICY.replace("a policy for tests", "whole"))
    watched.looks(1)
    assert watched.policies.get("sample") == "a policy for tests"
    watched.looks(1)
    assert watched.policies.get("sample") == "whole"
    watched.looks(3)
    assert watched.told == ["new"]


def test_an_error_is_told_once_and_again_when_it_is_another(watched: Watched, write: Write) -> None:
    for text in ("not a policy", "policy: other"):
        write(text)
        watched.looks(4)
    write(POLICY)
    watched.looks(4)
    assert len(watched.told) == 3
    assert watched.told[-1] == "new"
    assert watched.policies.get("sample") == "a policy for tests"


def test_a_folder_that_could_not_be_read_just_now_is_read_again(
    watched: Watched, write: Write
) -> None:
    def broken(*_: object) -> Iterator[Prepared]:
        raise NotRead("the child ended")

    watched.read = broken
    write(POLICY.replace("a policy for tests", "a changed one"))
    watched.looks(4)
    watched.read = read_here
    watched.looks(1)
    assert watched.told == ["the child ended", "new"]
    assert watched.policies.get("sample") == "a changed one"


def test_a_child_reads_what_would_be_read_here(write: Write) -> None:
    folder = write(POLICY).parent
    child = read_in_child("functions.policy.preparing")
    assert list(child(folder, ENGINE, ())) == list(read_here(folder, ENGINE))


def test_a_child_makes_data_but_of_what_is_known(write: Write) -> None:
    folder = write(POLICY).parent
    child = read_in_child("functions.deny_pattern.preparing")
    (made,) = child(folder, ENGINE, ())
    assert made.data
    (known,) = child(folder, ENGINE, [made.revision])
    assert known == Prepared(made.source, made.revision)


def test_what_a_child_says_of_a_policy_is_the_error(write: Write) -> None:
    folder = write(POLICY.replace('"1234"', '"12"')).parent
    child = read_in_child("functions.deny_pattern.preparing")
    with pytest.raises(PolicyError) as refusal:
        list(child(folder, ENGINE, ()))
    assert str(refusal.value) == "sample.yaml:13: rule second: examples.find: '12' is not found"


@pytest.mark.parametrize("module", ["functions.nothing", "this"])
def test_a_child_that_does_something_else_is_no_policy(write: Write, module: str) -> None:
    folder = write(POLICY).parent
    with pytest.raises(NotRead, match=r"child"):
        list(read_in_child(module)(folder, ENGINE, ()))
