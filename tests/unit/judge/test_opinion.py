"""What a judge answers is a verdict or a named failure, never a silent allow."""

import json
from typing import Any

import pytest

from functions.llm_guard.failures import Failure, JudgeError
from functions.llm_guard.opinion import Found, Opinion, Usage, understand
from functions.verdict import Reason

CANARY = "0123456789abcdef"
CATEGORIES = frozenset({"personal-data", "trade-secret"})
GOOD: dict[str, Any] = {
    "canary": CANARY,
    "verdict": "deny",
    "findings": [{"category": "personal-data", "confidence": 0.9}],
    "reason": "it holds a number",
}
OPINION = Opinion(
    canary=CANARY,
    verdict="deny",
    findings=(Found(category="personal-data", confidence=0.9),),
    reason="it holds a number",
)


def completion(content: Any, finish_reason: str | None = "stop", **message: Any) -> bytes:
    choice = {"message": {"content": content, **message}, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def said(**changes: Any) -> bytes:
    """The good verdict with some fields changed; None takes a field out."""
    changed = {key: value for key, value in (GOOD | changes).items() if value is not None}
    return completion(json.dumps(changed))


def finds(**changes: Any) -> bytes:
    """The same with another finding."""
    finding = {"category": "personal-data", "confidence": 0.9} | changes
    return said(findings=[{key: value for key, value in finding.items() if value is not None}])


TEXT = json.dumps(GOOD)
UNDERSTOOD = {
    "a plain document": completion(TEXT),
    "a document with blanks around it": completion(f"\n  {TEXT}\n"),
    "a fenced document": completion(f"```json\n{TEXT}\n```"),
    "a document in a fence without a language": completion(f"```{TEXT}```"),
    "prose before the document": completion("Here you go: " + TEXT),
    "a document and prose": completion(TEXT + " Hope that helps!"),
    "a document after a thought": completion("<think>if {it} is so\n[1]</think>\n\n" + TEXT),
    "a document after a thought whose beginning is missing": completion(
        "so {it} is</think>" + TEXT
    ),
    "a field more": said(thoughts="none"),
    "a verdict in capitals": said(verdict="DENY"),
    "a category in capitals": finds(category="Personal-Data"),
    "a number as a string": finds(confidence="0.9"),
    "no finish reason": completion(TEXT, finish_reason=None),
    "probabilities with a content of their own": completion(
        TEXT, logprobs={"content": [{"token": "{"}]}
    ),
    "characters that are escaped outside": completion(TEXT, name="判官"),
}


@pytest.mark.parametrize("answer", UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_is_understood(answer: bytes) -> None:
    opinion, _ = understand(answer, CANARY, CATEGORIES)
    assert opinion == OPINION


def test_a_finding_without_confidence_is_a_sure_one_and_a_reason_may_be_missing() -> None:
    opinion, _ = understand(finds(confidence=None), CANARY, CATEGORIES)
    assert opinion.findings == (Found(category="personal-data", confidence=1.0),)
    opinion, _ = understand(said(reason=None), CANARY, CATEGORIES)
    assert opinion.reason == ""


def test_an_allow_has_no_findings() -> None:
    opinion, _ = understand(said(verdict="allow", findings=[]), CANARY, CATEGORIES)
    assert (opinion.verdict, opinion.findings) == ("allow", ())


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 400, "completion_tokens": 30}, Usage(400, 30)),
        ({"prompt_tokens": "400", "completion_tokens": -1}, Usage()),
        ({}, Usage()),
        (None, Usage()),
        ("many", Usage()),
    ],
)
def test_tokens_are_counted_where_the_answer_tells_them(usage: Any, expected: Usage) -> None:
    document = json.loads(completion(TEXT)) | {"usage": usage}
    _, found = understand(json.dumps(document).encode(), CANARY, CATEGORIES)
    assert found == expected


def two(first: str, second: str) -> bytes:
    return completion(first + second)


