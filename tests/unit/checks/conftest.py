"""A callout as the shim makes it, and policies compiled for either check."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.deny_pattern import check as deny_pattern
from functions.deny_pattern.check import CompiledPolicy
from functions.deny_pattern.check import compile_policy as compile_rules
from functions.llm_guard.check import JudgedPolicy
from functions.llm_guard.check import compile_policy as compile_judge
from functions.policy import PolicySource, load
from functions.runtime.sealing import Sealer
from functions.verdict import Callout, Phase, Secret, Verdict

CHAT_PATH = "/compatible-mode/v1/chat/completions"
REVISION = "r1"
SEALER = Sealer([Secret("s" * 32)])

Edit = Callable[[str, str], PolicySource]


def callout(
    path: str = CHAT_PATH,
    content_type: str = "application/json",
    content_encoding: str = "",
    phase: Phase = Phase.REQUEST,
) -> Callout:
    return Callout(
        phase=phase,
        policy="sample",
        authority="dashscope.aliyuncs.com",
        path=path,
        method="POST",
        deadline_ms=1000,
        content_type=content_type,
        content_encoding=content_encoding,
    )


def judge(call: Callout, body: bytes, compiled: CompiledPolicy | None) -> Verdict:
    """deny-pattern's verdict, with a sealer of these tests."""
    return deny_pattern.judge(call, body, compiled, SEALER)


def chat(*contents: object) -> bytes:
    messages = [{"role": "user", "content": content} for content in contents]
    return json.dumps({"model": "qwen-plus", "messages": messages}, ensure_ascii=False).encode()


def error_of(verdict: Verdict) -> dict[str, str]:
    """The error that the caller sees, in OpenAI's shape."""
    error: dict[str, str] = json.loads(verdict.body)["error"]
    return error


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The policy `sample`, with one piece of its text replaced."""

    def edit(old: str, new: str) -> PolicySource:
        text = SAMPLE.replace(old, new)
        assert old == new or text != SAMPLE, f"nothing reads {old}"
        path = tmp_path / "sample.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return edit


@pytest.fixture
def rules(edited: Edit) -> CompiledPolicy:
    return compile_rules(edited("", ""), REVISION)


@pytest.fixture
def judged(edited: Edit) -> JudgedPolicy:
    return compile_judge(edited("", ""), REVISION)


SAMPLE = """\
policy: sample
description: a policy for tests
cache_seconds: 30
rules:
  - id: account-word
    why: accounts come with passwords
    category: personal-data
    severity: critical
    match:
      words: [账号]
    message: it speaks of an account
    examples:
      find: [我的账号]
      pass: [我的账单]
  - id: long-number
    why: to see how often there is one
    category: numbers
    severity: low
    match:
      regex: "[0-9]{6,}"
    action: monitor
    message: it holds a long number
    examples:
      find: ["123456"]
      pass: ["12345"]
judge:
  categories:
    - id: personal-data
      description: data that identifies a person
    - id: trade-secret
      description: unpublished business data
"""
