"""An edit changes what it names and not one byte more."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.prompt.edit import CannotEdit, Edit, edit
from functions.prompt.segments import View, segments
from functions.prompt.strict_json import MalformedMessage, parse

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def test_only_the_named_characters_change() -> None:
    body = b'{ "n": 1.0e5,\t"a~b": {"x/y": ["\\u8d26\xe5\x8f\xb7!", true, "keep \\u0041"]}}\n'
    changed = edit(body, [Edit("/a~0b/x~1y/0", 0, 2, '<"1">')])
    assert changed == b'{ "n": 1.0e5,\t"a~b": {"x/y": ["<\\"1\\">!", true, "keep \\u0041"]}}\n'


def test_edits_of_one_string_are_made_together() -> None:
    edits = [Edit("/0", 6, 7, "z"), Edit("/0", 0, 2, "xx"), Edit("/0", 1, 4, "gone with the first")]
    assert json.loads(edit(b'["abcdefg"]', edits)) == ["xxefz"]


@pytest.mark.parametrize(
    "wrong",
    [Edit("/a", 0, 1, ""), Edit("/n", 0, 1, ""), Edit("/s", 0, 9, ""), Edit("/" * 1024, 0, 1, "")],
)
def test_what_is_no_string_of_the_body_is_not_edited(wrong: Edit) -> None:
    with pytest.raises(CannotEdit):
        edit(b'{"n": 1, "s": "short", "o": {"a": "x"}}', [wrong])


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_without_edits_nothing_changes(value: Any, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert edit(body, []) == body


@given(VALUES, st.booleans(), st.data())
def test_one_edit_changes_one_string(value: Any, ascii_only: bool, data: st.DataObject) -> None:
    body = json.dumps([value, "there is always one"], ensure_ascii=ascii_only).encode()
    try:
        before = segments(parse(body))
    except MalformedMessage:  # Keys that differ in letter case at most.
        return
    plain = [each for each in before if each.view is View.PLAIN]
    chosen = data.draw(st.sampled_from(plain))
    start = data.draw(st.integers(0, len(chosen.text)))
    end = data.draw(st.integers(start, len(chosen.text)))
    changed = segments(parse(edit(body, [Edit(chosen.pointer, start, end, "<X_1>")])))
    wanted = chosen.text[:start] + "<X_1>" + chosen.text[end:]
    after = {each.pointer: each.text for each in changed if each.view is View.PLAIN}
    assert after == {each.pointer: each.text for each in plain} | {chosen.pointer: wanted}