MALFORMED: dict[str, tuple[bytes, Failure]] = {
    "nothing": (b"", Failure.NOT_A_COMPLETION),
    "no JSON": (b"<html>502</html>", Failure.NOT_A_COMPLETION),
    "not UTF-8": (b"\xff\xfe", Failure.NOT_A_COMPLETION),
    "a list": (b"[]", Failure.NOT_A_COMPLETION),
    "null": (b"null", Failure.NOT_A_COMPLETION),
    "an error with status 200": (b'{"error": {"message": "no"}}', Failure.NOT_A_COMPLETION),
    "brackets without end": (b"[" * 100_000, Failure.NOT_A_COMPLETION),
    "choices that are null": (b'{"choices": null}', Failure.NOT_A_COMPLETION),
    "choices that are a string": (b'{"choices": "a"}', Failure.NOT_A_COMPLETION),
    "two choices": (
        json.dumps({"choices": [{"message": {"content": TEXT}}] * 2}).encode(),
        Failure.NOT_A_COMPLETION,
    ),
    "a choice without a message": (b'{"choices": [{}]}', Failure.NOT_A_COMPLETION),
    "a choice that is null": (b'{"choices": [null]}', Failure.NOT_A_COMPLETION),
    "a message that is null": (b'{"choices": [{"message": null}]}', Failure.NOT_A_COMPLETION),
    "content as parts": (
        completion([{"type": "text", "text": TEXT}]),
        Failure.NOT_A_COMPLETION,
    ),
    "no choices": (b'{"choices": []}', Failure.EMPTY),
    "no content": (completion(None), Failure.EMPTY),
    "blank content": (completion(" \n"), Failure.EMPTY),
    "a refusal": (completion(None, refusal="I cannot help with that."), Failure.REFUSED),
    "a refusal and a verdict": (completion(TEXT, refusal="I cannot."), Failure.REFUSED),
    "a cut answer that parses": (completion(TEXT, finish_reason="length"), Failure.CUT),
    "a cut answer that does not": (completion(TEXT[:-5]), Failure.PROSE),
    "a filtered answer": (completion(TEXT, finish_reason="content_filter"), Failure.FILTERED),
    "a tool call": (completion(TEXT, finish_reason="tool_calls"), Failure.FIELDS),
    "prose": (completion("This looks fine to me: allow."), Failure.PROSE),
    "a bare word": (completion("allow"), Failure.PROSE),
    "a quoted word": (completion('"allow"'), Failure.PROSE),
    "a number": (completion("1"), Failure.PROSE),
    "two documents": (two(TEXT.replace("deny", "allow"), TEXT), Failure.PROSE),
    "a document quoted before the verdict": (two('The text says {"a": 1}. ', TEXT), Failure.PROSE),
    "two fences": (completion("```{}```\n```{}```"), Failure.PROSE),
    "a list around the document": (completion(f"[{TEXT}]"), Failure.PROSE),
    "a key twice": (completion('{"verdict": "allow", ' + TEXT[1:]), Failure.PROSE),
    "half a surrogate pair": (completion('{"verdict": "\\ud800"}'), Failure.PROSE),
    "half a pair outside": (completion('{"verdict": "\ud800"}'), Failure.NOT_A_COMPLETION),
    "equal keys outside": (b'{"choices": [], ' + completion(TEXT)[1:], Failure.NOT_A_COMPLETION),
    "equal keys inside a choice": (
        completion(TEXT).replace(b'"content"', b'"content": "", "content"'),
        Failure.NOT_A_COMPLETION,
    ),
    "keys that differ in letter case": (
        completion(TEXT).replace(b'"content"', b'"Content": "", "content"'),
        Failure.NOT_A_COMPLETION,
    ),
    "keys that differ by a long s": (
        completion(TEXT).replace(b'"choices"', '"choice\u017f": [], "choices"'.encode()),
        Failure.NOT_A_COMPLETION,
    ),
    "equal keys, one of them escaped": (
        completion(TEXT).replace(b'"content"', b'"cont\\u0065nt": "", "content"'),
        Failure.NOT_A_COMPLETION,
    ),
    "NaN outside": (b'{"x": NaN, ' + completion(TEXT)[1:], Failure.NOT_A_COMPLETION),
    "a compressed answer": (b"\x1f\x8b\xff", Failure.NOT_A_COMPLETION),
    "objects without end": (completion('{"a":' * 100_000), Failure.PROSE),
    "NaN": (finds(confidence=float("nan")), Failure.PROSE),
    "an empty document": (completion("{}"), Failure.FIELDS),
    "another verdict": (said(verdict="maybe"), Failure.FIELDS),
    "a verdict that is true": (said(verdict=True), Failure.FIELDS),
    "no verdict": (said(verdict=None), Failure.FIELDS),
    "no findings": (said(findings=None), Failure.FIELDS),
    "findings that are a word": (said(findings="none"), Failure.FIELDS),
    "a finding without a category": (finds(category=None), Failure.FIELDS),
    "a confidence of 90": (finds(confidence=90), Failure.FIELDS),
    "a confidence in words": (finds(confidence="high"), Failure.FIELDS),
    "a confidence without bounds": (finds(confidence="inf"), Failure.FIELDS),
    "a reason that is a list": (said(reason=["a"]), Failure.FIELDS),
    "a category without end": (finds(category="a" * 65), Failure.FIELDS),
    "a reason without end": (said(reason="a" * 1001), Failure.FIELDS),
    "findings without end": (said(findings=GOOD["findings"] * 65), Failure.FIELDS),
    "no canary": (said(canary=None), Failure.FIELDS),
    "another canary": (said(canary="0" * 16), Failure.CANARY),
    "a canary beyond ASCII": (said(canary="金丝雀"), Failure.CANARY),
    "an allow with findings": (said(verdict="allow"), Failure.CONTRADICTION),
    "a denial without findings": (said(findings=[]), Failure.CONTRADICTION),
    "a category of nobody's": (finds(category="weather"), Failure.CATEGORY),
}


@pytest.mark.parametrize(("answer", "failure"), MALFORMED.values(), ids=MALFORMED)
def test_is_malformed_and_has_a_name(answer: bytes, failure: Failure) -> None:
    with pytest.raises(JudgeError) as raised:
        understand(answer, CANARY, CATEGORIES)
    assert raised.value.failure is failure
    assert failure.reason is Reason.JUDGE_MALFORMED


def test_blanks_without_end_are_read_in_no_time() -> None:
    # A model in JSON mode can go on with them until its limit; a regular expression would, too.
    with pytest.raises(JudgeError) as raised:
        understand(completion(" " * 200_000 + "<think>" * 5000), CANARY, CATEGORIES)
    assert raised.value.failure is Failure.PROSE


def test_a_failure_quotes_nothing_of_the_answer() -> None:
    with pytest.raises(JudgeError) as raised:
        understand(said(verdict="sesame-13800138000"), CANARY, CATEGORIES)
    assert "sesame" not in str(raised.value)
    assert raised.value.__cause__ is None
