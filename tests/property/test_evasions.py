"""A text that is denied stays denied under every disguise of docs/evasions.md; benign text passes.

Each disguise takes a word that the default policy denies and writes it as somebody would who wants
it to slip past. The page lists them by these names, and a test holds the two lists together.
"""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from functions.deny_pattern.check import CompiledPolicy, compile_policy
from functions.policy import load
from functions.prompt.codings import encode_body
from functions.prompt.readings import readings
from functions.verdict import Callout, Decision, Phase
from tests.unit.checks.conftest import judge

ROOT: Final = Path(__file__).parents[2]
WORD: Final = "账号"

Disguise = Callable[[str], str]


def between(noise: str) -> Disguise:
    """The word with `noise` behind each of its characters."""
    return lambda word: "".join(each + noise for each in word)


def hexed(separator: str, prefix: str = "") -> Disguise:
    return lambda word: separator.join(f"{prefix}{byte:02x}" for byte in word.encode())


def based(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


def escaped(word: str) -> str:
    return json.dumps(word)[1:-1]


DISGUISES: Final[dict[str, Disguise]] = {
    "zero-width space": between("\u200b"),
    "zero-width joiner": between("\u200d"),
    "soft hyphen": between("\u00ad"),
    "byte order mark": between("\ufeff"),
    "word joiner": between("\u2060"),
    "bidirectional control": between("\u202e"),
    "variation selector": between("\ufe0f"),
    "variation selector supplement": between("\U000e0101"),
    "tag character": between("\U000e0061"),
    "invisible filler": between("\u3164"),
    "control character": between("\x07"),
    "combining stroke": between("\u0336"),
    "combining enclosure": between("\u20dd"),
    "traditional characters": lambda _: "賬號",
    "variant characters": lambda _: "帳號",
    "half traditional": lambda _: "账號",
    "URL escapes": quote,
    "URL escapes twice": lambda word: quote(quote(word)),
    "half in URL escapes": lambda word: quote(word[0]) + word[1:],
    "decimal entities": lambda word: "".join(f"&#{ord(each)};" for each in word),
    "hexadecimal entities": lambda word: "".join(f"&#x{ord(each):X};" for each in word),
    "\\u escapes": escaped,
    "\\x escapes": hexed("", "\\x"),
    "code points": lambda word: " ".join(f"U+{ord(each):04X}" for each in word),
    "hexadecimal": hexed(""),
    "spaced hexadecimal": hexed(" "),
    "hexadecimal with prefixes": hexed(", ", "0x"),
    "Base64": based,
    "Base64 without padding": lambda word: based(f"我的{word}。").rstrip("="),
    "URL-safe Base64": lambda word: base64.urlsafe_b64encode(f"??>>{word}".encode()).decode(),
    "Base64 in lines": lambda word: base64.encodebytes(f"{'说明。' * 40}{word}".encode()).decode(),
    "Base64 of UTF-16": lambda word: base64.b64encode(word.encode("utf-16")).decode(),
    "Base64 twice": lambda word: based(based(word)),
    "URL escapes in Base64": lambda word: based(quote(word)),
    "full-width URL escapes": lambda word: quote(word).replace("%", "％"),
    "zero-width space in Base64": lambda word: "\u200b".join(based(word)),
    "data URL": lambda word: f"data:text/plain;base64,{based(word)}",
    "percent-encoded data URL": lambda word: f"data:text/plain,{quote(word)}",
    "JSON in a string": lambda word: json.dumps({"q": [word]}, ensure_ascii=False),
    "escaped JSON in a string": lambda word: json.dumps({"q": [word]}),
}


@pytest.fixture(scope="module")
def default_policy() -> CompiledPolicy:
    return compile_policy(load(ROOT / "functions" / "policies" / "default.yaml"), "r")


def callout(content_type: str = "application/json", content_encoding: str = "") -> Callout:
    return Callout(
        phase=Phase.REQUEST,
        policy="default",
        authority="dashscope.aliyuncs.com",
        path="/compatible-mode/v1/chat/completions",
        method="POST",
        deadline_ms=1000,
        content_type=content_type,
        content_encoding=content_encoding,
    )


def chat(content: object) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": content}]}).encode()


def denies(policy: CompiledPolicy, body: bytes, how: Callout) -> bool:
    return judge(how, body, policy).decision is Decision.DENY


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguised_word_is_denied(default_policy: CompiledPolicy, name: str) -> None:
    text = f"请记住：{DISGUISES[name](WORD)} ，谢谢"
    assert denies(default_policy, chat(text), callout())


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": WORD}],
        [{"type": "text", "text": "账"}, {"type": "text", "text": "号"}],
        {WORD: 1},
        {"unknown": {"deeply": [["nested", WORD]]}},
        ["账", "号"],
    ],
)
def test_a_word_in_any_place_is_denied(default_policy: CompiledPolicy, content: object) -> None:
    assert denies(default_policy, chat(content), callout())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_word_in_a_coded_body_is_denied(default_policy: CompiledPolicy, coding: str) -> None:
    body = encode_body(chat(WORD), coding)
    assert denies(default_policy, body, callout(content_encoding=coding))


def test_the_page_lists_every_disguise() -> None:
    page = (ROOT / "docs" / "evasions.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)
    assert [name for name in listed if name in DISGUISES] == list(DISGUISES)


BENIGN: Final = [
    "Việt Nam và Pháp: cà phê sữa đá, bánh mì, phở bò",
    "Привет! Как пройти к Большому театру? Сор, рос, сон.",
    "Καλημέρα κόσμε, τι κάνεις;",
    "हिन्दी में लिखा गया एक वाक्य, क्षत्रिय और ज्ञान",
    "ภาษาไทยมีวรรณยุกต์และสระหลายตัว",
    "العربية لغة جميلة، وفيها تشكيل: مُحَمَّد",
    "עברית עם ניקוד: שָׁלוֹם",
    "日本語の「カタカナ」と、がぎぐげご、ぱぴぷぺぽ。",
    "한국어 문장입니다. 안녕하세요?",
    "👩🏽\u200d💻 works with 👨\u200d👩\u200d👧 and ❤️ in 🇨🇳",
    "naïve café, Ångström, Straße, señor, garçon, żółć",
    "訂單編號與帳篷型號是什麼？",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b, id 9b2e1a7c-4a6f-4c7b-8d3e-2f1a6b5c4d3e",
    "def f(x: int) -> str: return f'{x:%Y-%m-%d}' & 0xFF  # see RFC 3986 §2.1",
    "https://example.com/a%20b?c=d&e=f%2Fg&copy=1",
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
]


@pytest.mark.parametrize("text", BENIGN)
def test_benign_text_is_allowed(default_policy: CompiledPolicy, text: str) -> None:
    assert not denies(default_policy, chat(text), callout())


@pytest.mark.parametrize("text", BENIGN[:8])
def test_the_plainest_reading_keeps_every_letter_of_a_language(text: str) -> None:
    first = next(readings(text))
    assert first.view == "plain" or first.text.text.replace("...", "…") == text
