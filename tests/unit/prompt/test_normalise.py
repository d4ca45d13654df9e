"""One form for what reads the same, and the way back to what was sent."""

import sys
import time
import unicodedata

import pytest

from functions.prompt import normalise


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("我的账号是什么？", "我的账号是什么?"),
        ("账\u200b号", "账号"),
        ("账\u00ad号", "账号"),
        ("账\ufe0f号", "账号"),
        ("账\U000e0061\U000e007f号", "账号"),
        ("账\ufeff\u2060\u200d号", "账号"),
        ("账\u3164号", "账号"),
        ("账\x00\x1b号", "账号"),
        ("ＱＱ１２３", "QQ123"),
        ("①②⑳", "1220"),
        ("𝐪𝐪 ⅷ", "qq viii"),
        ("a\x0bb\x0cc\u00a0d\u3000e\u2028f", "a b c d e f"),
        ("ﾊﾟｽﾜｰﾄﾞ", "パスワード"),
        ("e\u0301 e\u200b\u0301", "é é"),
        ("\u1112\u1161\u11ab", "한"),
        ("한국어, 日本語 и русский — “ok” …", "한국어, 日本語 и русский — “ok” ..."),
        ("tab\tline\r\nend", "tab\tline\r\nend"),
        ("", ""),
    ],
)
def test_is_seen_as(sent: str, seen: str) -> None:
    assert normalise(sent).text == seen


def test_every_character_is_seen_as_nfkc_has_it_or_not_at_all() -> None:
    """The short cuts for plain text agree with the long way, for all that Unicode assigns."""
    wrong = []
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        kind = unicodedata.category(character)
        if kind in ("Cn", "Co", "Cs"):
            continue
        seen = normalise(f"a{character}b").text
        if kind == "Cf":
            right = seen == "ab"
        elif kind in ("Zs", "Zl", "Zp"):
            right = seen == "a b"
        else:
            right = seen in (unicodedata.normalize("NFKC", f"a{character}b"), "ab", "a b")
        if not right:
            wrong.append(hex(code))
    assert wrong == []


@pytest.mark.parametrize(
    ("sent", "part", "span"),
    [
        ("我的账\u200b号码", "账号", (2, 5)),
        ("，账号", "账号", (1, 3)),
        ("…账号", "账号", (1, 3)),
        ("\u200b\u200b账号\u200b", "账号", (2, 5)),
        ("e\u0301 x", "é", (0, 2)),
        ("㏒x", "lo", (0, 1)),
        ("㏒x", "og", (0, 1)),
        ("plain", "lai", (1, 4)),
    ],
)
def test_a_span_leads_back_to_what_was_sent(sent: str, part: str, span: tuple[int, int]) -> None:
    normalised = normalise(sent)
    start = normalised.text.index(part)
    assert normalised.span(start, start + len(part)) == span


def test_an_empty_span_stays_empty() -> None:
    assert normalise("a\u200bb").span(0, 0) == (0, 0)


def test_a_mountain_of_marks_takes_no_time() -> None:
    """NFKC sorts the marks of one base: 100,000 of them, unsorted, would take minutes."""
    sent = "a" + "\u0301\u0316" * 50_000
    started = time.process_time()
    normalise(sent)
    assert time.process_time() - started < 2
