"""A text that is found stays found under every disguise of docs/evasions.md; benign text passes.

    needle: a denied word, a resident id, a key, an order to a model
      × disguise     how somebody writes it who wants it to slip past
      × place        every shape, role and part of a message

The page lists the disguises by these names, and a test holds the two lists together.
"""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from functions.deny_pattern.check import CompiledPolicy, compile_policy
from functions.policy import load
from functions.policy.load import PACKS
from functions.prompt.codings import encode_body
from functions.prompt.readings import readings
from functions.verdict import Callout, Decision, Phase
from tests.support.disguises import CASES, DISGUISES, LONG, NEEDLES, OWN, PLACES, WORD, Disguise
from tests.unit.checks.conftest import judge

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> CompiledPolicy:
    """The default policy with every built-in pack."""
    text = (ROOT / "functions" / "policies" / "default.yaml").read_text(encoding="utf-8")
    folder = tmp_path_factory.mktemp("policies")
    (folder / "default.yaml").write_text(text, encoding="utf-8")
    own = load(folder / "default.yaml").policy.packs
    packs = ", ".join(f"{{pack: {each.stem}}}" for each in sorted(PACKS.glob("*.yaml")))
    assert packs
    assert own is not None
    child = f"policy: everything\ndescription: all of it\nextends: default\npacks: [{packs}]\n"
    (folder / "everything.yaml").write_text(child, encoding="utf-8")
    return compile_policy(load(folder / "everything.yaml"), "r")


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


def stops(policy: CompiledPolicy, body: bytes, how: Callout) -> bool:
    """Whether the message does not leave as it is."""
    return judge(how, body, policy).decision is not Decision.ALLOW


@pytest.mark.parametrize(
    ("name", "needle", "how"), CASES, ids=[f"{name}-{needle}" for name, needle, _ in CASES]
)
def test_a_disguised_needle_is_found(
    everything: CompiledPolicy, name: str, needle: str, how: Disguise
) -> None:
    disguised = how(NEEDLES[needle])
    assert disguised != NEEDLES[needle], name
    assert stops(everything, chat(f"请记住：{disguised} ，谢谢"), callout())


@pytest.mark.parametrize("needle", NEEDLES)
@pytest.mark.parametrize("place", PLACES)
def test_a_needle_in_any_place_is_found(
    everything: CompiledPolicy, place: str, needle: str
) -> None:
    if place == "a system message" and needle.startswith("order"):
        return  # That is where orders belong.
    word = NEEDLES[needle]
    body = PLACES[place](word[: len(word) // 2], word[len(word) // 2 :])
    assert stops(everything, json.dumps(body).encode(), callout())


@pytest.mark.parametrize("needle", ["word", "id", "key"])
def test_a_needle_in_a_key_or_an_argument_is_found(everything: CompiledPolicy, needle: str) -> None:
    word = NEEDLES[needle]
    call = {"function": {"name": "f", "arguments": json.dumps({"q": [word]})}}
    for body in ({word: 1}, {"messages": [{"role": "assistant", "tool_calls": [call]}]}):
        assert stops(everything, json.dumps(body).encode(), callout())


@pytest.mark.parametrize("field", ["model", "id", "tool_call_id"])
def test_a_key_instead_of_a_name_is_found(everything: CompiledPolicy, field: str) -> None:
    assert stops(everything, json.dumps({field: NEEDLES["key"]}).encode(), callout())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_word_in_a_coded_body_is_denied(everything: CompiledPolicy, coding: str) -> None:
    body = encode_body(chat(WORD), coding)
    assert stops(everything, body, callout(content_encoding=coding))


def test_the_page_lists_every_disguise() -> None:
    page = (ROOT / "docs" / "evasions.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)
    names = [*DISGUISES, *LONG, *OWN]
    assert [name for name in listed if name in names] == names


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
def test_benign_text_is_allowed(everything: CompiledPolicy, text: str) -> None:
    assert not stops(everything, chat(text), callout())


@pytest.mark.parametrize("text", BENIGN[:8])
def test_the_plainest_reading_keeps_every_letter_of_a_language(text: str) -> None:
    first = next(readings(text))
    assert first.view == "plain" or first.text.text.replace("...", "…") == text
