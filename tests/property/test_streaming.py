"""However a stream is cut into events and windows, the caller gets the same text."""

import itertools
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from functions.deny_pattern.check import CompiledPolicy, compile_policy
from functions.policy import load
from tests.support import streams
from tests.support.streams import streamed
from tests.unit.checks.conftest import callout

POLICY = """\
policy: sample
description: a policy for tests
rules:
  - id: number
    why: to be masked
    category: numbers
    match: {regex: '\\b[0-9]{6,11}\\b'}
    phase: both
    action: mask
    mask: {label: N}
    message: it holds a number
    examples: {find: ["123456"], pass: ["12345"]}
"""
TEXT = "你好 1234567, so 12345 and 7654321; 1234567 again, then 123456789012 and 424242."
EXPECTED = "你好 <N_1>, so 12345 and <N_2>; <N_1> again, then 123456789012 and <N_3>."
CUTS = st.lists(st.integers(0, len(TEXT)), max_size=30)


def compiled() -> CompiledPolicy:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.yaml"
        path.write_text(POLICY, encoding="utf-8")
        return compile_policy(load(path), "tested")


COMPILED = compiled()


@given(CUTS, st.lists(st.integers(0, 12_000), max_size=12))
def test_the_text_is_the_same_for_any_cutting(
    piece_cuts: list[int], window_cuts: list[int]
) -> None:
    edges = [0, *sorted(piece_cuts), len(TEXT)]
    pieces = [TEXT[a:b] for a, b in itertools.pairwise(edges) if b > a]
    stream = streams.chat(pieces)
    ends = [0, *sorted(min(each, len(stream)) for each in window_cuts), len(stream)]
    windows = [stream[a:b] for a, b in itertools.pairwise(ends)]
    result = streamed(windows, COMPILED, callout())
    assert "".join(result.strings("choices", "0", "delta", "content")) == EXPECTED
