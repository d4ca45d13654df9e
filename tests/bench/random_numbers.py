"""Random numbers in the shapes that business is full of, and how many of them rules take for data.

    python -m tests.bench.random_numbers FOLDER POLICY [SEED]

Prints for each shape the rules that hit, and in how many of 10,000 texts.
"""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from string import digits
from typing import Final

from functions.deny_pattern.check import judge
from functions.deny_pattern.compiled import compile_policy
from functions.policy import load
from functions.verdict import Phase
from infra.cli.messages import CHAT_PATH, HOST, Form, body_of, callout_of
from tests.support.streams import SEALER

_TEXTS: Final = 10_000


def _some(random: Random, count: int) -> str:
    return "".join(random.choices(digits, k=count))


def _date(random: Random) -> str:
    return f"2024{random.randrange(1, 13):02}{random.randrange(1, 29):02}"


SHAPES: Final[dict[str, Callable[[Random], str]]] = {
    "18 digits": lambda random: _some(random, 18),
    "18 digits in fours": lambda random: " ".join(_some(random, n) for n in (4, 4, 4, 4, 2)),
    "number-date-number": lambda random: f"{_some(random, 6)}-{_date(random)}-{_some(random, 4)}",
    "24 digits, a space between each": lambda random: " ".join(_some(random, 24)),
    "24 numbers of one to four digits": lambda random: " ".join(
        _some(random, random.randrange(1, 5)) for _ in range(24)
    ),
    "16 digits": lambda random: _some(random, 16),
    "13 digits": lambda random: _some(random, 13),
}


def main(folder: str, name: str, seed: str = "1") -> int:
    """Judge all shapes by one policy of a folder."""
    policy = compile_policy(load(Path(folder) / f"{name}.yaml"), name)
    callout = callout_of(Phase.REQUEST, name, HOST, CHAT_PATH, "")
    for shape, make in SHAPES.items():
        random, hits = Random(f"{seed} {shape}"), Counter[str]()
        for _ in range(_TEXTS):
            text = f"No. {make(random)}".encode()
            body = body_of(text, Form.TEXT, Phase.REQUEST, "user", "qwen-plus")
            hits.update({each.rule for each in judge(callout, body, policy, SEALER).findings})
        told = ", ".join(f"{rule} {count}" for rule, count in hits.most_common())
        sys.stdout.write(f"{shape}: {told or 'nothing'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
