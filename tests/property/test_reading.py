"""Reading a message: no text is lost, and no body makes a check fail."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.deny_pattern.check import CompiledPolicy, compile_policy
from functions.policy import load
from functions.prompt import MalformedMessage, read
from functions.runtime.settings import POLICIES
from functions.verdict import Callout, Decision, Phase
from tests.unit.checks.conftest import judge

COMPILED: CompiledPolicy = compile_policy(load(POLICIES / "default.yaml"), "tested")
KEYS = st.sampled_from(["content", "text", "model", "id", "role", "x", "账", "a/b", "~"])
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
BODIES = st.recursive(
    STRINGS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


def callout(path: str = "/v1/chat/completions") -> Callout:
    return Callout(
        phase=Phase.REQUEST,
        policy="default",
        authority="api.example",
        path=path,
        method="POST",
        deadline_ms=1000,
        content_type="application/json",
    )


def with_needle(body: Any, needle: str, place: int) -> Any:
    """The body with the needle instead of one of its strings, or around it where it has none."""
    strings = 0

    def walk(node: Any) -> Any:
        nonlocal strings
        if isinstance(node, list):
            return [walk(each) for each in node]
        if isinstance(node, dict):
            return {key: walk(each) for key, each in node.items()}
        if isinstance(node, str):
            strings += 1
            return needle if strings - 1 == place else node
        return node

    changed = walk(body)
    return changed if place < strings else {"around": [body, needle]}


@given(BODIES, st.integers(0, 6), st.booleans())
def test_a_word_is_found_wherever_it_stands(body: Any, place: int, ascii_only: bool) -> None:
    hiding = with_needle(body, "我的账号", place)
    raw = json.dumps(hiding, ensure_ascii=ascii_only).encode()
    verdict = judge(callout(), raw, COMPILED)
    assert verdict.decision is Decision.DENY
    assert "account-word" in [finding.rule for finding in verdict.findings]


@given(BODIES, st.integers(0, 6), st.integers(1, 3))
def test_a_word_is_found_in_json_inside_strings(body: Any, place: int, levels: int) -> None:
    needle: Any = {"q": "我的账号"}
    for _ in range(levels):
        needle = json.dumps(needle)
    raw = json.dumps(with_needle(body, needle, place)).encode()
    assert judge(callout(), raw, COMPILED).decision is Decision.DENY


@given(
    st.binary(max_size=80), st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=40)
)
def test_any_bytes_get_a_verdict(body: bytes, query: str) -> None:
    path = "/v1/models?" + "".join(character for character in query if character.isprintable())
    path = "".join(character for character in path if not character.isspace())
    assert judge(callout(path), body, COMPILED).check == "deny-pattern"


@given(BODIES)
def test_every_pointer_leads_to_its_text(body: Any) -> None:
    try:
        message = read(json.dumps(body).encode(), "application/json", "", "/")
    except MalformedMessage:
        return
    for segment in message.segments:
        if segment.view == "plain":
            assert resolve(body, segment.pointer) == segment.text


def resolve(node: Any, pointer: str) -> Any:
    """The value that an RFC 6901 pointer names."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        node = node[int(key)] if isinstance(node, list) else node[key]
    return node
