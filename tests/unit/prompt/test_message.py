"""What is read of a message as a whole: declared type, encoding, path and body."""

import pytest

from functions.prompt import MalformedMessage, Message, View, read

BODY = b'{"messages": [{"role": "user", "content": "hi"}]}'
CHAT = "/v1/chat/completions"


def texts(message: Message) -> list[str]:
    return [each.text for each in message.segments]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/vnd.api+json",
        "",
    ],
)
def test_json_in_utf_8_is_read(content_type: str) -> None:
    assert texts(read(BODY, content_type, "", CHAT)) == ["hi"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=gbk",
        "application/json; charset=utf-8; charset=utf-7",
    ],
)
def test_any_other_declared_type_is_malformed(content_type: str) -> None:
    with pytest.raises(MalformedMessage):
        read(BODY, content_type, "", CHAT)


@pytest.mark.parametrize("encoding", ["compress", "gzip, x", "gzip, gzip, gzip"])
def test_a_content_encoding_that_is_not_known_is_malformed(encoding: str) -> None:
    with pytest.raises(MalformedMessage, match="content encoding"):
        read(BODY, "application/json", encoding, CHAT)


def test_json_that_is_declared_a_form_is_read_as_both() -> None:
    message = read(BODY, "application/x-www-form-urlencoded", "", CHAT)
    assert texts(message)[-1] == "hi"


def test_identity_is_no_content_encoding() -> None:
    assert texts(read(BODY, "application/json", "Identity", CHAT)) == ["hi"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/v1/models?q=%E8%B4%A6%E5%8F%B7", "q=账号"),
        ("/v1/models?q=my+account", "q=my account"),
        # HTTP libraries hand raw bytes over as Latin-1 characters.
        ("/v1/models?q=" + "账号".encode().decode("latin-1"), "q=账号"),
        ("/v1/models?q=%FF", "q=\ufffd"),
        ("/v1/%E8%B4%A6%E5%8F%B7", "/v1/账号"),
        ("/v1/files/13800138000", "/v1/files/13800138000"),
    ],
)
def test_what_path_and_query_say_is_read(path: str, text: str) -> None:
    (segment,) = read(b"", "", "", path).segments
    assert (segment.text, segment.view) == (text, View.PATH)


def test_a_path_that_the_shim_cut_is_malformed() -> None:
    whole = "/v1/models?q=" + "a" * (1023 - len("/v1/models?q="))
    assert len(read(b"", "", "", whole).segments) == 1
    with pytest.raises(MalformedMessage, match="path is too long"):
        read(b"", "", "", whole + "a")


def test_a_call_without_body_and_query_is_empty() -> None:
    assert read(b"", "", "", "/v1/models").empty


@pytest.mark.parametrize("body", [b"{}", b'{"messages": []}', b'{"prompt": " "}'])
def test_a_body_without_text_is_empty(body: bytes) -> None:
    assert read(body, "application/json", "", CHAT).empty


def test_a_message_with_an_image_says_so() -> None:
    body = b'{"content": [{"image_url": {"url": "https://a.example/b.png"}}]}'
    assert read(body, "application/json", "", CHAT).unreadable
    assert not read(BODY, "application/json", "", CHAT).unreadable
