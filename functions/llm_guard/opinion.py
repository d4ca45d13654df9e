"""A judge's answer, read: an `Opinion`, or the name of what is wrong with it.

    understood                                       not understood
      a JSON document alone, or in a code fence        two documents, a key twice, NaN
      the same after or before words, or <think>…      words alone, a cut answer, a refusal
      another letter case of verdict and category      no verdict, an unknown category
      more fields, a number as a string                no canary, an allow that lists findings
      no confidence: then it is 1                      a confidence of 90

Of the completion around the document, only the keys that are read have to stand once.

What cannot be understood is never an allow. Only the canary makes it safe to look for the document
among words: whoever only speaks through the judged text does not know it.
"""

import hmac
import json
import re
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import from_json

from functions.llm_guard.failures import Failure, JudgeError
from functions.prompt import MalformedMessage
from functions.prompt.strict_json import parse

_THOUGHTS_END: Final = "</think>"
"""Thinking models begin with a tag that their template may have swallowed, and end with this."""
_FINDINGS_MAX: Final = 64
_DOCUMENT: Final = json.JSONDecoder()
_CLEARANCE: Final = re.compile(
    r'\{"canary": ?"([0-9a-f]{1,64})", ?"verdict": ?"allow", ?"findings": ?\[\], ?'
    r'"reason": ?"([^"\\\x00-\x1f]{0,1000})"\}'
)
"""How nearly all answers read, to the letter: it needs no parser. All others are taken apart."""
_READ: Final = (b'"choices"', b'"message"', b'"content"', b'"finish_reason"', b'"refusal"')
_FINISHED: Final = ("stop", "eos", "eos_token", "end_turn", "", None)
_CUT: Final = ("length", "max_tokens")


def _plain(value: object) -> object:
    """Models write DENY or Deny as well."""
    return value.strip().casefold() if isinstance(value, str) else value


Word = Annotated[str, BeforeValidator(_plain), StringConstraints(max_length=64)]


class _Read(BaseModel):
    """Lenient about what is more, strict about what is there."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class Found(_Read):
    """One category that the judge sees in the text, and how sure it is."""

    category: Word
    confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0


class Opinion(NamedTuple):
    """What the judge thinks of a text. `reason` is the judge's own words: screen before use."""

    canary: str
    verdict: Literal["deny", "allow"]
    findings: tuple[Found, ...]
    reason: str = ""


class _Document(_Read):
    """An opinion as it is written."""

    canary: Annotated[str, Field(max_length=64)]
    verdict: Annotated[Literal["deny", "allow"], BeforeValidator(_plain)]
    findings: Annotated[tuple[Found, ...], Field(max_length=_FINDINGS_MAX)]
    reason: Annotated[str, Field(max_length=1000)] = ""


class Asked(NamedTuple):
    """One question to a judge, ready to send, and what its answer must keep to.

    `messages` are the chat's and `response_format` asks for the answer's form by JSON Schema, both
    as JSON. `canary` must come back, and findings may only name one of `categories`.
    """

    messages: bytes
    response_format: bytes
    canary: str
    categories: frozenset[str]


class Usage(NamedTuple):
    """The tokens that an answer says it cost; 0 where it does not say."""

    tokens_in: int = 0
    tokens_out: int = 0


def understand(answer: bytes, canary: str, categories: AbstractSet[str]) -> tuple[Opinion, Usage]:
    """The opinion in a `chat.completion` document, and its cost; `JudgeError` for all else."""
    document = _document(answer)
    opinion = _opinion(_content(document))
    if not hmac.compare_digest(opinion.canary.encode(), canary.encode()):
        raise JudgeError(Failure.CANARY, "an answer without the word to give back")
    if (opinion.verdict == "deny") != bool(opinion.findings):
        raise JudgeError(Failure.CONTRADICTION, "a verdict and findings that do not fit together")
    if not all(each.category in categories for each in opinion.findings):
        raise JudgeError(Failure.CATEGORY, "a finding of no category of the policy")
    return opinion, _usage(document)


def _document(answer: bytes) -> dict[str, Any]:
    # Where each key that is read stands once, in any letter case, all parsers read the same, and
    # the quickest will do. With an escape, or a letter like the long s, one could stand twice.
    plain = answer.isascii() and b"\\u" not in answer
    alike = plain and max(map(answer.lower().count, _READ)) <= 1
    try:
        document = from_json(answer, allow_inf_nan=False) if alike else parse(answer)
    except (ValueError, MalformedMessage):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("choices"), list):
        raise JudgeError(Failure.NOT_A_COMPLETION, "not a chat completion")
    return document


def _content(document: dict[str, Any]) -> str:
    """The text of the one choice, if the judge came to an end with it."""
    choices = document["choices"]
    if not choices:
        raise JudgeError(Failure.EMPTY, "an answer without a choice")
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if len(choices) > 1 or not isinstance(message, dict):
        raise JudgeError(Failure.NOT_A_COMPLETION, "not a chat completion with one choice")
    finish, content = choice.get("finish_reason"), message.get("content")
    if finish == "content_filter":
        raise JudgeError(Failure.FILTERED, "the judge's provider filtered its answer")
    if finish in _CUT:
        raise JudgeError(Failure.CUT, "an answer that was cut")
    if message.get("refusal"):
        raise JudgeError(Failure.REFUSED, "the judge declined to answer")
    if finish not in _FINISHED:
        raise JudgeError(Failure.FIELDS, "an answer that ends in no known way")
    if content is not None and not isinstance(content, str):
        raise JudgeError(Failure.NOT_A_COMPLETION, "an answer that is not text")
    if not content or not content.strip():
        raise JudgeError(Failure.EMPTY, "an answer without text")
    return content


def _opinion(content: str) -> Opinion:
    """The opinion in the one JSON object of `content`; with two, nobody knows which counts."""
    cleared = _CLEARANCE.fullmatch(content)
    if cleared is not None and _THOUGHTS_END not in content:
        return Opinion(cleared[1], "allow", (), cleared[2])
    try:
        read = _Document.model_validate(_said(content.rpartition(_THOUGHTS_END)[2]))
    except ValidationError:
        raise JudgeError(Failure.FIELDS, "a document whose fields are not a verdict's") from None
    return Opinion(read.canary, read.verdict, read.findings, read.reason)


def _said(content: str) -> Any:  # noqa: ANN401 -- JSON of any kind
    """The value of the one JSON object of `content`."""
    if content.startswith("{"):
        try:  # As nearly all answer: with the document alone.
            return parse(content.encode())
        except MalformedMessage:
            pass
    start = content.find("{")
    try:
        _, end = _DOCUMENT.raw_decode(content, start) if start >= 0 else (None, -1)
        value = parse(content[start:end].encode())
    except (MalformedMessage, ValueError, RecursionError):
        raise JudgeError(Failure.PROSE, "text that holds no JSON document") from None
    if "{" in content[end:] or "[" in content[:start]:
        raise JudgeError(Failure.PROSE, "text that holds more than one JSON document")
    return value


def _usage(document: dict[str, Any]) -> Usage:
    usage = document.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")))


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 10**9 else 0
