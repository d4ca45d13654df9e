"""The judge's settings: read strictly, errors name what to do and never a secret."""

import pytest

from functions.llm_guard.settings import AnswerForm, read
from functions.runtime.settings import SettingsError

BASE = {"MESHWARD_JUDGE_URL": "http://judge.test/v1/", "MESHWARD_JUDGE_MODEL": "qwen"}


def test_a_url_and_a_model_are_enough() -> None:
    guard = read(BASE)
    (judge,) = guard.judges
    assert (judge.name, judge.url, judge.model) == ("1-qwen", "http://judge.test/v1", "qwen")
    assert (judge.form, judge.tokens_max, judge.body) == (AnswerForm.AUTO, 300, {})
    assert (guard.calls_max, guard.queue_max, guard.hedge) == (100, 100, False)


def test_every_setting_of_a_judge() -> None:
    (judge,) = read(
        BASE
        | {
            "MESHWARD_JUDGE_API_KEY": "sk-1",
            "MESHWARD_JUDGE_HEADERS": '{"x-team": "a"}',
            "MESHWARD_JUDGE_BODY": '{"enable_thinking": false, "max_tokens": null}',
            "MESHWARD_JUDGE_FORM": "json",
            "MESHWARD_JUDGE_TOKENS_MAX": "500",
            "MESHWARD_JUDGE_PRICE_IN": "0.8",
            "MESHWARD_JUDGE_PRICE_OUT": "2",
        }
    ).judges
    assert judge.headers == (("x-team", "a"),)
    assert judge.body == {"enable_thinking": False, "max_tokens": None}
    assert (judge.form, judge.tokens_max) == (AnswerForm.JSON, 500)
    assert (judge.price_in, judge.price_out) == (0.8, 2)
    assert "sk-1" not in repr(judge)
    assert "x-team" not in repr(judge)


def test_others_are_asked_in_the_order_of_their_numbers() -> None:
    guard = read(
        BASE
        | {"MESHWARD_JUDGE_3_URL": "https://c.test", "MESHWARD_JUDGE_3_MODEL": "c"}
        | {"MESHWARD_JUDGE_2_URL": "https://b.test", "MESHWARD_JUDGE_2_MODEL": "b"}
        | {"MESHWARD_JUDGE_4_URL": "", "MESHWARD_JUDGE_4_MODEL": ""}
    )
    assert [judge.name for judge in guard.judges] == ["1-qwen", "2-b", "3-c"]


SECOND = {"MESHWARD_JUDGE_2_URL": "https://b.test", "MESHWARD_JUDGE_2_MODEL": "b"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"MESHWARD_JUDGE_URL": ""}, "MESHWARD_JUDGE_URL and MESHWARD_JUDGE_MODEL must be set"),
        ({"MESHWARD_JUDGE_URL": "ftp://a"}, "MESHWARD_JUDGE_URL must be http://"),
        ({"MESHWARD_JUDGE_URL": "http://"}, "MESHWARD_JUDGE_URL must be http://"),
        ({"MESHWARD_JUDGE_URL": "http://u:sesame@a/v1"}, "MESHWARD_JUDGE_URL must be http://"),
        ({"MESHWARD_JUDGE_URL": "http://a/v1?key=sesame"}, "MESHWARD_JUDGE_URL must be http://"),
        ({"MESHWARD_JUDGE_URL": "http://a:b/v1"}, "MESHWARD_JUDGE_URL must be http://"),
        ({"MESHWARD_JUDGE_URL": "http://a:99999/v1"}, "MESHWARD_JUDGE_URL names no place: Port"),
        ({"MESHWARD_JUDGE_URL": "http://a..b/v1"}, "MESHWARD_JUDGE_URL names no place: "),
        ({"MESHWARD_JUDGE_2_MODEL": "b"}, "MESHWARD_JUDGE_2_URL and MESHWARD_JUDGE_2_MODEL must"),
        ({"MESHWARD_JUDGE_MODL": "b"}, "did you mean MESHWARD_JUDGE_MODEL?"),
        ({"MESHWARD_JUDGE_5_URL": "http://e"}, "MESHWARD_JUDGE_5_URL is set and nothing reads it"),
        ({"MESHWARD_JUDGE_FORM": "xml"}, "must be one of auto, schema, json, text"),
        ({"MESHWARD_JUDGE_CALLS_MAX": "0"}, "MESHWARD_JUDGE_CALLS_MAX is '0'"),
        ({"MESHWARD_JUDGE_HEDGE": "yes"}, "MESHWARD_JUDGE_HEDGE is 'yes'; it must be on or off"),
        ({"MESHWARD_JUDGE_PRICE_IN": "cheap"}, "MESHWARD_JUDGE_PRICE_IN must be a price"),
        ({"MESHWARD_JUDGE_PRICE_IN": "nan"}, "MESHWARD_JUDGE_PRICE_IN must be a price"),
        ({"MESHWARD_JUDGE_CERT_FILE": "a"}, "belong together"),
        ({"MESHWARD_JUDGE_BODY": '{"messages": []}'}, "MESHWARD_JUDGE_BODY: messages is what"),
        ({"MESHWARD_JUDGE_HEADERS": "sesame"}, "MESHWARD_JUDGE_HEADERS must be a JSON object"),
        ({"MESHWARD_JUDGE_HEADERS": '{"a b": "sesame"}'}, "the header 'a b' is none"),
        ({"MESHWARD_JUDGE_HEADERS": '{"a": "sesame\\n"}'}, "the header 'a' is none"),
        ({"MESHWARD_JUDGE_HEADERS": '{"a": "密码 sesame"}'}, "the header 'a' is none"),
        ({"MESHWARD_JUDGE_HEADERS": '{"Content-Length": "1"}'}, "Content-Length is what llm-guard"),
        ({"MESHWARD_JUDGE_API_KEY": "sk-sesame\n"}, "MESHWARD_JUDGE_API_KEY must be plain ASCII"),
        ({"MESHWARD_JUDGE_2_API_KEY": "密", **SECOND}, "MESHWARD_JUDGE_2_API_KEY must be plain"),
        ({"MESHWARD_CACHE_URL": "http://sesame@a"}, "MESHWARD_CACHE_URL must begin with redis://"),
    ],
)
def test_what_cannot_be_used_stops_the_start(changes: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(BASE | changes)
    assert says in str(raised.value)
    assert "sesame" not in str(raised.value)
