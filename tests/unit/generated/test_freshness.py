"""What is generated from the contract is checked in, fresh, and noticed when it is not."""

from pathlib import Path

from infra import contract


def test_the_generated_files_are_fresh() -> None:
    assert contract.stale() == []


def test_a_changed_or_missing_file_is_noticed(tmp_path: Path) -> None:
    contract.write(tmp_path)
    changed, missing, *_ = contract.render()
    (tmp_path / changed).write_text("something else")
    (tmp_path / missing).unlink()

    assert contract.stale(tmp_path) == [changed, missing]
