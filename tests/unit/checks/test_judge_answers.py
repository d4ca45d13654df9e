"""What a judge answers is a verdict or a named failure, never a silent allow."""

import json
from typing import Any

import pytest

from functions.llm_guard.judge import JudgeError, Opinion, understand
from functions.verdict import Reason

GOOD: dict[str, Any] = {
    "verdict": "deny",
    "category": "personal-data",
    "confidence": 0.9,
    "reason": "it holds a number",
}
OPINION = Opinion(**GOOD)


def completion(content: Any, finish_reason: str | None = "stop", **message: Any) -> bytes:
    choice = {"message": {"content": content, **message}, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def said(**changes: Any) -> bytes:
    """The good verdict with some fields changed; None takes a field out."""
    changed = {key: value for key, value in (GOOD | changes).items() if value is not None}
    return completion(json.dumps(changed))


UNDERSTOOD = {
    "a plain document": completion(json.dumps(GOOD)),
    "a document with blanks around it": completion(f"\n  {json.dumps(GOOD)}\n"),
    "a fenced document": completion(f"```json\n{json.dumps(GOOD)}\n```"),
    "a document in a fence without a language": completion(f"```{json.dumps(GOOD)}```"),
    "a field more": said(thoughts="none"),
    "a number as a string": said(confidence="0.9"),
    "no finish reason": completion(json.dumps(GOOD), finish_reason=None),
}


@pytest.mark.parametrize("answer", UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_is_understood(answer: bytes) -> None:
    assert understand(answer) == OPINION


MALFORMED = {
    "nothing": b"",
    "no JSON": b"<html>502</html>",
    "not UTF-8": b"\xff\xfe",
    "a list": b"[]",
    "null": b"null",
    "an error with status 200": b'{"error": {"message": "overloaded"}}',
    "no choices": b'{"choices": []}',
    "choices that are null": b'{"choices": null}',
    "choices that are a string": b'{"choices": "a"}',
    "two choices": json.dumps(
        {"choices": [{"message": {"content": json.dumps(GOOD)}}] * 2}
    ).encode(),
    "a choice without a message": b'{"choices": [{}]}',
    "a message that is null": b'{"choices": [{"message": null}]}',
    "a refusal": completion(None, refusal="I cannot help with that."),
    "content as parts": completion([{"type": "text", "text": json.dumps(GOOD)}]),
    "a cut answer that parses": completion(json.dumps(GOOD), finish_reason="length"),
    "a cut answer that does not": completion(json.dumps(GOOD)[:-5]),
    "a filtered answer": completion(json.dumps(GOOD), finish_reason="content_filter"),
    "a tool call": completion(json.dumps(GOOD), finish_reason="tool_calls"),
    "prose": completion("This looks fine to me: allow."),
    "prose before the document": completion("Here you go: " + json.dumps(GOOD)),
    "a document and prose": completion(json.dumps(GOOD) + " Hope that helps!"),
    "two documents": completion(json.dumps(GOOD | {"verdict": "allow"}) + json.dumps(GOOD)),
    "two fences": completion("```{}```\n```{}```"),
    "a key twice": completion('{"verdict": "deny", ' + json.dumps(GOOD | {"verdict": "allow"})[1:]),
    "a list around the document": completion(json.dumps([GOOD])),
    "a bare word": completion("allow"),
    "a quoted word": completion('"allow"'),
    "a number": completion("1"),
    "half a surrogate pair": completion('{"verdict": "\ud800"}'),
    "NaN": completion(json.dumps(GOOD | {"confidence": float("nan")})),
    "brackets without end": completion("[" * 100_000),
    "an answer of brackets without end": b"[" * 100_000,
    "another verdict": said(verdict="maybe"),
    "a verdict in capitals": said(verdict="ALLOW"),
    "a verdict that is true": said(verdict=True),
    "no verdict": said(verdict=None),
    "no category": said(category=None),
    "no confidence": said(confidence=None),
    "no reason": said(reason=None),
    "a confidence of 90": said(confidence=90),
    "a confidence in words": said(confidence="high"),
    "a reason that is a list": said(reason=["a"]),
    "a category without end": said(category="a" * 65),
    "a reason without end": said(reason="a" * 1001),
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED)
def test_is_malformed(answer: bytes) -> None:
    with pytest.raises(JudgeError) as failure:
        understand(answer)
    assert failure.value.reason is Reason.JUDGE_MALFORMED


def test_a_failure_quotes_nothing_of_the_answer() -> None:
    with pytest.raises(JudgeError) as failure:
        understand(said(verdict="sesame-13800138000"))
    assert "sesame" not in str(failure.value)
    assert failure.value.__cause__ is None
