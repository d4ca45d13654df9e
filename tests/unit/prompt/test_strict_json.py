"""One body, one reading: whatever two JSON readers could understand differently is refused."""

import json

import pytest

from functions.prompt import MalformedMessage
from functions.prompt.strict_json import DEPTH_MAX, parse

REFUSED = {
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "an overlong UTF-8 form": b'{"a": "\xc0\xaf"}',
    "a byte that ends no character": b'{"a": "\xe8\xb4"}',
    "nothing but blanks": b"  ",
    "a second document": b'{"a": 1} {"a": 2}',
    "bytes behind the document": b'{"a": 1}x',
    "a cut document": b'{"a": "b',
    "equal keys": b'{"role": "user", "role": "system"}',
    "equal keys, one of them escaped": b'{"role": "user", "r\\u006fle": "system"}',
    "keys that differ in letter case": b'{"content": "a", "Content": "b"}',
    "keys that differ in a letter that folds to the same": '{"k": 1, "\u212a": 2}'.encode(),
    "equal keys deep inside": b'{"a": [{"b": 1, "B": 2}]}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "half of a surrogate pair": b'{"a": "\\ud83d"}',
    "half of a surrogate pair in a key": b'{"\\ude00": 1}',
    "a raw line feed in a string": b'{"a": "b\nc"}',
    "single quotes": b"{'a': 1}",
    "a comment": b'{"a": 1 /* b */}',
    "a comma too many": b'{"a": 1,}',
    "a number of 5,000 digits": b'{"a": ' + b"1" * 5000 + b"}",
    "a level too many": b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1),
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "100,000 levels of objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b' {"stop": "\\n", "n": 1e3} \r\n', {"stop": "\n", "n": 1000.0}),
        (b'{"a": {"b": 1}, "c": {"b": 2}}', {"a": {"b": 1}, "c": {"b": 2}}),
        (b'"text"', "text"),
        (b"[]", []),
    ],
)
def test_plain_json_is_read_as_it_is(body: bytes, value: object) -> None:
    assert parse(body) == value


def test_the_deepest_body_that_is_read_has_128_levels() -> None:
    value = parse(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    for _ in range(127):
        value = value[0]
    assert value == []


def test_a_value_in_the_deepest_list_is_no_level_of_its_own() -> None:
    body = b"[" * DEPTH_MAX + b'"[{"' + b"]" * DEPTH_MAX
    assert json.dumps(parse(body)).encode() == body


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert len(parse(b"[" + b"{}," * 1000 + b"{}]")) == 1001


def test_a_refusal_quotes_nothing_of_the_body() -> None:
    with pytest.raises(MalformedMessage) as refusal:
        parse(b'{"secret-word": 1, "Secret-Word": 2}')
    assert "secret" not in str(refusal.value).lower()
