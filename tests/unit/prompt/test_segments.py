"""Every string of a body is read, wherever it stands."""

import json
from typing import Any

import pytest

from functions.prompt import MalformedMessage, Segment, View
from functions.prompt.segments import segments
from functions.prompt.strict_json import TooLarge

TEXT = "账号"


def texts(value: Any, view: View | None = None) -> list[str]:
    return [each.text for each in segments(value) if view in (None, each.view)]


PLACES: dict[str, Any] = {
    "a user message": {"messages": [{"role": "user", "content": TEXT}]},
    "a system message": {"messages": [{"role": "system", "content": TEXT}]},
    "an assistant message": {"messages": [{"role": "assistant", "content": TEXT}]},
    "a tool's answer": {"messages": [{"role": "tool", "tool_call_id": "c", "content": TEXT}]},
    "a name": {"messages": [{"role": "user", "name": TEXT, "content": ""}]},
    "a role": {"messages": [{"role": TEXT, "content": ""}]},
    "a content part": {"messages": [{"role": "user", "content": [{"type": "text", "text": TEXT}]}]},
    "a tool's description": {"tools": [{"type": "function", "function": {"description": TEXT}}]},
    "a schema's enum": {"tools": [{"function": {"parameters": {"enum": ["a", TEXT]}}}]},
    "a property's name": {"tools": [{"function": {"parameters": {"properties": {TEXT: {}}}}}]},
    "the model": {"model": TEXT},
    "an id": {"id": TEXT},
    "a stop word": {"stop": [TEXT]},
    "a user": {"user": TEXT},
    "metadata": {"metadata": {"note": TEXT}},
    "a completion's prompt": {"prompt": TEXT},
    "one of several inputs": {"input": ["a", TEXT]},
    "instructions": {"instructions": TEXT},
    "an Anthropic system block": {"system": [{"type": "text", "text": TEXT}]},
    "an Anthropic tool's input": {"content": [{"type": "tool_use", "input": {"q": TEXT}}]},
    "a DashScope prompt": {"input": {"prompt": TEXT}},
    "a DashScope part": {"input": {"messages": [{"role": "user", "content": [{"text": TEXT}]}]}},
    "a DashScope history": {"input": {"history": [{"user": TEXT, "bot": ""}]}},
    "a field that nobody knows": {"x-new": {"deep": [[{"er": TEXT}]]}},
    "a bare string": TEXT,
}


@pytest.mark.parametrize("body", PLACES.values(), ids=PLACES)
def test_text_is_read_in(body: Any) -> None:
    assert TEXT in texts(body)


@pytest.mark.parametrize(
    "arguments",
    [
        '{"query": "账号"}',
        r'{"query": "\u8d26\u53f7"}',
        r'{"\u8d26\u53f7": 1}',
        r'{"a": "\u8d26\u53f7", "a": "harmless"}',
        r'{"a": "harmless"} {"b": "\u8d26\u53f7"}',
        r' ["\u8d26\u53f7"] and prose',
        r'"\u8d26\u53f7"',
        r'{"n": %s, "a": "\u8d26\u53f7"}' % ("9" * 5000),
        json.dumps({"inner": json.dumps({"inner": json.dumps(TEXT)})}),
    ],
)
def test_json_inside_a_string_is_read(arguments: str) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
    assert TEXT in texts({"messages": [{"role": "assistant", "tool_calls": [call]}]})


def test_half_a_surrogate_pair_in_json_inside_a_string_is_replaced() -> None:
    assert texts({"arguments": r'{"a": "\ud800b"}'}, View.INNER) == ["a", "\ufffdb"]


@pytest.mark.parametrize("text", ["[" * 200 + "]" * 200, "[" * 100_000, '{"a":' * 5000])
def test_json_inside_a_string_that_is_too_deep_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage, match="inside a string is nested more than 128 levels"):
        segments({"arguments": text})


@pytest.mark.parametrize("text", ["{curly} prose", '{"a": ', "[1] a footnote", '"quoted', "[[["])
def test_a_string_that_only_looks_like_json_is_read_as_it_is(text: str) -> None:
    assert texts({"arguments": text}) == [text]


def test_a_word_cut_by_a_part_border_is_read_joined() -> None:
    parts = [{"type": "text", "text": "我的账"}, {"type": "text", "text": "号"}]
    found = segments({"messages": [{"role": "user", "content": parts}]})
    joined = Segment("我的账号", "/messages/0/content", "user", View.JOINED)
    assert joined in found


def test_of_messages_the_seams_are_joined() -> None:
    messages = [{"content": "ab" * 100 + "账"}, {"content": [{"text": "号"}, {"text": "x" * 200}]}]
    (seams,) = texts({"messages": messages}, View.SEAMS)
    assert "账号" in seams
    assert len(seams) == 2 * (60 + 1 + 60)
    assert texts({"history": [{"user": "账", "bot": "号"}]}, View.SEAMS) == ["账号"]


def test_an_id_that_may_be_a_key_is_a_label() -> None:
    body = {"model": "AKIAIOSFODNN7EXAMPLE", "id": "call_1", "role": "user"}
    assert texts(body, View.LABEL) == ["AKIAIOSFODNN7EXAMPLE"]


@pytest.mark.parametrize(
    "number", ["1.10105194912310024e17", "110105194912310024", "110105194912310024.0"]
)
def test_a_number_is_read_digit_by_digit(number: str) -> None:
    assert texts(json.loads(f'{{"seed": {number}}}')) == [
        str(int(float(number))) if "." in number else number
    ]


def test_a_segment_names_its_role_and_a_json_pointer() -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "hi", "a/b~c": "there"}]}]}
    assert segments(body) == [
        Segment("hi", "/messages/0/content/0/text", "user"),
        Segment("a/b~c", "/messages/0/content/0/a~1b~0c", "user", View.KEY),
        Segment("there", "/messages/0/content/0/a~1b~0c", "user"),
    ]


def test_a_long_key_is_not_copied_for_everything_that_is_in_it() -> None:
    """Half a megabyte of key times thousands of values would fill any memory."""
    found = segments({"k" * 500_000: ["x"] * 10_000})
    assert {len(each.pointer) for each in found} == {1024}
    assert len(found) == 10_002


@pytest.mark.parametrize(
    "body",
    [
        ["x"] * 30_000,
        [{"x": "y"}] * 15_000,
        {f"k{each}": 1 for each in range(15_000)},
        [[["x"]]] * 30_000,
    ],
)
def test_a_body_of_more_pieces_than_are_read_is_refused(body: object) -> None:
    with pytest.raises(TooLarge, match="more than 20000 pieces of text"):
        segments(body)


def test_a_table_inside_a_string_is_read_to_its_end() -> None:
    table = json.dumps([{"name": f"n{row}"} for row in range(30_000)])
    found = segments({"content": table})
    assert len(found) < 1000
    assert found[-1].text.endswith("name\nn29999")


def test_field_names_of_the_apis_and_plain_values_of_some_are_left_out() -> None:
    message = {"role": "user", "content": "hi"}
    body = {"model": "qwen-plus-2025-04-28", "messages": [message], "id": "chatcmpl-1a2b"}
    assert texts(body) == ["hi"]


@pytest.mark.parametrize(
    "value", ["13800138000", "m-13800138000", "two words", "a" * 65, "账号", "x\n"]
)
def test_a_value_that_could_say_something_is_not_left_out(value: str) -> None:
    assert texts({"model": value, "role": value, "id": value}) == [value] * 3
