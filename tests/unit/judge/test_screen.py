"""The judge's reason is shown in words of its own or not at all."""

import pytest

from functions.llm_guard.screen import screen

INSTEAD = "data that identifies a person"
JUDGED = "[user] 张三丰的QQ是 13800138000, password Sesame-Open, he lives in a nice blue house"


@pytest.mark.parametrize(
    "reason",
    [
        "It holds 13800138000",
        "It holds 138 0013 8000",
        "It holds １３８",
        "It names 张三丰",
        "the password Sesame-Open",
        "the password sesame-open",
        "Se\u200bsame-Open",
        "he lives in a nice blue house, as it says",
        "He-lives-in-a-nice blue house",
        "h e l i v e s i n a n i c e",
        "the password is S.e.s.a.m.e-O.p.e.n",
        "backwards: esuoh eulb ecin a ni sevil eh",
        "the number is one three eight zero zero one three",
        "号码是一三八零零一三八",
        "it is U2VzYW1lLU9wZW4gU2VzYW1lLU9wZW4=",
        "",
        " \n ",
    ],
)
def test_a_reason_that_repeats_the_text_is_replaced(reason: str) -> None:
    assert screen(reason, [JUDGED], INSTEAD) == INSTEAD


@pytest.mark.parametrize(
    "reason",
    [
        "The text holds a phone number and a password.",
        "it holds a QQ number",
        "文本里有电话号码",
        "two phone numbers (2) of a person",
        "one of the two numbers is a phone's, one an account's",
        "文本包含一个人的一个电话号码",
    ],
)
def test_a_reason_in_words_of_its_own_is_shown(reason: str) -> None:
    assert screen(reason, [JUDGED], INSTEAD) == reason


def test_a_long_reason_is_cut() -> None:
    assert len(screen("word " * 100, ["[user] hi"], INSTEAD)) == 200
