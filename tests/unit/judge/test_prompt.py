"""The judged text is data between markers, whole and once."""

import json
import re

import pytest
from pydantic import ValidationError

from functions.llm_guard import prompt
from functions.llm_guard.categories import BUILT_IN
from functions.llm_guard.opinion import Asked
from functions.llm_guard.pieces import Piece
from functions.policy import Category, Language, PromptTexts
from tests.support.judge_in_memory import messages_of

NONCE = "0123456789abcdef" * 2 + "fedcba9876543210" * 2
MARKER = f"=====DATA {NONCE[:32]}====="
CATEGORIES = (
    Category(id="personal-data", description="data that identifies a person"),
    Category.model_validate(
        {
            "id": "trade-secret",
            "description": "unpublished business data",
            "examples": {"find": ["plan B"], "pass": ["the weather"]},
        }
    ),
)


def question(*pieces: Piece, language: Language = Language.EN) -> Asked:
    return prompt.Questions(CATEGORIES, prompt.built_in(language)).about(pieces, NONCE)


@pytest.mark.parametrize("language", Language)
def test_the_text_stands_between_markers_and_the_instruction_around_it(
    language: Language,
) -> None:
    asked = question(Piece("user", "hello"), language=language)
    system, user = messages_of(asked)
    assert [system["role"], user["role"]] == ["system", "user"]
    assert MARKER in system["content"]
    assert '- trade-secret: unpublished business data\n    e.g. "plan B"' in system["content"]
    assert '    not: "the weather"' in system["content"]
    data, reminder = user["content"].split(f"\n{MARKER}\n\n")
    assert data == MARKER + '\n{"role": "user", "text": "hello"}'
    assert MARKER in reminder
    assert '["personal-data", "trade-secret"]' in reminder
    assert f'"canary": "{asked.canary}"' in reminder
    assert asked.canary not in system["content"]


def test_context_is_marked_as_seen() -> None:
    _, user = messages_of(question(Piece("tool", "before", seen=True), Piece("user", "now")))
    assert user["content"].split("\n")[1:3] == [
        '{"seen": true, "role": "tool", "text": "before"}',
        '{"role": "user", "text": "now"}',
    ]


def test_dollar_signs_and_braces_in_the_text_are_left_alone() -> None:
    _, user = messages_of(question(Piece("user", "$marker ${canary} {0} $$")))
    assert '"text": "$marker ${canary} {0} $$"' in user["content"]


def test_the_answer_is_asked_for_by_a_schema_that_does_not_know_the_canary() -> None:
    asked = question(Piece("user", "hello"))
    schema = json.loads(asked.response_format)["json_schema"]["schema"]
    finding = schema["properties"]["findings"]["items"]
    assert finding["properties"]["category"]["enum"] == ["personal-data", "trade-secret"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["canary", "verdict", "findings", "reason"]
    assert asked.canary not in json.dumps(schema)


@pytest.mark.parametrize("words", ["\0lines\0", "\ufdd0lines\ufdd0", "\\u0000lines", "\\"])
def test_a_policys_own_words_stand_in_for_nothing(words: str) -> None:
    texts = PromptTexts(
        system=f"{words}$marker $categories", reminder=f"{words}$marker {words}$canary $categories"
    )
    asked = prompt.Questions(CATEGORIES, texts).about([Piece("user", "hello")], NONCE)
    system, user = messages_of(asked)
    said = words.replace("\ufdd0", "")
    assert system["content"].startswith(f"{said}{MARKER} ")
    data, reminder = user["content"].split("\n\n")
    assert data == f'{MARKER}\n{{"role": "user", "text": "hello"}}\n{MARKER}'
    assert reminder.startswith(f"{said}{MARKER} {said}{asked.canary} ")


@pytest.mark.parametrize("language", Language)
def test_all_built_in_words_are_there_in_each_language(language: Language) -> None:
    assert prompt.built_in(language).reminder
    assert set(BUILT_IN[language]) == set(BUILT_IN[Language.EN])


@pytest.mark.parametrize(
    ("system", "reminder", "says"),
    [
        ("no marker, $categories", "$marker $canary", "system: $marker must stand in it"),
        ("$marker $categories", "$marker", "reminder: $canary must stand in it"),
        ("$marker $categories $canary", "$marker $canary", "system: $canary is not known"),
        ("$marker $categories 5 $", "$marker $canary", "a $ that begins no placeholder"),
    ],
)
def test_a_policys_own_words_must_hold_what_makes_the_fence(
    system: str, reminder: str, says: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(says)):
        PromptTexts(system=system, reminder=reminder)
