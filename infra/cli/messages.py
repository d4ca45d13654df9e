"""What a command is given to check, as the message that an application would have sent."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from functions.verdict import Callout, Phase
from functions.verdict.contract import DEADLINE_MS_MAX
from infra.cli.tools import ToolError

CHAT_PATH: Final = "/compatible-mode/v1/chat/completions"
HOST: Final = "dashscope.aliyuncs.com"
BYTES_MAX: Final = 16 * 1024 * 1024
"""As much as a policy may take at most."""


_ALLOWED: Final = {
    "policy": "holds small letters, digits and . _ - only, 64 at most",
    "workload": "is namespace/name, without spaces",
}
"""What an option may be."""


class Form(StrEnum):
    """What an input is: words that somebody says, or the body of a message."""

    TEXT = "text"
    BODY = "body"


def read_input(prompt: str | None, file: Path | None) -> bytes:
    """The input: `prompt` itself, the content of `file`, or standard input.

    `-` for either means standard input. Raises `ToolError` for both or neither, and for a file that
    cannot be read.
    """
    if prompt not in (None, "-") and file is not None:
        raise ToolError("a prompt and --file are given; give one of them")
    if file is not None and str(file) != "-":
        return _content(file)
    if prompt not in (None, "-"):
        return str(prompt).encode("utf-8", "surrogateescape")
    if prompt is None and file is None and sys.stdin.isatty():
        raise ToolError("nothing to check; give a prompt, --file FILE, or pipe it in")
    return _bounded(sys.stdin.buffer.read(BYTES_MAX + 1), "standard input")


def body_of(text: bytes, form: Form, phase: Phase, role: str, model: str) -> bytes:
    """The body of a chat message that says `text`, or `text` itself where it is a body.

    Raises `ToolError` for text that is not UTF-8.
    """
    if form is Form.BODY:
        return text
    try:
        content = text.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text (byte {error.start}); --as body sends bytes as they are"
        raise ToolError(f"the input {what}") from None
    message = {"role": role, "content": content}
    document: dict[str, object] = {"model": model, "messages": [message]}
    if phase is Phase.RESPONSE:
        document = {"model": model, "choices": [{"index": 0, "message": message}]}
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def callout_of(phase: Phase, policy: str, host: str, path: str, workload: str) -> Callout:
    """The callout of such a message. Raises `ToolError` naming the option that is ill-formed."""
    try:
        return Callout(
            phase=phase,
            policy=policy,
            authority=host,
            path=path,
            method="POST",
            workload=workload,
            deadline_ms=DEADLINE_MS_MAX,
            content_type="application/json",
        )
    except ValidationError as error:
        option = str(error.errors(include_input=False)[0]["loc"][0]).replace("authority", "host")
        given = {"policy": policy, "host": host, "path": path, "workload": workload}.get(option)
        what = _ALLOWED.get(option, "is not empty and holds no spaces or control characters")
        raise ToolError(f"--{option} {given!r}: it {what}") from None


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return _bounded(stream.read(BYTES_MAX + 1), str(file))
    except OSError as error:
        raise ToolError(f"{file}: cannot be read: {error.strerror}") from None


def _bounded(data: bytes, what: str) -> bytes:
    if len(data) > BYTES_MAX:
        raise ToolError(f"{what} has more than {BYTES_MAX:,} bytes, the most that a policy takes")
    return data
