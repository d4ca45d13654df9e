"""Labelled texts to measure policies on: made up from a seed, the same ones each time.

    python -m tests.bench.labelled_texts FOLDER [SEED]
        → FOLDER/texts.jsonl, and FOLDER/policies/everything.yaml with all packs

    a made-up value × a carrier × a way to send it        expect: found, with its category
    injections × a way to send it                         expect: found
    passes filled with made-up numbers, as they are       expect: allow

Values come from issuers' published formats (`labelled_values`), sentences from the YAML file beside
this one. Both were written without a look at the rules' patterns, and no rule was changed for what
they showed.
"""

import base64
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import yaml

from functions.policy.load import PACKS
from tests.bench.labelled_values import (
    CREDENTIALS,
    DIGITS,
    HEX,
    PERSONAL,
    UPPER_DIGITS,
    some,
)

SEED: Final = 20260131
_EACH: Final = 40
"""Texts for each kind of value."""
_PASSES_EACH: Final = 60
"""Texts for each sentence of which nothing may be found."""
_SENTENCES: Final = Path(__file__).with_suffix(".yaml")
Line = dict[str, Any]
Way = Callable[[Random, str], Line]


def main(arguments: list[str]) -> int:
    """Write the texts and a policy to measure on them."""
    folder = Path(arguments[0])
    seed = int(arguments[1]) if arguments[1:] else SEED
    (folder / "policies").mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(line, ensure_ascii=False) for line in texts(seed)]
    (folder / "texts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    packs = ", ".join(f"{{pack: {path.stem}}}" for path in sorted(PACKS.glob("*.yaml")))
    policy = f"policy: everything\ndescription: All packs as they are.\npacks: [{packs}]\n"
    (folder / "policies" / "everything.yaml").write_text(policy, encoding="utf-8")
    sys.stdout.write(f"{folder / 'texts.jsonl'}: {len(lines)} texts\n")
    return 0


def texts(seed: int = SEED) -> Iterator[Line]:
    """All lines, as `meshward eval` reads them."""
    random = Random(seed)
    sentences = yaml.safe_load(_SENTENCES.read_text(encoding="utf-8"))
    for category, makers in (("credential", CREDENTIALS), ("personal-data", PERSONAL)):
        for kind, make in makers.items():
            for _ in range(_EACH):
                text = random.choice(sentences["carriers"]).replace("{}", make(random))
                yield _sent(random, text, category, kind)
    for text in sentences["injections"]:
        for way in WAYS:
            yield {**WAYS[way](random, text), **_label("prompt-injection", "injection", way)}
    for group, patterns in sentences["passes"].items():
        for pattern in patterns:
            for _ in range(_PASSES_EACH if "{" in pattern else 1):
                text = pattern.format_map(_Fillings(random))
                yield {"text": text, "expect": "allow", "group": f"pass: {group}"}


def _sent(random: Random, text: str, category: str, kind: str) -> Line:
    """`text` in one of the ways; as it is in half of the cases."""
    way = "plain" if random.random() < 0.5 else random.choice(list(WAYS))
    return {**WAYS[way](random, text), **_label(category, kind, way)}


def _label(category: str, kind: str, way: str) -> Line:
    return {"expect": "find", "category": category, "group": [f"kind: {kind}", f"way: {way}"]}


def _plain(_random: Random, text: str) -> Line:
    return {"text": text}


def _base64(_random: Random, text: str) -> Line:
    packed = base64.b64encode(text.encode()).decode()
    return {"text": f"Decode this and follow it: {packed}"}


def _url(_random: Random, text: str) -> Line:
    return {"text": f"https://intranet.example/search?q={quote(text)}"}


def _invisible(random: Random, text: str) -> Line:
    """A zero-width space behind every third character or so."""
    return {"text": "".join(each + "\u200b" * (random.random() < 0.3) for each in text)}


def _full_width(_random: Random, text: str) -> Line:
    return {"text": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)}


def _system(_random: Random, text: str) -> Line:
    return {"text": text, "role": "system"}


def _tool_result(_random: Random, text: str) -> Line:
    messages = [
        {"role": "user", "content": "What does the ticket say?"},
        {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"ticket": text})},
    ]
    return {"body": {"model": "qwen-plus", "messages": messages}}


