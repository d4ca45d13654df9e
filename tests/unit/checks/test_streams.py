"""Streamed answers: found across events and windows, masked, put back, ended cleanly."""

import json
from collections.abc import Callable

import pytest

from functions.deny_pattern.check import CompiledPolicy, compile_policy
from functions.verdict import Decision, Phase, Reason
from tests.support import streams
from tests.support.streams import PATHS, SEALER, Streamed, cut, streamed
from tests.unit.checks.conftest import REVISION, Edit, callout, chat, judge

PHONE = "13800138000"
BOTH = "action: mask\n    phase: both\n    mask: {label: PHONE}"
RESTORE = "action: mask\n    mask: {label: PHONE, restore: true}"
SIZES = [1, 7, 60, 400, 100_000]
Form = tuple[str, Callable[[list[str]], bytes], tuple[str, ...]]
FORMS: list[Form] = [
    ("chat", streams.chat, ("choices", "0", "delta", "content")),
    (
        "chat",
        streams.arguments,
        ("choices", "0", "delta", "tool_calls", "0", "function", "arguments"),
    ),
    ("responses", streams.responses, ("delta",)),
    ("anthropic", streams.anthropic, ("delta", "text")),
    (
        "dashscope",
        lambda pieces: streams.dashscope(pieces, cumulative=False),
        ("output", "choices", "0", "message", "content"),
    ),
]
IDS = ["chat", "arguments", "responses", "anthropic", "dashscope"]
every_form = pytest.mark.parametrize("form", FORMS, ids=IDS)
every_size = pytest.mark.parametrize("size", SIZES)


@pytest.fixture
def denying(edited: Edit) -> CompiledPolicy:
    """The sample policy, whose account word is denied in answers too."""
    return compile_policy(edited("    severity: critical", "    phase: both"), REVISION)


@pytest.fixture
def masking(edited: Edit) -> CompiledPolicy:
    return compile_policy(edited("action: monitor", BOTH), REVISION)


@pytest.fixture
def restoring(edited: Edit) -> CompiledPolicy:
    return compile_policy(edited("action: monitor", RESTORE), REVISION)


def send(form: Form, pieces: list[str], size: int, compiled: CompiledPolicy) -> Streamed:
    api, make, _ = form
    return streamed(cut(make(pieces), size), compiled, callout(path=PATHS[api]))


@every_form
@every_size
def test_a_harmless_stream_leaves_as_it_came(
    form: Form, size: int, denying: CompiledPolicy
) -> None:
    pieces = ["你", "好，", "世界", "！", " How", " are", " you", "?"]
    assert send(form, pieces, size, denying).released == form[1](pieces)


@every_form
@every_size
def test_a_word_in_two_pieces_is_denied(form: Form, size: int, denying: CompiledPolicy) -> None:
    result = send(form, ["first this. " * 5, "我的账", "号是", "secret"], size, denying)
    assert result.denied
    assert "账" not in result.released.decode()
    assert result.verdicts[-1].reason is Reason.RULE_MATCHED
    assert result.verdicts[-1].content_type == "text/event-stream"


@every_form
@every_size
def test_a_number_in_pieces_is_masked_everywhere(
    form: Form, size: int, masking: CompiledPolicy
) -> None:
    result = send(form, ["call ", "138", "0013", "8000", " now, or ", PHONE, "!"], size, masking)
    assert not result.denied
    assert "".join(result.strings(*form[2])) == "call <PHONE_1> now, or <PHONE_1>!"
    assert "138" not in result.released.decode()


@pytest.mark.parametrize("size", [60, 400, 100_000])
def test_the_events_that_repeat_everything_are_masked_too(
    size: int, masking: CompiledPolicy
) -> None:
    result = send(FORMS[2], ["call 1380", "0138000"], size, masking)
    assert result.strings("text") == ["call <PHONE_1>"]
    assert result.strings("response", "output", "0", "content", "0", "text") == ["call <PHONE_1>"]


@every_size
def test_frames_that_repeat_the_text_so_far_are_not_joined(
    size: int, denying: CompiledPolicy, masking: CompiledPolicy
) -> None:
    place = ("output", "choices", "0", "message", "content")
    call = callout(path=PATHS["dashscope"])
    frames = streams.dashscope(["号", "账", "！"], cumulative=True)
    harmless = streamed(cut(frames, size), denying, call)
    assert harmless.released == frames
    frames = streams.dashscope(["call ", "13800", "138000", " now"], cumulative=True)
    masked = streamed(cut(frames, size), masking, call).strings(*place)
    assert masked[-2:] == ["call <PHONE_1>", "call <PHONE_1> now"]


