"""Runs one peer in the environment that `peers_home` makes, where this project is not.

    {"peer": …, "patterns": [regex], "words": [word], "texts": [[text, count]]}  on standard input
    [seconds of one text, …]                                                     on standard output

A peer's model stack is not installed. Modules by its names are stand-ins that hold empty classes:
what is measured here, matching by expressions and words, uses none of them.
"""

import importlib.util  # noqa: F401 -- LLM Guard takes it to be there
import json
import logging
import os
import sys
from abc import ABCMeta
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from statistics import median
from time import perf_counter
from types import ModuleType
from typing import Any, Final

_ROUNDS: Final = 5
_MODELS: Final = frozenset(
    {"torch", "transformers", "spacy", "stanza", "thinc", "numpy", "nltk", "tiktoken", "tokenizers"}
)
_UNUSED: Final = frozenset(
    {"cryptography", "faker", "fuzzysearch", "huggingface_hub", "json_repair", "phonenumbers"}
)
_Scan = Callable[[str], bool]
"""Whether a text passes."""


class _Anything(ABCMeta):
    """Makes a class that is its own attributes, decorates to itself, and counts as false."""

    def __getattr__(cls, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __call__(cls, *_given: object, **_named: object) -> type:
        return cls

    def __bool__(cls) -> bool:
        return False


class _StandIn(ModuleType):
    """A module in which every name is an empty class."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})


class _StandIns(MetaPathFinder, Loader):
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._names:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: a stand-in holds nothing."""


def _llm_guard(name: str, *given: object) -> _Scan:
    scanner = getattr(import_module("llm_guard.input_scanners"), name)(*given)
    return lambda text: bool(scanner.scan(text)[1])


def _presidio(patterns: Sequence[str]) -> _Scan:
    analyzer: Any = import_module("presidio_analyzer")
    recognizers = [
        analyzer.PatternRecognizer(
            supported_entity=f"RULE_{at}",
            patterns=[analyzer.Pattern(name=f"rule-{at}", regex=regex, score=0.9)],
        )
        for at, regex in enumerate(patterns)
    ]
    return lambda text: not sum(len(each.analyze(text, [], None)) for each in recognizers)


def _litellm(patterns: Sequence[str], words: Sequence[str]) -> _Scan:
    hooks = "litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.content_filter"
    types: Any = import_module("litellm.types.guardrails")
    block = types.ContentFilterAction.BLOCK
    guardrail = import_module(hooks).ContentFilterGuardrail(
        guardrail_name="bench",
        patterns=[
            types.ContentFilterPattern(
                pattern_type="regex", pattern=regex, name=f"rule-{at}", action=block
            )
            for at, regex in enumerate(patterns)
        ],
        blocked_words=[types.BlockedWord(keyword=word, action=block) for word in words],
    )
    # It raises where it finds something, and gives the text back where it does not.
    return lambda text: guardrail._filter_single_text(text) == text


def _prepared(peer: str, patterns: list[str], words: list[str]) -> _Scan:
    if peer == "LLM Guard Regex":
        return _llm_guard("Regex", patterns)
    if peer == "LLM Guard BanSubstrings":
        return _llm_guard("BanSubstrings", words)
    if peer == "LLM Guard Secrets":
        return _llm_guard("Secrets")
    if peer == "Presidio":
        return _presidio(patterns)
    return _litellm(patterns, words)


def _seconds(scan: _Scan, text: str, count: int) -> float:
    if not scan(text):
        raise SystemExit("finds something in a text that holds nothing")
    taken = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        for _ in range(count):
            scan(text)
        taken.append((perf_counter() - start) / count)
    return median(taken)


def main() -> None:
    """Read, measure, print."""
    asked = json.load(sys.stdin)
    of_others = frozenset() if asked["peer"] == "Presidio" else frozenset({"presidio_analyzer"})
    sys.meta_path.insert(0, _StandIns(_MODELS | _UNUSED | of_others))
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # It would ask the network otherwise.
    logging.disable()
    if asked["peer"].startswith("LLM Guard"):  # It would write each verdict out.
        structlog: Any = import_module("structlog")
        quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
        structlog.configure(wrapper_class=quiet)
    scan = _prepared(asked["peer"], asked["patterns"], asked["words"])
    json.dump([_seconds(scan, text, count) for text, count in asked["texts"]], sys.stdout)


if __name__ == "__main__":
    main()
