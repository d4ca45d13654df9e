"""What cannot be read is known for what it is, and nothing else is taken for it."""

from typing import Any

import pytest

from functions.prompt.references import holds_references

URL = "https://files.example/cat.png"
UNREADABLE: dict[str, Any] = {
    "an image's URL": {"content": [{"type": "image_url", "image_url": {"url": URL}}]},
    "a DashScope image": {"content": [{"image": URL}]},
    "several DashScope video frames": {"content": [{"video": [URL, URL]}]},
    "sound": {"content": [{"input_audio": {"data": "UklGRg==", "format": "wav"}}]},
    "a file by its id": {"content": [{"type": "file", "file": {"file_id": "file-1"}}]},
    "a file in the message": {"content": [{"file": {"file_data": "JVBERi0=", "filename": "a"}}]},
    "an input file": {"input": [{"type": "input_file", "file_url": URL}]},
    "an Anthropic image": {
        "content": [{"type": "image", "source": {"type": "base64", "data": ""}}]
    },
    "an Anthropic document by URL": {"content": [{"source": {"type": "url", "url": URL}}]},
    "an earlier sound": {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]},
    "token ids": {"prompt": [50256, 318]},
    "lists of token ids": {"input": [[50256], [318]]},
}
READABLE: dict[str, Any] = {
    "text": {"messages": [{"role": "user", "content": "an image_url, a file_id"}]},
    "a schema with such a property": {
        "parameters": {"properties": {"image": {"type": "string"}, "file": {"type": "object"}}}
    },
    "the form that an answer's sound should have": {"audio": {"voice": "a", "format": "wav"}},
    "an Anthropic document as text": {"content": [{"source": {"type": "text", "data": "hi"}}]},
    "several inputs": {"input": ["a", "b"]},
    "an empty field": {"image": "", "file_ids": [], "video": None},
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_cannot_be_read(body: Any) -> None:
    assert holds_references(body)


@pytest.mark.parametrize("body", READABLE.values(), ids=READABLE)
def test_can_be_read(body: Any) -> None:
    assert not holds_references(body)
