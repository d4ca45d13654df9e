"""deny-pattern's tools for people who write policies: what they say of a folder."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.deny_pattern.tools.asking import ask
from functions.deny_pattern.tools.converting import convert
from functions.deny_pattern.tools.explaining import explain
from functions.deny_pattern.tools.folders import opened
from functions.deny_pattern.tools.linting import lint
from functions.deny_pattern.tools.samples import near_misses, texts_like
from functions.deny_pattern.tools.testing import test as try_examples
from functions.policy import PolicyError
from tests.unit.policy.conftest import POLICY, Write

Lines = list[dict[str, Any]]
Tool = Callable[[Iterator[dict[str, Any]]], Iterator[dict[str, Any]]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the text of the policy `sample` and return its path."""

    def write_text(text: str) -> Path:
        path = tmp_path / "sample.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


def said(tool: Tool, folder: Path, policy: str = "sample", **more: object) -> Lines:
    return list(tool(iter([{"folder": str(folder), "policy": policy, **more}])))


def test_every_example_is_tried_and_a_wrong_one_does_not_hide_the_next(write: Write) -> None:
    path = write(POLICY.replace("find: [我的账号]", "find: [账单, 我的账号, 帐篷]"))
    lines = said(try_examples, path.parent)
    assert [line["passed"] for line in lines] == [False, True, False, True, True, True]
    assert lines[0]["what"] == "examples.find: '账单' is not found"
    assert (lines[0]["rule"], lines[0]["place"]) == ("first", "sample.yaml:4")


@pytest.mark.parametrize("tool", [try_examples, lint, explain])
def test_a_policy_that_is_not_there_is_named_with_those_that_are(tool: Tool, write: Write) -> None:
    with pytest.raises(PolicyError, match="holds no policy nobody; there are sample"):
        said(tool, write(POLICY).parent, "nobody")


def test_a_policy_without_a_remark_has_none(write: Write) -> None:
    path = write(POLICY.replace("action: monitor", "action: monitor\n    severity: low"))
    assert said(lint, path.parent) == [{"policy": "sample", "code": "", "rules": 2}]


@pytest.mark.parametrize(
    ("old", "new", "code", "what"),
    [
        ("words: [账号]", "words: [账号, falcon]", "case", "is not found as Falcon"),
        ("words: [账号]", "words: [账号, 账号密码]", "redundant-word", "账号 finds 账号密码"),
        ("words: [账号]", "words: [账号, 賬號]", "redundant-word", "leave 賬號 out"),
        ("words: [账号]", "words: [账号, 会议]", "common", "finds something in '会议改到"),
        (
            'regex: "[0-9]{4}"\n    action: monitor',
            'regex: "[0-9]{4}.*"\n    action: mask',
            "wide",
            "may take the rest",
        ),
        (
            "action: monitor",
            "action: mask\n    phase: response\n    mask: {restore: true}",
            "restore",
            "reads no request",
        ),
        ('find: ["1234"]', 'find: ["1234 账号"]', "shadowed", "the rule first denies"),
        ("rules:", "select: {hosts: ['https://a.com']}\nrules:", "selector", "no port"),
        ("rules:", "select: {paths: [v1/*]}\nrules:", "selector", "begin with /"),
        ("rules:", "select: {workloads: [sleep]}\nrules:", "selector", "namespace/name"),
    ],
)
def test_a_likely_mistake_is_remarked_on(
    write: Write, old: str, new: str, code: str, what: str
) -> None:
    assert old in POLICY
    lines = said(lint, write(POLICY.replace(old, new, 1)).parent)
    assert code in {line["code"] for line in lines}
    assert any(what in line["what"] for line in lines if line["code"] == code)


def test_a_policy_is_explained_with_where_each_rule_comes_from(write: Write) -> None:
    path = write(POLICY + "packs: [{pack: injection}]\n")
    head, first, *rest = said(explain, path.parent)
    assert head["policy"]["policy"] == "sample"
    assert (first["rule"]["id"], first["place"]) == ("first", "sample.yaml:4")
    assert rest[-1]["place"].startswith("packs/injection.yaml:")


