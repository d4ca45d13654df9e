"""Random numbers in the shapes that business is full of, and how many of them rules take for data.

    python -m tests.bench.random_numbers [SEED]

Prints a table for docs/packs.md: for each shape, which rules of the built-in packs hit in how many
of 10,000 texts.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from string import ascii_uppercase, digits
from typing import Final
from uuid import UUID

from functions.deny_pattern.check import CompiledPolicy, judge
from functions.deny_pattern.compiled import compile_policy
from functions.policy import load
from functions.policy.load import PACKS
from functions.verdict import Phase
from infra.cli.messages import CHAT_PATH, HOST, Form, body_of, callout_of
from tests.support.streams import SEALER

_TEXTS: Final = 10_000
_HEX: Final = "0123456789abcdef"


def _some(random: Random, count: int, letters: str = digits) -> str:
    return "".join(random.choices(letters, k=count))


def _date(random: Random) -> str:
    return f"20{random.randrange(18, 27)}{random.randrange(1, 13):02}{random.randrange(1, 29):02}"


def _in(*sizes: int, by: str) -> Callable[[Random], str]:
    return lambda random: by.join(_some(random, size) for size in sizes)


SHAPES: Final[dict[str, Callable[[Random], str]]] = {
    "8 digits": _in(8, by=""),
    "9 digits": _in(9, by=""),
    "10 digits": _in(10, by=""),
    "11 digits": _in(11, by=""),
    "12 digits": _in(12, by=""),
    "13 digits": _in(13, by=""),
    "14 digits": _in(14, by=""),
    "15 digits": _in(15, by=""),
    "16 digits": _in(16, by=""),
    "18 digits": _in(18, by=""),
    "19 digits": _in(19, by=""),
    "16 digits in fours": _in(4, 4, 4, 4, by=" "),
    "18 digits in fours": _in(4, 4, 4, 4, 2, by=" "),
    "date and 4 digits": lambda random: f"{_date(random)}-{_some(random, 4)}",
    "short date and 4 digits": lambda random: f"{_date(random)[2:]}-{_some(random, 4)}",
    "number-date-number": lambda random: f"{_some(random, 6)}-{_date(random)}-{_some(random, 4)}",
    "date and 10 digits": lambda random: _date(random) + _some(random, 10),
    "3-2-4": _in(3, 2, 4, by="-"),
    "3-3-3": _in(3, 3, 3, by="-"),
    "3-3-4": _in(3, 3, 4, by="-"),
    "6-7": _in(6, 7, by="-"),
    "9-2": _in(9, 2, by="-"),
    "24 digits, a space between each": lambda random: " ".join(_some(random, 24)),
    "24 numbers of one to four digits": lambda random: " ".join(
        _some(random, random.randrange(1, 5)) for _ in range(24)
    ),
    "milliseconds since 1970": lambda random: str(random.randrange(10**12, 19 * 10**11)),
    "microseconds since 1970": lambda random: str(random.randrange(10**15, 19 * 10**14)),
    "time of ISO 8601": lambda random: (
        f"2024-{random.randrange(1, 13):02}-15T{random.randrange(24):02}:{random.randrange(60):02}"
        f":{random.randrange(60):02}.{_some(random, 6)}Z"
    ),
    "price": lambda random: f"{random.randrange(1, 999)},{_some(random, 3)}.{_some(random, 2)}",
    "IPv4 address": lambda random: ".".join(str(random.randrange(256)) for _ in range(4)),
    "version": lambda random: ".".join(str(random.randrange(100)) for _ in range(3)),
    "UUID": lambda random: str(UUID(int=random.getrandbits(128), version=4)),
    "hash of 32": lambda random: _some(random, 32, _HEX),
    "hash of 40": lambda random: _some(random, 40, _HEX),
    "hash of 64": lambda random: _some(random, 64, _HEX),
    "8 digits and a letter": lambda random: _some(random, 8) + _some(random, 1, ascii_uppercase),
    "part number of 10": lambda random: _some(random, 10, ascii_uppercase + digits),
    "part number of 18": lambda random: _some(random, 18, ascii_uppercase + digits),
    "2 letters, 16 digits": lambda random: _some(random, 2, ascii_uppercase) + _some(random, 16),
    "2 letters, 9 digits": lambda random: _some(random, 2, ascii_uppercase) + _some(random, 9),
    "fraction": lambda random: repr(random.random()),
}


def hits_of(shape: str, policy: CompiledPolicy, texts: int, seed: str) -> Counter[str]:
    """How many of so many texts with one number of that shape each rule hits."""
    callout = callout_of(Phase.REQUEST, "everything", HOST, CHAT_PATH, "")
    random, hits = Random(f"{seed} {shape}"), Counter[str]()
    for _ in range(texts):
        text = f"No. {SHAPES[shape](random)}".encode()
        body = body_of(text, Form.TEXT, Phase.REQUEST, "user", "qwen-plus")
        hits.update({each.rule for each in judge(callout, body, policy, SEALER).findings})
    return hits


def everything() -> CompiledPolicy:
    """A policy of all built-in packs."""
    packs = ", ".join(f"{{pack: {path.stem}}}" for path in sorted(PACKS.glob("*.yaml")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "everything.yaml"
        path.write_text(f"policy: everything\ndescription: every pack\npacks: [{packs}]\n")
        return compile_policy(load(path), "everything")


def main(seed: str = "1") -> int:
    """Judge all shapes by all packs."""
    policy = everything()
    sys.stdout.write("| numbers | hit, of 10,000 |\n| --- | --- |\n")
    nothing = []
    for shape in SHAPES:
        hits = hits_of(shape, policy, _TEXTS, seed)
        told = ", ".join(f"`{rule}` {count}" for rule, count in hits.most_common())
        if told:
            sys.stdout.write(f"| {shape} | {told} |\n")
        else:
            nothing.append(shape)
    sys.stdout.write(f"| {', '.join(nothing)} | 0 |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
