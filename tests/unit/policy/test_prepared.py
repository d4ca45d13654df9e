"""What was prepared is taken up as it was, or not at all."""

from pathlib import Path

import pytest

from functions.policy import Policies, Prepared, load
from functions.policy.prepared import NotPrepared, dump, fingerprint, parse
from tests.unit.policy.conftest import POLICY, Write

PACKED = POLICY + "packs: [{pack: pii-cn, rules: {cn-landline: off}}]\n"


def prepared(path: Path) -> Prepared:
    return Prepared(load(path), "0123456789ab", b"what a check\nmade of it\x00")


def test_a_policy_with_packs_comes_back_as_it_was(write: Write) -> None:
    made = prepared(write(PACKED))
    assert list(parse(dump("f", [made]), "f")) == [made]


def test_nothing_is_taken_of_bytes_that_are_cut(write: Write) -> None:
    whole = dump("f", [prepared(write(POLICY))])
    for end in range(len(b'{"fingerprint": "f"}\n') + 1, len(whole), 7):
        with pytest.raises(NotPrepared):
            list(parse(whole[:end], "f"))


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\n", b'{"fingerprint": "f"}\n[1]\n'])
def test_nothing_is_taken_of_other_bytes(data: bytes) -> None:
    with pytest.raises(NotPrepared):
        list(parse(data, "f"))


def test_a_fingerprint_is_of_files_packs_and_engine(write: Write) -> None:
    folder = write(POLICY).parent
    first = fingerprint(folder, "engine 1")
    assert first == fingerprint(folder, "engine 1")
    assert first != fingerprint(folder, "engine 2")
    write(POLICY + "# a comment\n")
    second = fingerprint(folder, "engine 1")
    (folder / "packs").mkdir()
    (folder / "packs" / "own.yaml").write_text("pack: own\n")
    assert len({first, second, fingerprint(folder, "engine 1")}) == 3


def policies_of(folder: Path, file: Path) -> Policies[bytes]:
    return Policies(folder, lambda made: made.data, "engine 1", file)


def test_a_store_takes_up_what_was_prepared_for_its_folder(write: Write, tmp_path: Path) -> None:
    path = write(POLICY)
    file = tmp_path / "ready"
    file.write_bytes(dump(fingerprint(path.parent, "engine 1"), [prepared(path)]))
    policies = policies_of(path.parent, file)
    assert policies.reload() == "as prepared"
    assert policies.get("sample") == b"what a check\nmade of it\x00"


@pytest.mark.parametrize("change", ["the policy", "the file", "no file", "the engine"])
def test_a_store_reads_the_folder_where_the_preparation_does_not_fit(
    write: Write, tmp_path: Path, change: str
) -> None:
    path = write(POLICY)
    file = tmp_path / "ready"
    engine = "engine 0" if change == "the engine" else "engine 1"
    whole = dump(fingerprint(path.parent, engine), [prepared(path)])
    file.write_bytes(whole[:-5] if change == "the file" else whole)
    if change == "the policy":
        write(POLICY.replace("a policy for tests", "another"))
    if change == "no file":
        file.unlink()
    policies = policies_of(path.parent, file)
    assert policies.reload().startswith("compiled here: ")
    assert policies.get("sample") == b""