def test_a_text_is_explained_by_place_and_never_told(write: Write) -> None:
    lines = said(explain, write(POLICY).parent, text="sesame 帳號? 賬號!")
    assert [line["view"] for line in lines if "rule" not in line] == ["plain", "folded"]
    looks = [(line["start"], line["end"], line["outcome"]) for line in lines if "rule" in line]
    assert looks == [(11, 13, "hit")]
    assert "sesame" not in json.dumps(lines)


def test_a_folder_is_compiled_once_and_again_when_it_changes(write: Write, tmp_path: Path) -> None:
    path, cache = write(POLICY), tmp_path / "cache" / "sample.prepared"
    opened(path.parent, cache)
    made = cache.stat().st_mtime_ns
    opened(path.parent, cache)
    assert cache.stat().st_mtime_ns == made
    write(POLICY.replace("账号", "账户"))
    revision = opened(path.parent, cache).get("sample")
    assert revision is not None
    assert cache.stat().st_mtime_ns != made
    assert revision.policy.rules[0].match.words == ("账户",)


def test_a_cache_that_is_no_such_thing_is_made_anew(write: Write, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_bytes(b"anything")
    assert opened(write(POLICY).parent, cache).names() == ["sample"]
    assert cache.stat().st_size > 1000


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is no folder"):
        list(ask(iter([{"folder": str(tmp_path / "nowhere"), "cache": None}])))


def converted(deny: list[str], allow: list[str]) -> Lines:
    return list(convert(iter([{"deny": deny, "allow": allow, "origin": "a test"}])))


@pytest.mark.parametrize(
    ("pattern", "match"),
    [
        (".*账号.*", {"words": ["账号"]}),
        (".*?账号|密码.*?", {"words": ["账号", "密码"]}),
        ("[0-9]{6}.*", {"regex": "[0-9]{6}"}),
        (r"a\.*", {"regex": r"a\.*"}),
        ("(?i)falcon", {"regex": "(?i)falcon"}),
        ("^账号", {"regex": "^账号"}),
    ],
)
def test_a_deny_pattern_is_a_rule_with_examples_that_were_tried(
    pattern: str, match: object
) -> None:
    (line,) = converted([pattern], [])
    assert line["rule"]["match"] == match
    assert line["problem"] == ""
    assert line["rule"]["examples"]["find"]
    assert line["rule"]["examples"]["pass"]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        (".*", "examples.pass"),
        ("(?s:.+)", "examples.pass"),
        (r"(a)\1", "RE2 refuses it"),
        ("[", "RE2 refuses it"),
        (r"\pN{40}x", "examples.find"),
        ("x" * 3000, "2000"),
    ],
)
def test_a_pattern_that_needs_help_makes_a_rule_that_does_not_load(pattern: str, told: str) -> None:
    (line,) = converted([pattern], [])
    assert told in line["problem"]
    assert [] in line["rule"]["examples"].values()


def test_allow_patterns_are_one_rule_that_finds_what_none_of_them_matches() -> None:
    (line,) = converted([], [".*天氣.*", "Weather"])
    rule = line["rule"]
    assert rule["match"]["unless"]["regex"] == "(?-i:天氣)|(?-i:天气)|(?-i:Weather)"
    assert rule["scope"] == {"roles": ["user"], "parts": ["text"]}
    assert rule["examples"]["pass"] == ["天氣", "Weather"]
    assert line["problem"] == ""


def test_an_allow_pattern_that_allows_everything_makes_no_rule() -> None:
    assert converted([], ["账号", ".*"]) == []


@given(st.text(max_size=30))
@settings(max_examples=300)
def test_no_pattern_stops_the_maker_of_examples(pattern: str) -> None:
    for text in texts_like(pattern):
        assert len(text) <= 100_000
        assert all(len(miss) == len(text) - 1 for miss in near_misses(text))


def test_a_pattern_that_python_warns_of_is_read_all_the_same() -> None:
    assert "[" in set(texts_like("[[]"))


def test_examples_walk_through_the_parts_of_a_pattern() -> None:
    assert set(texts_like("(?:a|b)[0-9]{2}[^x]?")) >= {"a00", "b447"}


def test_a_pattern_of_a_thousand_repeats_makes_short_texts() -> None:
    assert all(len(text) < 10_000 for text in texts_like("(?:a{1000}){1000}"))
