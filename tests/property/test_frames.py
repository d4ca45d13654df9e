"""Known frames: a body is read by its frame as without one, or not by its frame at all."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.prompt import MalformedMessage, Segment, frames
from functions.prompt.frames import Frames
from functions.prompt.references import holds_references
from functions.prompt.segments import segments
from functions.prompt.strict_json import parse

SAID = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["账号", '{"a": "b"}', '"', " [1]", 'say "content": "x"', "\n\t\\", "\x7f\u2028😀", "a" * 200]
)
SAYING = ("content", "text", "prompt", "input", "system", "instructions")
PARTS = st.lists(
    st.fixed_dictionaries({"type": st.just("text"), "text": SAID})
    | st.fixed_dictionaries({"content": SAID}),
    max_size=3,
)
EXTRAS = st.dictionaries(
    st.sampled_from([*SAYING, "model", "id", "seed", "stop", "image", "user", "x", "role"]),
    st.none() | st.booleans() | st.floats(allow_nan=False) | SAID | st.lists(SAID, max_size=2),
    max_size=2,
)
MESSAGES = st.lists(
    st.builds(
        lambda role, content, extras: {"role": role, "content": content} | extras,
        st.sampled_from(["user", "assistant", "tool", "sk-0123456789abcdef"]),
        SAID | st.none() | PARTS,
        st.just({}) | EXTRAS,
    ),
    max_size=4,
)
BODIES = st.builds(
    lambda messages, extras: {"model": "qwen-plus", "messages": messages} | extras,
    MESSAGES,
    st.just({}) | EXTRAS,
)
WRITTEN = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "separators": st.sampled_from([(", ", ": "), (",", ":")])}
)
CHAT = b'{"model": "qwen-plus", "messages": [{"role": "user", "content": "%s"}], "n": 1}'


def by_frame(known: Frames, body: bytes) -> tuple[list[Segment], str] | None:
    """Segments and model as a known frame has them; None where it is not read so."""
    found: list[Segment] = []
    model = known.read(body, found)
    assert model is not None or not found
    return None if model is None else (found, model)


def without_frames(body: bytes) -> tuple[list[Segment], str] | None:
    """Segments and model as the strict parser and the walk have them; None for a refused body."""
    try:
        value = parse(body)
        found = segments(value)
    except MalformedMessage:
        return None
    assert not holds_references(value)
    model = value.get("model") if isinstance(value, dict) else ""
    return found, model if isinstance(model, str) else ""


def knowing(bodies: Sequence[bytes]) -> Frames:
    known = Frames()
    for body in bodies:
        by_frame(known, body)
        by_frame(known, body)
    return known


def said_otherwise(value: Any) -> Any:
    """The same body with something else in each of its texts."""
    if isinstance(value, list):
        return [said_otherwise(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "otherwise" if key in SAYING and isinstance(part, str) else said_otherwise(part)
        for key, part in value.items()
    }


@given(BODIES, WRITTEN)
def test_a_body_is_read_by_its_frame_as_without(value: Any, written: Any) -> None:
    body, other = (json.dumps(each, **written).encode() for each in (value, said_otherwise(value)))
    framed = by_frame(knowing([other]), body)
    assert framed is None or framed == without_frames(body)


def usual(said: str) -> bool:
    """Whether a text is read by its frame, however it is written."""
    return said != "" and said[0] not in '{["' and not said[0].isspace() and max(said) <= "\uffff"


@given(st.lists(SAID.filter(usual), min_size=1, max_size=5), st.data())
def test_what_apis_are_sent_is_read_by_its_frame(said: list[str], data: st.DataObject) -> None:
    messages: list[Any] = [{"role": "user", "content": each} for each in said]
    parts = [{"role": "user", "content": [{"type": "text", "text": each}]} for each in said]
    document = data.draw(
        st.sampled_from(
            [
                {"model": "qwen-plus", "messages": messages, "temperature": 0.7, "stream": True},
                {"model": "gpt-4o", "messages": [*messages, *parts, *messages]},
                {"model": "claude-3-5-sonnet-20241022", "system": said[0], "messages": parts},
                {"model": "gpt-4o", "instructions": said[0], "input": said[-1]},
                {"model": "qwen-plus", "input": {"messages": messages}, "parameters": {"seed": 1}},
                {"input": {"prompt": said[0]}, "parameters": {}},
            ]
        )
    )
    written: dict[str, Any] = data.draw(WRITTEN)
    body, other = (
        json.dumps(each, **written).encode() for each in (document, said_otherwise(document))
    )
    framed = by_frame(knowing([other]), body)
    assert framed == without_frames(body)
    assert framed is not None


@pytest.mark.parametrize(
    "said", ["", " said", "\n", '{\\"a\\": \\"b\\"}', "[1]", '\\"said\\"', "\\ud83d\\ude00"]
)
def test_what_may_be_more_than_its_text_is_read_without_frames(said: str) -> None:
    body = CHAT % said.encode()
    assert by_frame(knowing([CHAT % b"said"]), CHAT % b"said") is not None
    assert by_frame(knowing([CHAT % b"said"]), body) is None


def test_seams_in_a_message_of_a_role_are_read_without_frames() -> None:
    """They would be of that role, and frames know of none."""
    messages = [{"role": "user", "content": "said"}] * 2
    body = json.dumps({"role": "user", "messages": messages}).encode()
    found = without_frames(body)
    assert found is not None
    assert found[0][-1].role == "user"
    assert by_frame(knowing([body]), body) is None


@given(BODIES, WRITTEN, st.integers(min_value=0), st.binary(max_size=4), st.integers(0, 4))
@example({"content": ""}, {}, 13, b'a"content": "b', 0)
def test_a_damaged_body_is_read_as_without_frames(
    value: Any, written: Any, at: int, damage: bytes, gone: int
) -> None:
    whole = json.dumps(value, **written).encode()
    at %= len(whole) + 1
    body = whole[:at] + damage + whole[at + gone :]
    known = knowing([whole, json.dumps(said_otherwise(value), **written).encode(), body])
    framed = by_frame(known, body)
    assert framed is None or framed == without_frames(body)


@pytest.mark.parametrize(
    "body",
    [
        CHAT % b"tab\t",
        CHAT % b"line\n",
        CHAT % b"nul\0",
        CHAT % b"\xff",
        CHAT % b"\xed\xa0\x80",
        CHAT % b"\\ud800",
        CHAT % b"\\udc00\\ud800",
        CHAT % b"\\x",
        CHAT % b"\\u12",
        CHAT % b'", "content": "twice',
        CHAT % b'", "Content": "in another case',
        CHAT % b'"content": "outside',
        CHAT % b'a" "b',
        b"\xef\xbb\xbf" + CHAT % b"said",
        CHAT % b"said" + b"}",
        CHAT % b"said" + b'"content": "',
        (CHAT % b"said")[:-1],
        (CHAT % b"said").replace(b"1}", b"NaN}"),
        (CHAT % b"said").replace(b"1}", b"-Infinity}"),
        (CHAT % b"said").replace(b"1}", b"1" * 5000 + b"}"),
        (CHAT % b"said").replace(b"1}", b"[" * 200 + b"]" * 200 + b"}"),
        (CHAT % b"said").replace(b'"n"', b'"model"'),
    ],
)
def test_what_is_refused_is_refused_in_a_known_frame(body: bytes) -> None:
    assert without_frames(body) is None
    assert by_frame(knowing([CHAT % b"said", body]), body) is None


@pytest.mark.parametrize(
    "extra",
    [
        b'"user": "somebody"',
        b'"id": "sk-4f0c8a7712d3"',
        b'"model": "claude-of-0123456789"',
        b'"tools": [{"description": "looks up accounts"}]',
        b'"seed": 4711081512',
        b'"sk-key": null',
        b'"prompt": [50256, 318]',
        b'"image": {"url": ""}',
    ],
)
def test_nothing_but_api_names_and_small_numbers_is_kept(extra: bytes) -> None:
    body = (CHAT % b"said").replace(b'"n": 1', extra)
    known = knowing([body])
    assert by_frame(known, body) is None
    assert not known._known


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_FRAMES_MAX", 3)
    known = Frames()
    for number in range(20):
        body = (CHAT % b"said").replace(b"1}", b"%d}" % number)
        by_frame(known, body)
        by_frame(known, body)
        assert by_frame(known, body) is not None
        assert len(known._known) <= 3
    monkeypatch.setattr(frames, "_MET_MAX", 5)
    for number in range(20):
        by_frame(known, (CHAT % b"said").replace(b"1}", b"%d}" % (100 + number)))
        assert len(known._met) <= 5


def test_a_frame_without_end_is_not_kept() -> None:
    messages = [{"role": "user", "content": "said"}] * 200
    body = json.dumps({"messages": messages}).encode()
    assert by_frame(knowing([body]), body) is None
