"""Bodies of 1 MB that are as hard to read as we know: rows of what may be encoded or disguised."""

import json
from collections.abc import Callable, Iterator
from random import Random
from string import ascii_letters, ascii_lowercase, digits, hexdigits
from typing import Final

_BYTES: Final = 1_000_000
_PIECES: Final = {
    "Base64": "aGVsbG8gd29ybGQgZm9v ",
    "URL escapes": "%E8%B4%A6 ",
    "URL escapes thrice": "%25252541",
    "\\x escapes": "\\x41 ",
    "words of code": "camelCase snake_case2 fooBar ",
    "traditional characters": "訂單編號與帳篷型號是什麼？",
    "Vietnamese": "Việt Nam và Pháp: cà phê sữa đá, bánh mì ",
    "look-alikes": "pаsswоrd жест ",
    "invisible characters": "账\u200b",
    "marks": "a\u0301\u0323",
    "letters apart": "a b c d e f g h ",
    "asterisks": "a*",
    "dots": "a.b ",
    "comments begun": "<!--",
    "numbers": "13800138000 ",
    "JSON in a string": "[1] ",
}
_ROWS: Final[dict[str, Callable[[Random], str]]] = {
    "words of Base64's letters": lambda random: _some(random, ascii_letters + digits, 8),
    "words of Base32's letters": lambda random: _some(
        random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16
    ),
    "words in camel case": lambda random: (
        _some(random, ascii_lowercase, 5) + _some(random, ascii_lowercase, 5).title()
    ),
    "short hexadecimal words": lambda random: _some(random, hexdigits.lower()[:16], 8),
    "bytes in hexadecimal": lambda random: _some(random, hexdigits.lower()[:16], 2),
    "hashes": lambda random: _some(random, hexdigits.lower()[:16], 40),
    "UUIDs": lambda random: "-".join(
        _some(random, hexdigits.lower()[:16], size) for size in (8, 4, 4, 4, 12)
    ),
    "numbers of two or three digits": lambda random: str(random.randrange(10, 1000)),
}


def _some(random: Random, letters: str, count: int) -> str:
    return "".join(random.choices(letters, k=count))


def bodies() -> Iterator[tuple[str, bytes]]:
    """Each with its name: chat bodies of one message, of many, and of other shapes."""
    random = Random(5)
    for name, piece in _PIECES.items():
        yield name, _chat(piece * (_BYTES // len(json.dumps(piece, ensure_ascii=False).encode())))
    for name, row in _ROWS.items():
        count = _BYTES // (len(row(random)) + 1)
        yield name, _chat(" ".join(row(random) for _ in range(count)))
    yield (
        "random characters",
        _chat("".join(chr(random.randrange(0xA0, 0xD7FF)) for _ in range(330_000))),
    )
    yield (
        "numbers of a list",
        json.dumps({"input": [random.random() for _ in range(50_000)]}).encode(),
    )
    yield "19,000 strings", json.dumps({"input": ["hi aB3 there"] * 19_000}).encode()
    odd = "5ZCI5ZCM aB3d %41 \u200b賬"
    yield "19,000 strings in disguise", json.dumps({"input": [odd] * 19_000}).encode()
    lists = ",".join(["[" * 60 + '"aB3"' + "]" * 60] * 6_000)
    yield "lists in lists", f"[{lists}]".encode()


def _chat(content: str) -> bytes:
    document = {"model": "qwen-plus", "messages": [{"role": "user", "content": content}]}
    return json.dumps(document, ensure_ascii=False).encode()
