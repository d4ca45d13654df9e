"""A folder of policies under a running stack: what is written there is in force, or is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.cli.settings import Settings
from infra.cli.stack import Stack, local_stack
from infra.deploy.logs import logs
from infra.local.banner import CHAT_PATH, GUARDED_HOST
from tests.e2e.conftest import chat
from tests.support.waiting import wait_until
from tests.support.wire import Message, call, request

POLICY = """\
policy: default
description: a policy for tests
rules:
  - id: fruit
    why: it can be looked for
    category: fruit
    match: {words: [apple]}
    message: it speaks of fruit
    examples: {find: [apple], pass: [bread]}
judge:
  categories: [{id: personal-data}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "default.yaml").write_text(POLICY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def stack(folder: Path) -> Iterator[Stack]:
    with local_stack(Settings(port=0, emulator_port=0, policy_dir=str(folder))) as stack:
        yield stack


def ask(stack: Stack, text: str) -> Message:
    headers = [("Content-Type", "application/json")]
    raw = request(GUARDED_HOST, CHAT_PATH, headers=headers, body=chat(text))
    return call(stack.sidecar.port, raw, seconds=20)


def replace(folder: Path, text: str) -> None:
    """As docs/policies.md has it: by renaming."""
    fresh = folder / "fresh"
    fresh.write_text(text, encoding="utf-8")
    fresh.rename(folder / "default.yaml")


def test_a_changed_policy_comes_into_force_and_a_bad_one_leaves_it(
    stack: Stack, folder: Path
) -> None:
    assert ask(stack, "an apple").status == 403
    assert ask(stack, "a pear").status == 200
    replace(folder, POLICY.replace("apple", "pear"))
    wait_until(lambda: ask(stack, "a pear").status == 403, "the new policy denies", seconds=30)
    assert ask(stack, "an apple").status == 200
    replace(folder, POLICY.replace("category: fruit", "categroy: fruit"))
    wait_until(
        lambda: any("policy refused" in line for line in logs("deny-pattern", stack.emulator_url)),
        "the bad policy is told",
        seconds=30,
    )
    assert ask(stack, "a pear").status == 403
