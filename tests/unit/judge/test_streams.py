"""Streamed answers are judged window by window, each in the light of what came before."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from functions.llm_guard.check import JudgedPolicy, compile_policy, judge
from functions.llm_guard.deadline import Deadline
from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.hits import Means
from functions.llm_guard.memory import Memory
from functions.llm_guard.metrics import Meter
from functions.llm_guard.opinion import Asked, Found, Opinion
from functions.verdict import Callout, Decision, Phase, Reason, Verdict
from functions.verdict.callout import StreamPosition
from tests.support.judge_in_memory import messages_of
from tests.support.streams import SEALER, anthropic, chat, cut, dashscope, responses
from tests.unit.checks.conftest import REVISION, Edit, callout

SAID = ["The num", "ber that ", "you asked ", "for is ", "138", "0013", "8000", ". Bye."]
ALLOW = Opinion(canary="", verdict="allow", findings=())
DENY = Opinion(canary="", verdict="deny", findings=(Found(category="personal-data", confidence=1),))


class ReadingJudge:
    """Keeps what it is shown, as lines; denies what a test says."""

    def __init__(self, denies: Callable[[str], bool] = lambda _text: False) -> None:
        self.denies = denies
        self.shown: list[list[dict[str, Any]]] = []

    async def ask(self, asked: Asked, deadline: Deadline, _only: int | None = None) -> Opinion:
        if deadline.left() <= 0:
            raise JudgeError(Failure.TIMEOUT, "")
        _, data, _ = messages_of(asked)[1]["content"].split(f"=====DATA {'0' * 32}=====")[:3]
        lines = [json.loads(line) for line in data.strip().splitlines()]
        self.shown.append(lines)
        return DENY if self.denies("".join(line["text"] for line in lines)) else ALLOW

    def new(self) -> str:
        """All that was shown as new, one window behind the other."""
        return "".join(line["text"] for lines in self.shown for line in lines if "seen" not in line)


@pytest.fixture
def policy(edited: Edit) -> JudgedPolicy:
    return compile_policy(edited("", ""), REVISION)


def window(seq: int, state: str | None, *, final: bool) -> Callout:
    changes = {
        "phase": Phase.RESPONSE,
        "stream": StreamPosition(seq=seq, final=final),
        "content_type": "text/event-stream",
        "request_id": "a0d1-7",
        "state": state,
    }
    return callout().model_copy(update=changes)


async def streamed(
    parts: Iterable[bytes], policy: JudgedPolicy, client: ReadingJudge, seconds: float = 1.0
) -> tuple[bytes, list[Verdict]]:
    """What is released, and every verdict; windows are sent as the sidecar sends them."""
    memory = Memory(b"a key of 16 bytes", 10, Meter())
    means = Means(client, memory, lambda: "0" * 64, lambda: 0.0, SEALER)
    parts, verdicts, out, kept = list(parts), list[Verdict](), b"", b""
    state: str | None = None
    for seq, part in enumerate(parts):
        call = window(seq, state, final=seq == len(parts) - 1)
        verdict = await judge(call, kept + part, policy, means, seconds)
        verdicts.append(verdict)
        if verdict.decision is Decision.DENY:
            return out + verdict.body.encode(), verdicts
        whole = kept + part
        out, kept = out + whole[: len(whole) - verdict.keep], whole[len(whole) - verdict.keep :]
        state = verdict.state or state
    return out + kept, verdicts


STREAMS = {
    "chat": chat(SAID),
    "responses": responses(SAID),
    "anthropic": anthropic(SAID),
    "dashscope": dashscope(SAID, cumulative=False),
    "dashscope, whole frames": dashscope(SAID, cumulative=True),
}


@pytest.mark.parametrize("size", [50, 333, 100_000])
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
async def test_all_that_is_said_is_judged_and_leaves_as_it_came(
    stream: bytes, size: int, policy: JudgedPolicy
) -> None:
    client = ReadingJudge()
    out, verdicts = await streamed(cut(stream, size), policy, client)
    assert out == stream
    assert "".join(SAID) in client.new()
    assert {verdict.reason for verdict in verdicts} <= {
        Reason.JUDGE_CLEARED,
        Reason.MESSAGE_EMPTY,
    }
    assert all(verdict.cache_seconds == 0 for verdict in verdicts)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
async def test_what_is_cut_by_windows_is_seen_whole(stream: bytes, policy: JudgedPolicy) -> None:
    client = ReadingJudge(lambda text: "13800138000" in text)
    out, verdicts = await streamed(cut(stream, 120), policy, client)
    assert verdicts[-1].reason is Reason.JUDGE_FLAGGED
    assert verdicts[-1].content_type == "text/event-stream"
    assert b"Bye" not in out


async def test_frames_that_repeat_what_went_before_are_shown_once_a_window(
    policy: JudgedPolicy,
) -> None:
    client = ReadingJudge()
    await streamed([dashscope(SAID, cumulative=True)], policy, client)
    assert [line["text"] for line in client.shown[0]] == ["".join(SAID)]


async def test_names_of_events_and_the_like_cost_nothing(policy: JudgedPolicy) -> None:
    client = ReadingJudge()
    await streamed([anthropic(SAID)], policy, client)
    assert [line["text"] for line in client.shown[0]] == ["".join(SAID)]


async def test_a_stream_that_came_whole_is_judged_as_one(policy: JudgedPolicy) -> None:
    client = ReadingJudge(lambda text: "13800138000" in text)
    call = window(0, None, final=True).model_copy(update={"stream": None})
    means = Means(client, Memory(b"k" * 16, 9, Meter()), lambda: "0" * 64, lambda: 0.0, SEALER)
    verdict = await judge(call, chat(SAID), policy, means, 1.0)
    assert (verdict.reason, verdict.content_type) == (Reason.JUDGE_FLAGGED, "application/json")


async def test_a_judge_that_is_late_ends_the_stream_with_words_of_its_form(
    policy: JudgedPolicy,
) -> None:
    out, (verdict,) = await streamed([chat(SAID)], policy, ReadingJudge(), seconds=-1)
    assert verdict.reason is Reason.JUDGE_TIMEOUT
    assert out.startswith(b'data: {"error"')


async def test_a_share_of_streams_is_judged_whole_or_not_at_all(edited: Edit) -> None:
    policy = compile_policy(edited("judge:", "judge:\n  sample: 0.000001"), REVISION)
    client = ReadingJudge()
    _, verdicts = await streamed(cut(chat(SAID), 300), policy, client)
    assert client.shown == []
    assert {verdict.reason for verdict in verdicts} == {Reason.JUDGE_SKIPPED}


async def test_a_state_of_another_call_is_not_read(policy: JudgedPolicy) -> None:
    client = ReadingJudge()
    means = Means(client, Memory(b"k" * 16, 9, Meter()), lambda: "0" * 64, lambda: 0.0, SEALER)
    first = await judge(window(0, None, final=False), chat(["sesame"]), policy, means, 1.0)
    other = window(1, first.state, final=True).model_copy(update={"request_id": "another"})
    await judge(other, chat(["hello"]), policy, means, 1.0)
    assert "sesame" not in json.dumps(client.shown[1])
