"""A denial has the error shape of the API that was called."""

import json

import pytest

from functions.prompt import Shape, denial, shape_of
from functions.verdict import Reason


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/chat/completions", Shape.OPENAI),
        ("/compatible-mode/v1/chat/completions", Shape.OPENAI),
        ("/compatible-mode/v1/embeddings?x=/v1/messages", Shape.OPENAI),
        ("/api/v3/chat/completions", Shape.OPENAI),
        ("/api/v1/chat/completions", Shape.OPENAI),
        ("/v1/threads/t1/messages", Shape.OPENAI),
        ("/v1/messages", Shape.ANTHROPIC),
        ("/v1/messages?beta=true", Shape.ANTHROPIC),
        ("/v1/messages/count_tokens", Shape.ANTHROPIC),
        ("/apps/anthropic/v1/messages", Shape.ANTHROPIC),
        ("/api/v1/services/aigc/text-generation/generation", Shape.DASHSCOPE),
        ("/api/v1/apps/123/completion", Shape.DASHSCOPE),
        ("/", Shape.OPENAI),
    ],
)
def test_the_path_tells_the_shape(path: str, shape: Shape) -> None:
    assert shape_of(path) is shape


def test_openai() -> None:
    assert json.loads(denial(Shape.OPENAI, Reason.RULE_MATCHED, "rule a: 账号")) == {
        "error": {
            "message": "Meshward denied this call: rule.matched (rule a: 账号)",
            "type": "permission_error",
            "code": "rule.matched",
            "param": None,
        }
    }


def test_anthropic() -> None:
    assert json.loads(denial(Shape.ANTHROPIC, Reason.REQUEST_MALFORMED, "no JSON")) == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "Meshward denied this call: request.malformed (no JSON)",
            "code": "request.malformed",
        },
    }


def test_dashscope() -> None:
    assert json.loads(denial(Shape.DASHSCOPE, Reason.JUDGE_TIMEOUT, "late")) == {
        "code": "judge.timeout",
        "message": "Meshward denied this call: judge.timeout (late)",
        "request_id": "",
    }
