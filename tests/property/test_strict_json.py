"""Strict JSON: what it accepts it reads as everybody does, and nothing makes it crash."""

import json
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from functions.prompt import MalformedMessage
from functions.prompt.strict_json import parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def unambiguous(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(unambiguous, value))
    if isinstance(value, dict):
        keys = {key.casefold() for key in value}
        return len(keys) == len(value) and all(map(unambiguous, value.values()))
    return value not in (float("inf"), float("-inf"))


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_what_json_writes_is_read_back(value: Any, ascii_only: bool, indent: int | None) -> None:
    assume(unambiguous(value))
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert parse(body) == value


@given(st.binary(max_size=200) | st.text("{}[]\":,\\u019ad8eEtrufalsn \n-+.'", max_size=60))
@example(b'{"a":1,"a":1}')
@example(b'"\\udc00"')
@example("\ufeff{}")
def test_any_bytes_are_malformed_or_read_as_json_reads_them(body: bytes | str) -> None:
    raw = body if isinstance(body, bytes) else body.encode()
    try:
        value = parse(raw)
    except MalformedMessage:
        return
    assert json.loads(raw.decode()) == value


@given(VALUES, st.integers(min_value=0), st.binary(min_size=1, max_size=4))
def test_damaged_json_is_malformed_or_read_as_json_reads_it(
    value: Any, at: int, damage: bytes
) -> None:
    raw = json.dumps(value).encode()
    at %= len(raw) + 1
    damaged = raw[:at] + damage + raw[at:]
    try:
        found = parse(damaged)
    except MalformedMessage:
        return
    assert json.loads(damaged.decode()) == found
