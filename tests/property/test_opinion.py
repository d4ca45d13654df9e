"""A clearance is read to the letter, and says what the parser would have said."""

import json

from hypothesis import given
from hypothesis import strategies as st

from functions.llm_guard.failures import JudgeError
from functions.llm_guard.opinion import Opinion, understand

CANARY = "0123456789abcdef"

_pieces = st.tuples(
    st.sampled_from(["{", " {", "{ ", "[", ""]),
    st.sampled_from([f'"canary": "{CANARY}"', f'"canary":"{CANARY}"', '"canary": "", ', "null"]),
    st.sampled_from([", ", ",", ",\n", ""]),
    st.sampled_from(['"verdict": "allow"', '"verdict":"ALLOW"', '"verdict": "deny"']),
    st.sampled_from([", ", ",", ' , "verdict": "deny", ']),
    st.sampled_from(['"findings": []', '"findings":[]', '"findings": [[]]', '"findings": null']),
    st.sampled_from([", ", ",", ', "Canary": "", ']),
    st.sampled_from(['"reason": ', '"reason":', '"Reason": ']),
    st.one_of(
        st.text(max_size=1200).map(json.dumps),
        st.text().map(lambda text: f'"{text}"'),
        st.just('"<think></think>"'),
    ),
    st.sampled_from(["}", ' "', "}}", "} {}", "}\n", ""]),
)


@given(pieces=_pieces)
def test_an_answer_says_the_same_with_a_blank_behind_it(pieces: tuple[str, ...]) -> None:
    """Behind which nobody takes it for a clearance to the letter."""
    content = "".join(pieces)
    assert _understood(content) == _understood(f"{content} ")


def test_a_clearance_is_an_opinion() -> None:
    content = json.dumps({"canary": CANARY, "verdict": "allow", "findings": [], "reason": "none"})
    assert _understood(content) == Opinion(CANARY, "allow", (), "none")


def _understood(content: str) -> Opinion | str:
    message = {"role": "assistant", "content": content}
    answer = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})
    try:
        return understand(answer.encode(), CANARY, frozenset())[0]
    except JudgeError as error:
        return error.failure
