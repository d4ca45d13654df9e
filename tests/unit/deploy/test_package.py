"""A package holds its function, its dependencies and nothing else, and equal input equal bytes."""

import zipfile
from pathlib import Path

import pytest

from infra.deploy import PackageError, package


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package("deny-pattern", tmp_path_factory.mktemp("packed") / "deny-pattern.zip")


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_a_package_holds_the_function_and_what_it_stands_on(packed: Path) -> None:
    found = set(names(packed))

    assert {
        "functions/__init__.py",
        "functions/verdict/models.py",
        "functions/runtime/serving.py",
        "functions/policies/default.yaml",
        "functions/deny_pattern/handler.py",
        "hyperscan/__init__.py",
    } <= found


def test_a_package_holds_no_other_function_and_no_part_of_the_house(packed: Path) -> None:
    unwanted = ("functions/llm_guard/", "infra/", "mesh/", "tests/", "RECORD")

    assert [name for name in names(packed) if any(part in name for part in unwanted)] == []


def test_a_package_brings_byte_code_that_needs_no_look_at_its_source(packed: Path) -> None:
    name = "functions/deny_pattern/__pycache__/handler.cpython-311.pyc"

    with zipfile.ZipFile(packed) as archive:
        flags = int.from_bytes(archive.read(name)[4:8], "little")

    assert flags == 0b01  # PEP 552: by hash, unchecked


def test_equal_input_gives_equal_bytes(packed: Path, tmp_path: Path) -> None:
    again = package("deny-pattern", tmp_path / "again.zip")

    assert again.read_bytes() == packed.read_bytes()


def test_a_fresh_package_is_not_made_again(packed: Path) -> None:
    before = packed.stat().st_mtime_ns

    package("deny-pattern", packed)

    assert packed.stat().st_mtime_ns == before


def test_an_unknown_function_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"nobody.*requirements\.txt"):
        package("nobody", tmp_path / "nobody.zip")
