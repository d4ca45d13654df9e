"""Normalising: the way back is always there, in order and in bounds."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from functions.prompt import Normalised, normalise

# Half of the characters are such as normalising was made for.
ODD = st.sampled_from(
    "\u200b\u00ad\ufe0f\U000e0041\u3000\u0301\u0327\u3099ﾞ\u1161\u11a8…㏒ﷺ①Ａ，é가"
)
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]) | ODD | st.sampled_from("ab账号"), max_size=40
)


def origins(normalised: Normalised) -> list[int]:
    """Where each character of the text began, and the end."""
    starts = [normalised.span(at, at + 1)[0] for at in range(len(normalised.text))]
    return [*starts, normalised.span(len(normalised.text) - 1, len(normalised.text))[1]]


@given(TEXTS)
@example("\u0301")
@example("\u200b")
@example("a\u200b\u0301")
def test_the_map_back_rises_and_stays_in_bounds(text: str) -> None:
    normalised = normalise(text)
    if not normalised.text:
        return
    found = origins(normalised)
    assert found == sorted(found)
    assert found[-1] == len(text)
    assert all(0 <= origin <= len(text) for origin in found)


@given(TEXTS, st.data())
def test_a_span_leads_back_to_text_that_reads_the_same(text: str, data: st.DataObject) -> None:
    normalised = normalise(text)
    if not normalised.text:
        return
    start = data.draw(st.integers(0, len(normalised.text) - 1))
    end = data.draw(st.integers(start + 1, len(normalised.text)))
    first, last = normalised.span(start, end)
    assert 0 <= first < last <= len(text)
    assert normalised.text[start:end] in normalise(text[first:last]).text


@given(TEXTS)
def test_normalised_text_is_in_form_nfkc_and_stays_as_it_is(text: str) -> None:
    once = normalise(text).text
    assert unicodedata.is_normalized("NFKC", once)
    assert normalise(once).text == once


@given(st.text(st.characters(codec="ascii", min_codepoint=32), max_size=40))
def test_plain_text_is_left_alone(text: str) -> None:
    plain = text.replace("\x7f", "")
    assert normalise(plain) == Normalised(plain, None)


@given(TEXTS, TEXTS, st.lists(st.sampled_from("\u200b\u00ad\ufe0f\u2060\U000e0041"), max_size=3))
def test_invisible_characters_change_nothing(before: str, after: str, between: list[str]) -> None:
    assert normalise(before + "".join(between) + after).text == normalise(before + after).text
