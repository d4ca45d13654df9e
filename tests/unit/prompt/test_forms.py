"""Form bodies: the text of every part, and nothing that two parsers could cut in two ways."""

import pytest

from functions.prompt import MalformedMessage, Message, read

TYPE = "multipart/form-data; boundary=cut"


def part(content: bytes, *headers: str, name: str = "prompt") -> bytes:
    lines = [f'content-disposition: form-data; name="{name}"', *headers]
    return b"--cut\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes, end: bytes = b"--cut--\r\n") -> bytes:
    return b"".join(parts) + end


def texts(message: Message) -> list[str]:
    return [segment.text for segment in message.segments]


def test_text_parts_and_names_are_read() -> None:
    message = read(form(part("账号".encode()), part(b"x", name="n/a")), TYPE, "", "/")
    assert texts(message) == ["prompt", "账号", "n/a", "x", "账号x"]
    assert [each.pointer for each in message.segments[:4]] == [*["/prompt"] * 2, *["/n~1a"] * 2]
    assert not message.unreadable


def test_json_parts_are_read_as_json() -> None:
    body = form(part(b'{"content": "hi"}', "Content-Type: application/json"))
    assert texts(read(body, TYPE, "", "/")) == ["prompt", "hi"]


def test_text_documents_are_read() -> None:
    body = form(part(b"a document", "content-type: text/csv; charset=utf-8"))
    assert texts(read(body, TYPE, "", "/"))[-1] == "a document"


def test_other_files_are_unreadable() -> None:
    body = form(part(b"RIFF\xff", "content-type: audio/wav"))
    assert read(body, TYPE, "", "/").unreadable


@pytest.mark.parametrize(
    "head",
    [
        "content-disposition: form-data; name=hidden",
        "content-disposition: form-data; name=x; filename*=UTF-8''hid%64en",
        'content-disposition: form-data; name="x"\r\nx-note: hidden',
    ],
)
def test_whatever_a_part_says_of_itself_is_read(head: str) -> None:
    body = f"--cut\r\n{head}\r\n\r\nx\r\n--cut--\r\n".encode()
    assert "hidden" in texts(read(body, TYPE, "", "/"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        form(part(b"x", "content-type: text/plain; charset=utf-7")),
        form(part(b"x", "content-type: text/plain; charset=utf-8x")),
        b"--cut\r\ncontent-disposition: form-data; name=a; name=b\r\n\r\nx\r\n--cut--\r\n",
        b"--cut\r\ncontent-disposition: form-data; what=a\r\n\r\nx\r\n--cut--\r\n",
        b"--cut--\r\n",
        form(part(b"x"), end=b""),
        b"before it\r\n" + form(part(b"x")),
        form(part(b"x")) + b"behind it",
        form(part(b"\xff")),
        form(part(b"x", "content-transfer-encoding: base64")),
        form(part(b"x", 'content-disposition: form-data; name="b"')),
        form(part(b"x", "no header at all")),
        b'--cut\r\ncontent-disposition: attachment; name="a"\r\n\r\nx\r\n--cut--\r\n',
        b"--cut\r\n\r\nx\r\n--cut--\r\n",
    ],
)
def test_an_unclean_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read(body or b"x", TYPE, "", "/")


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=a; boundary=b"]
)
def test_a_form_needs_one_boundary(content_type: str) -> None:
    with pytest.raises(MalformedMessage, match="boundary"):
        read(form(part(b"x")), content_type, "", "/")


def test_an_urlencoded_form_is_read_decoded() -> None:
    body = b"prompt=%E8%B4%A6+%E5%8F%B7&%E5%8F%B7=1&empty="
    message = read(body, "application/x-www-form-urlencoded", "", "/")
    assert texts(message) == ["prompt", "账 号", "号", "1", "empty", "账 号1"]
