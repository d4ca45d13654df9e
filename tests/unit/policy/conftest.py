"""Policies as text in a folder, since what is tested is how files are read."""

from collections.abc import Callable
from pathlib import Path

import pytest

POLICY = """\
policy: sample
description: a policy for tests
rules:
  - id: first
    why: it is the first
    category: words
    match:
      words: [账号]
    message: it speaks of an account
    examples:
      find: [我的账号]
      pass: [我的账单]
  - id: second
    why: it is the second
    category: numbers
    match:
      regex: "[0-9]{4}"
    action: monitor
    message: it holds a number
    examples:
      find: ["1234"]
      pass: ["123"]
judge:
  categories:
    - id: personal-data
      description: data that identifies a person
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the text of the policy `sample` and return its path."""

    def write_text(text: str) -> Path:
        path = tmp_path / "sample.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_text
