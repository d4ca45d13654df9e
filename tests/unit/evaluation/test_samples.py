"""Labelled texts: what is read, and what is said of lines that are none."""

import json
from pathlib import Path

import pytest

from infra.evaluation import DataError, samples


def read(tmp_path: Path, *lines: str) -> list[object]:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return list(samples(path))


def test_a_line_is_a_text_or_a_message_with_what_should_become_of_it(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '{"text": "a", "expect": "deny", "category": "key", "group": "plain"}',
        "",
        '{"body": {"prompt": "a"}, "expect": "find", "category": ["key", "phone"]}',
        '{"text": "b", "expect": "allow"}',
    )
    assert [getattr(each, "line", 0) for each in found] == [1, 3, 4]
    assert [getattr(each, "category", None) for each in found] == [("key",), ("key", "phone"), ()]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"text": "sesame", "expect": "deny"}, "needs a category"),
        ({"text": "sesame", "expect": "allow", "category": "key"}, "needs a category"),
        ({"text": "sesame", "expect": "block", "category": "key"}, "expect: Input should be"),
        ({"text": "sesame", "body": {}, "expect": "allow"}, "give text or body, and not both"),
        ({"expect": "allow"}, "give text or body"),
        ({"text": "sesame", "expects": "allow"}, "expect: Field required"),
        ({"text": "sesame", "expect": "allow", "gruop": "x"}, "gruop: is not known; did you mean"),
        ({"text": "sesame", "expect": "deny", "category": "Key"}, "category.0: String should"),
        ({"line": 7, "text": "sesame", "expect": "allow"}, "must be an object such as"),
        (["sesame"], "must be an object such as"),
    ],
)
def test_a_line_that_is_none_is_named_and_its_text_is_not(
    tmp_path: Path, document: object, told: str
) -> None:
    with pytest.raises(DataError) as refusal:
        read(tmp_path, '{"text": "a", "expect": "allow"}', json.dumps(document))
    assert str(refusal.value).startswith(f"{tmp_path}/data.jsonl:2: ")
    assert told in str(refusal.value)
    assert "sesame" not in str(refusal.value)


@pytest.mark.parametrize("line", ["{", "not json", "[" * 100_000])
def test_what_is_no_json_is_told_so(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"data\.jsonl:1: is not a JSON object"):
        read(tmp_path, line)


def test_bytes_that_are_no_utf_8_are_told_so(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"text": "\xff\xff", "expect": "allow"}\n')
    with pytest.raises(DataError, match="not a JSON object in UTF-8"):
        list(samples(path))


def test_a_file_that_is_not_there_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read: No such file"):
        list(samples(tmp_path / "none.jsonl"))