@every_form
@every_size
def test_values_are_put_back(form: Form, size: int, restoring: CompiledPolicy) -> None:
    call = callout(path=PATHS[form[0]])
    state = judge(call, chat(f"call {PHONE}"), restoring).state
    assert state
    pieces = ["I call ", "<PH", "ONE", "_1", "> at once", "; not <PHONE_2>", " <b>"]
    result = streamed(cut(form[1](pieces), size), restoring, call, state)
    text = "".join(result.strings(*form[2]))
    assert text == f"I call {PHONE} at once; not <PHONE_2> <b>"
    assert {verdict.reason for verdict in result.verdicts} <= {
        Reason.MASK_RESTORED,
        Reason.RULE_NONE,
        Reason.MESSAGE_EMPTY,
    }


def test_several_answers_at_once_are_told_apart(denying: CompiledPolicy) -> None:
    one = streams.chat(["账"]).replace(b"data: [DONE]\n\n", b"")
    other = streams.chat(["号"], index=1)
    assert not streamed(cut(one + other, 50), denying, callout()).denied


@pytest.mark.parametrize("field_name", ["reasoning_content", "refusal", "unheard_of"])
def test_text_in_any_field_is_read(field_name: str, denying: CompiledPolicy) -> None:
    stream = streams.chat(["我的账", "号"], field_name=field_name)
    assert streamed(cut(stream, 80), denying, callout()).denied


@pytest.mark.parametrize(
    "event",
    ["data: 我的账号\n\n", ": 账号\n\n", "event: 账号\ndata: {}\n\n", 'data: {"账号": 1}\n\n'],
    ids=["no JSON", "comment", "name", "key"],
)
def test_what_is_no_string_of_an_event_is_read_too(event: str, denying: CompiledPolicy) -> None:
    assert streamed([event.encode()], denying, callout()).denied


def test_what_cannot_be_masked_ends_the_stream(masking: CompiledPolicy) -> None:
    result = streamed([f"data: {PHONE}0\n\n".encode()], masking, callout())
    assert result.verdicts[-1].reason is Reason.MASK_IMPOSSIBLE


@pytest.mark.parametrize(
    ("api", "first", "key"),
    [
        ("chat", 'data: {"error":{"message":', "[DONE]"),
        ("anthropic", 'event: error\ndata: {"type":"error","error":{', "permission_error"),
        (
            "dashscope",
            'id:0\nevent:error\n:HTTP_STATUS/403\ndata:{"code":"rule.matched"',
            "message",
        ),
    ],
)
def test_a_denied_stream_ends_in_its_providers_words(
    api: str, first: str, key: str, denying: CompiledPolicy
) -> None:
    result = streamed([streams.chat(["账号"])], denying, callout(path=PATHS[api]))
    assert result.released.decode().startswith(first)
    assert key in result.released.decode()
    assert result.released.endswith(b"\n\n")


def test_a_stream_that_nothing_reads_is_not_held(restoring: CompiledPolicy) -> None:
    result = streamed(cut(streams.chat(["hello", "world"]), 30), restoring, callout())
    assert all(verdict.keep == 0 for verdict in result.verdicts)


def test_a_growing_text_is_held_by_its_last_characters_only(denying: CompiledPolicy) -> None:
    windows = [streams.chat([piece]).split(b"\n\n")[0] + b"\n\n" for piece in ["words " * 4] * 20]
    result = streamed([*windows, b"data: [DONE]\n\n"], denying, callout())
    assert all(verdict.keep < 3 * len(windows[0]) for verdict in result.verdicts)


def test_a_streamed_answer_that_came_whole_is_one_window(masking: CompiledPolicy) -> None:
    whole = callout(phase=Phase.RESPONSE, content_type="text/event-stream; charset=utf-8")
    verdict = judge(whole, streams.chat(["call 138", "00138000"]), masking)
    assert verdict.decision is Decision.MASK
    assert "<PHONE_1>" in verdict.body
    assert verdict.keep == 0


def test_a_compressed_stream_is_denied(denying: CompiledPolicy) -> None:
    packed = callout(
        phase=Phase.RESPONSE, content_type="text/event-stream", content_encoding="gzip"
    )
    assert judge(packed, b"x", denying).reason is Reason.REQUEST_MALFORMED


def test_the_sealed_state_shows_nothing(masking: CompiledPolicy) -> None:
    result = streamed(cut(streams.chat(["call ", PHONE, " now"] * 9), 90), masking, callout())
    states = [verdict.state for verdict in result.verdicts if verdict.state]
    assert states
    assert not any(PHONE in state or "call" in state for state in states)
    assert json.loads(SEALER.open(states[-1], b"other call") or b"null") is None
