"""The policies of a folder: all new or all old, and each known by what it says."""

import os
from pathlib import Path

import pytest

from functions.policy import Policies, PolicyError, Prepared, load
from functions.policy.prepared import revision_of
from tests.unit.policy.conftest import POLICY, Write

Revisions = Policies[str]


def folder_of(path: Path) -> Revisions:
    return Policies(path.parent, lambda made: f"{made.source.file} {made.revision}", "engine 1")


def test_a_policy_is_known_by_its_name(write: Write) -> None:
    policies = folder_of(write(POLICY))
    policies.reload()
    assert policies.names() == ["sample"]
    assert (policies.get("sample") or "").startswith("sample.yaml ")
    assert policies.get("other") is None


def test_the_revision_follows_what_is_said_and_not_how(write: Write) -> None:
    plain = load(write(POLICY)).policy
    commented = load(write("# a comment\n" + POLICY + "unreadable: deny\n")).policy
    changed = load(
        write(POLICY.replace("[0-9]{4}", "[0-9]{5}").replace('"1234"', '"12345"'))
    ).policy
    assert revision_of(plain, "e") == revision_of(commented, "e")
    assert revision_of(plain, "e") != revision_of(changed, "e")
    assert revision_of(plain, "e") != revision_of(plain, "f")


def test_a_changed_file_comes_into_force(write: Write) -> None:
    path = write(POLICY)
    policies = folder_of(path)
    policies.reload()
    before = policies.get("sample")
    assert not policies.refresh()
    write(POLICY.replace("a policy for tests", "a changed policy"))
    assert policies.refresh()
    assert policies.get("sample") != before


def test_a_bad_file_leaves_the_last_good_one_in_force_and_is_told_once(write: Write) -> None:
    policies = folder_of(write(POLICY))
    policies.reload()
    before = policies.get("sample")
    write(POLICY.replace("category: words", "category: no words"))
    with pytest.raises(PolicyError, match=r"sample\.yaml:6: rule first: category"):
        policies.refresh()
    assert not policies.refresh()
    assert policies.get("sample") == before


def test_one_bad_file_keeps_the_good_ones_beside_it_as_they_were(write: Write) -> None:
    path = write(POLICY)
    policies = folder_of(path)
    policies.reload()
    (path.parent / "other.yaml").write_text("policy: other\n")
    write(POLICY.replace("a policy for tests", "a changed policy"))
    before = policies.get("sample")
    with pytest.raises(PolicyError, match=r"other\.yaml"):
        policies.refresh()
    assert policies.get("sample") == before


def test_a_folder_that_was_emptied_leaves_the_last_good_policies(write: Write) -> None:
    path = write(POLICY)
    policies = folder_of(path)
    policies.reload()
    path.unlink()
    with pytest.raises(PolicyError, match="holds no policy"):
        policies.refresh()
    assert policies.names() == ["sample"]


def test_a_file_of_the_same_size_and_another_time_is_read_anew(write: Write) -> None:
    path = write(POLICY)
    policies = folder_of(path)
    policies.reload()
    os.utime(path, ns=(0, 0))
    assert policies.refresh()


def test_a_changed_pack_of_the_folder_comes_into_force(write: Write) -> None:
    path = write(POLICY)
    policies = folder_of(path)
    policies.reload()
    (path.parent / "packs").mkdir()
    (path.parent / "packs" / "mine.yaml").write_text("pack: mine\n")
    assert policies.refresh()


def test_an_error_in_making_is_like_one_in_the_file(write: Write) -> None:
    def refuse(made: Prepared) -> str:
        raise made.source.error(1, "is not liked")

    policies = Policies(write(POLICY).parent, refuse, "engine 1")
    with pytest.raises(PolicyError) as refusal:
        policies.reload()
    assert str(refusal.value) == "sample.yaml:13: rule second: is not liked"