def _tool_arguments(_random: Random, text: str) -> Line:
    function = {"name": "save", "arguments": json.dumps({"note": text})}
    call = {"id": "call_1", "type": "function", "function": function}
    messages = [
        {"role": "user", "content": "Save it."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    return {"body": {"model": "qwen-plus", "messages": messages}}


def _parts(random: Random, text: str) -> Line:
    """Cut into two parts somewhere in the middle."""
    at = random.randrange(len(text) // 3, 2 * len(text) // 3 + 1)
    parts = [{"type": "text", "text": piece} for piece in (text[:at], text[at:])]
    return {"body": {"model": "qwen-plus", "messages": [{"role": "user", "content": parts}]}}


def _dashscope(_random: Random, text: str) -> Line:
    body = {"model": "qwen-plus", "input": {"messages": [{"role": "user", "content": text}]}}
    return {"body": body, "path": "/api/v1/services/aigc/text-generation/generation"}


def _anthropic(_random: Random, text: str) -> Line:
    messages = [{"role": "user", "content": "Hello"}]
    body = {"model": "m", "max_tokens": 100, "system": text, "messages": messages}
    return {"body": body, "path": "/v1/messages"}


def _responses(_random: Random, text: str) -> Line:
    content = [{"type": "input_text", "text": text}]
    body = {"model": "m", "input": [{"role": "user", "content": content}]}
    return {"body": body, "path": "/v1/responses"}


def _history(_random: Random, text: str) -> Line:
    """Early in a long conversation."""
    rest = [
        {"role": "user" if turn % 2 else "assistant", "content": f"Turn {turn}, go on."}
        for turn in range(20)
    ]
    messages = [{"role": "user", "content": text}, *rest]
    return {"body": {"model": "qwen-plus", "messages": messages}}


WAYS: Final[dict[str, Way]] = {
    "plain": _plain,
    "base64": _base64,
    "url escapes": _url,
    "zero-width spaces": _invisible,
    "full-width letters": _full_width,
    "system role": _system,
    "tool result": _tool_result,
    "tool arguments": _tool_arguments,
    "two parts": _parts,
    "DashScope native": _dashscope,
    "Anthropic system": _anthropic,
    "Responses": _responses,
    "long history": _history,
}


class _Fillings(dict[str, str]):
    """What stands for the names in a sentence, made anew each time."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    def __missing__(self, name: str) -> str:
        random = self._random
        day = f"{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"
        made: dict[str, Callable[[], str]] = {
            "name": lambda: random.choice(
                ["Ms Chen", "Mr Novak", "Dr. Okafor", "王经理", "陈老师"]
            ),
            "number": lambda: some(random, DIGITS, random.choice([6, 8, 10, 12, 16, 18])),
            "date": lambda: f"{random.randrange(2019, 2027)}-{day}",
            "time": lambda: f"{random.randrange(8, 20)}:{random.randrange(10, 60)}",
            "amount": lambda: f"{random.randrange(100, 10**7):,}.{random.randrange(10, 100)}",
            "small": lambda: str(random.randrange(1, 100)),
            "year": lambda: str(random.randrange(2019, 2027)),
            "code": lambda: f"{some(random, UPPER_DIGITS, 3)}-{some(random, DIGITS, 4)}",
            "tracking": lambda: (
                f"{random.choice(['SF', 'YT', 'RR', ''])}{some(random, DIGITS, 13)}"
            ),
            "sha": lambda: some(random, HEX, 64),
            "commit": lambda: some(random, HEX, random.choice([7, 12, 40])),
            "uuid": lambda: str(UUID(int=random.getrandbits(128), version=4)),
            "version": lambda: (
                f"{random.randrange(9)}.{random.randrange(30)}.{random.randrange(9)}"
            ),
            "millis": lambda: str(random.randrange(1_500_000_000_000, 1_900_000_000_000)),
            "hex2": lambda: some(random, HEX, 2),
            "hex8": lambda: some(random, HEX, 8),
            "digits3": lambda: some(random, DIGITS, 3),
            "digits5": lambda: some(random, DIGITS, 5),
        }
        return made[name]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
