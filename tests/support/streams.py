"""Streams of the providers' forms, and a sidecar in small that sends them in windows."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from functions.deny_pattern import check as deny_pattern
from functions.deny_pattern.check import CompiledPolicy
from functions.runtime.sealing import Sealer
from functions.verdict import Callout, Decision, Phase, Secret, Verdict
from functions.verdict.callout import StreamPosition

SEALER = Sealer([Secret("s" * 32)])
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "dashscope": "/api/v1/services/aigc/text-generation/generation",
}


def chat(pieces: Iterable[str], index: int = 0, field_name: str = "content") -> bytes:
    """OpenAI's chat completions: a delta a piece, then the finish and the end mark."""
    chunks = [
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "system_fingerprint": "fp_44709d6f"}
        | {"choices": [{"index": index, "delta": {field_name: piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    last = {"id": "chatcmpl-1", "choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}
    return b"".join(map(_event, [*chunks, last])) + b"data: [DONE]\n\n"


def arguments(pieces: Iterable[str]) -> bytes:
    """OpenAI's chat completions: the arguments of a tool call in pieces."""
    return b"".join(
        _event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        for piece in pieces
        for call in [{"index": 0, "function": {"arguments": piece}}]
    )


def responses(pieces: Iterable[str]) -> bytes:
    """OpenAI's Responses: deltas, the text as done, and the whole answer once more."""
    pieces = list(pieces)
    text = "".join(pieces)
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    delta = {"type": "response.output_text.delta", **place}
    item = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    events = [delta | {"delta": piece} for piece in pieces]
    events.append({"type": "response.output_text.done", **place, "text": text})
    events.append({"type": "response.completed", "response": {"output": [item]}})
    return b"".join(_event(each, str(each["type"])) for each in events)


def anthropic(pieces: Iterable[str]) -> bytes:
    """Anthropic's messages: named events, a text delta a piece."""
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
        for piece in pieces
    ]
    events: list[dict[str, Any]] = [{"type": "message_start"}, *deltas, {"type": "message_stop"}]
    return b"".join(_event(each, str(each["type"])) for each in events)


def dashscope(pieces: Iterable[str], *, cumulative: bool) -> bytes:
    """DashScope's native frames; by default each repeats all text so far."""
    text, frames = "", []
    for piece in pieces:
        text = text + piece if cumulative else piece
        message = {"role": "assistant", "content": text}
        frames.append(_event({"output": {"choices": [{"message": message}]}}, "result"))
    return b"".join(frames)


def _event(value: object, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


@dataclass
class Streamed:
    """What became of a stream: the bytes that the caller got, and every verdict."""

    released: bytes = b""
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def denied(self) -> bool:
        return self.verdicts[-1].decision is Decision.DENY

    def values(self) -> Iterator[Any]:
        """The JSON values of the events that the caller got."""
        for line in self.released.decode().splitlines():
            if line.startswith("data:") and "[DONE]" not in line:
                yield json.loads(line.removeprefix("data:"))

    def strings(self, *steps: str) -> list[str]:
        """The strings at `steps` of the events that have them; a list's first item for `0`."""
        found = (_at(value, steps) for value in self.values())
        return [each for each in found if isinstance(each, str)]


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if isinstance(value, list):
            value = value[0] if value else None
        elif isinstance(value, dict):
            value = value.get(step)
    return value


def streamed(
    windows: Iterable[bytes], compiled: CompiledPolicy, request: Callout, state: str | None = None
) -> Streamed:
    """Send windows as the sidecar does: what is kept comes again, the newest state goes along."""
    result, kept, parts = Streamed(), b"", list(windows)
    for number, part in enumerate(parts):
        window = kept + part
        final = number == len(parts) - 1
        changes = {
            "phase": Phase.RESPONSE,
            "stream": StreamPosition(seq=number, final=final),
            "content_type": "text/event-stream",
            "state": state,
        }
        verdict = deny_pattern.judge(request.model_copy(update=changes), window, compiled, SEALER)
        result.verdicts.append(verdict)
        assert not (final and verdict.keep)
        gone = len(window) - verdict.keep
        match verdict.decision:
            case Decision.ALLOW:
                result.released += window[:gone]
            case Decision.MASK:
                result.released += verdict.body.encode()
            case Decision.DENY:
                result.released += verdict.body.encode()
                return result
        kept, state = window[gone:], verdict.state or state
    return result


def cut(stream: bytes, size: int) -> list[bytes]:
    """The stream in windows of `size` bytes."""
    return [stream[at : at + size] for at in range(0, len(stream), size)]
