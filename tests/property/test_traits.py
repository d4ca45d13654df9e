"""Traits: where one is missing, the step that it stands for would change nothing."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.prompt import fold, normalise, traits
from functions.prompt.base64_runs import from_base64
from functions.prompt.charsets import as_text
from functions.prompt.decoding import decode
from functions.prompt.normalise import narrowed
from functions.prompt.readings import look_at, plain_texts, readings
from functions.prompt.traits import ALL, Trait, traits_of

DECODED = ALL - {Trait.UNUSUAL, Trait.FOLDABLE}
ENCODED = st.text(st.sampled_from("账号ab1 "), min_size=1, max_size=8).flatmap(
    lambda text: st.sampled_from(
        [
            text.encode().hex(" "),
            base64.b64encode(text.encode()).decode(),
            quote(text),
            "".join(f"&#{ord(each)};" for each in text),
            "".join(f"\\u{ord(each):04x}" for each in text),
            " ".join(f"U+{ord(each):04X}" for each in text),
            "".join(f"\\{each:03o}" for each in text.encode() if each < 256),
        ]
    )
)
PIECES = (
    ENCODED
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.text(st.sampled_from("aAbZ01+/_-=%&\\xuU;# ,:\n一二九零賬é́а，　"), max_size=12)
)
TEXTS = st.lists(PIECES, max_size=5).map("".join)


@given(TEXTS)
@example("U+D800 U+1F600")
@example("一二三四五六")
def test_a_trait_is_there_wherever_its_step_changes_something(text: str) -> None:
    even = narrowed(text)
    traits = traits_of(even)
    if Trait.UNUSUAL not in traits:
        assert normalise(text).text == even
        if Trait.FOLDABLE not in traits:
            assert fold(even) is None
    every = [each.text.text for each in decode(even, ALL)]
    assert [each.text.text for each in decode(even, traits)] == every
    if traits.isdisjoint(DECODED):
        assert every == []


@given(TEXTS)
def test_a_text_without_traits_is_its_only_reading(text: str) -> None:
    even = narrowed(text)
    if not traits_of(even):
        assert [each.text.text for each in readings(text)] == [even]
        assert even == normalise(text).text


@given(
    st.lists(TEXTS | st.sampled_from(["plain", "你好，世界", "<>", "a", "<"]), max_size=4),
    st.integers(0, 40),
)
def test_texts_are_plain_together_if_each_is_by_itself(texts: list[str], more: int) -> None:
    texts = ["plain"] * more + texts
    looks = [look_at(each) for each in texts]
    for data, look in zip(plain_texts(texts), looks, strict=True):
        assert data is None or (data == look.data and not look.traits)


def test_ordinary_texts_are_plain_together() -> None:
    assert [*plain_texts(["Can I", "a pity", "好，"])] == [b"Can I", b"a pity", "好,".encode()]
    some = ["plain"] * 20
    assert [*plain_texts([*some, "Base64 6LSm"])] == [b"plain"] * 16 + [None] * 5


@pytest.mark.parametrize(
    "text",
    [
        "Please summarise the contract in three sentences.\nWe meet on Monday at 10 o'clock.",
        "请把这份合同的要点写成三句话，谢谢。我们下周要和客户开会；语气要正式一些！",
        "「カタカナ」と、がぎぐげご。",
        "안녕하세요, 한국어 문장입니다.",
    ],
)
def test_ordinary_text_has_no_traits(text: str) -> None:
    assert not traits_of(narrowed(text))


def test_a_set_that_fails_means_all_traits(monkeypatch: pytest.MonkeyPatch) -> None:
    """RE2 reports nothing at all where it runs out of memory."""
    failing = type("Failing", (), {"Match": staticmethod(lambda _: None)})
    monkeypatch.setattr(traits, "_SET", failing)
    assert traits_of("plain") == ALL


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=5))
def test_no_short_word_of_base64_that_is_text_is_passed_by(text: str) -> None:
    raw = text.encode()
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        word = encoded.decode().rstrip("=")
        if len(word) >= 6 and not word.isdigit():
            assert from_base64(word) == as_text(raw)
