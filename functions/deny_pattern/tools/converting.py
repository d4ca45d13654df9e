"""`convert`: the patterns of the ASM LLMProxy plugin → rules, with examples that were tried.

    {"deny": […], "allow": […], "origin"}   → {"rule": {…}, "problem": …} for each rule

A deny pattern is a rule. All allow patterns are one rule, which finds any text that none of them
matches. Examples are made from the patterns and tried; where none can be made, the rule has none,
so that its policy does not load before somebody has written one: `problem` says so.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import ValidationError

from functions.deny_pattern.compiled import forms
from functions.deny_pattern.tools.everyday import SENTENCES
from functions.deny_pattern.tools.samples import near_misses, texts_like
from functions.policy import Rule
from functions.policy.compiling import compile_bounded
from functions.policy.engine import Matcher, PatternError
from functions.policy.rule import Match
from functions.prompt import fold, normalise
from functions.prompt.readings import readings

_META: Final = re.compile(r"[\\.+*?()\[\]{}^$]")
_EVERYTHING: Final = "(?s:.+)"
_EXAMPLES_MAX: Final = 2
_STAND_IN: Final = {"find": ["?"], "pass": ["?"]}
_NO_FIND: Final = "no text could be made that it finds; write one under examples.find"
_NO_MISS: Final = "it finds whatever was tried; narrow it, and write a text under examples.pass"


def convert(requests: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A line for each rule."""
    request = next(requests)
    why = f"Imported from {request['origin']}."
    for number, pattern in enumerate(request["deny"], 1):
        match = _match(_bare(pattern))
        texts = [*match.get("words", ()), *texts_like(match.get("regex", ""))]
        rule = {
            "id": f"imported-deny-{number}",
            "why": f"{why} There it is deny_patterns[{number - 1}].",
            "category": "imported",
            "match": match,
            "message": "the text matches a pattern that is denied here",
        }
        passes = [miss for text in texts for miss in near_misses(text)]
        yield _with_examples(rule, texts, [*passes, *SENTENCES])
    allowed = [_bare(pattern) for pattern in request["allow"]]
    if allowed and _EVERYTHING not in allowed:
        yield _allow_list(allowed, why)


def _allow_list(patterns: Sequence[str], why: str) -> dict[str, Any]:
    """One rule for all allow patterns: the whole of a text, unless one of them is in it."""
    # An exception is read in any letter case; these patterns are not.
    regex = "|".join(f"(?-i:{each})" for each in dict.fromkeys(_as_read(patterns)))
    rule = {
        "id": "imported-allow-list",
        "why": f"{why} There it is allow_patterns: what none of them matches is denied.",
        "category": "imported",
        "match": {"regex": _EVERYTHING, "unless": {"regex": regex}},
        "scope": {"roles": ["user"], "parts": ["text"]},
        "message": "the text matches none of the patterns that are allowed here",
    }
    passes = [text for pattern in patterns for text in texts_like(pattern)]
    return _with_examples(rule, SENTENCES, passes)


def _with_examples(
    rule: dict[str, Any], find: Sequence[str], passes: Sequence[str]
) -> dict[str, Any]:
    """`rule` with those of the texts as examples that it treats as it should."""
    try:
        parsed = Rule.model_validate({**rule, "examples": _STAND_IN})
        matcher = Matcher([parsed], forms, compiler=compile_bounded)
    except (ValidationError, PatternError) as error:
        problem = str(error)
        if isinstance(error, ValidationError):
            first = error.errors(include_input=False)[0]
            problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return {"rule": {**rule, "examples": {"find": [], "pass": []}}, "problem": problem}

    def found(text: str) -> bool:
        return any(matcher.hits(each.text.text) for each in readings(text))

    finds = [text for text in find if found(text)][:_EXAMPLES_MAX]
    misses = [text for text in passes if not found(text)][:_EXAMPLES_MAX]
    problem = "" if finds and misses else _NO_FIND if not finds else _NO_MISS
    return {"rule": {**rule, "examples": {"find": finds, "pass": misses}}, "problem": problem}


def _bare(pattern: str) -> str:
    """`pattern` without a leading and a trailing `.*`, which say nothing where all is searched."""
    while pattern.startswith(".*"):
        pattern = pattern.removeprefix(".*").removeprefix("?")
    while re.search(r"(?<!\\)(?:\\\\)*\.\*\??$", pattern):
        pattern = re.sub(r"\.\*\??$", "", pattern)
    return pattern or _EVERYTHING


def _match(bare: str) -> dict[str, Any]:
    """Words where a pattern is nothing else, which people read more easily; else the pattern."""
    words = [word.strip() for word in bare.split("|")]
    if not _META.search(bare) and all(words):
        try:
            Match.model_validate({"words": words})
        except ValueError:
            return {"regex": bare}
        return {"words": list(dict.fromkeys(words))}
    return {"regex": bare}


def _as_read(patterns: Sequence[str]) -> Iterator[str]:
    """Each pattern as it is, and as texts are read: normalised, and folded where that differs."""
    for pattern in patterns:
        yield pattern
        normalised = normalise(pattern).text
        yield normalised
        folded = fold(normalised)
        if folded is not None:
            yield folded.text
