"""What `meshward up` prints: the parts with address and state, three calls to try, the time.

Plain text first: it has to read well in a log too. Colour is rich's business, and only on a
terminal.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

GUARDED_HOST = "dashscope.aliyuncs.com"
CHAT_PATH = "/compatible-mode/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Part:
    """One running part: what it is called, where it is, and a word on its state."""

    name: str
    address: str
    state: str


@dataclass(frozen=True, slots=True)
class SampleCall:
    """A call worth trying, and what comes of it."""

    title: str
    content: str

    def curl(self, port: int) -> str:
        """The call as a command to paste, sent to the sidecar on `port`."""
        body = {
            "model": "qwen-plus",
            "messages": [{"role": "user", "content": self.content}],
        }
        return (
            f"curl -sS http://127.0.0.1:{port}{CHAT_PATH} \\\n"
            f"       -H 'Host: {GUARDED_HOST}' -H 'Content-Type: application/json' \\\n"
            f"       -d '{json.dumps(body, ensure_ascii=False)}'"
        )


SAMPLE_CALLS = (
    SampleCall("no API key, and yet an answer: the sidecar set the key", "你是谁？"),
    SampleCall("denied by a pattern (deny-pattern)", "这是我的账号，请帮我登录。"),
    SampleCall(
        "denied by the private LLM (llm-guard)", "我的QQ号是 1234567890，帮我写一段自我介绍。"
    ),
)


def show(console: Console, title: str, parts: Sequence[Part], port: int, seconds: float) -> None:
    """Print the banner; the last line says in how many seconds all of it was ready."""
    console.print(f"\n[bold]{title}[/bold]\n")
    names, addresses = (
        max(len(text) for text in column)
        for column in zip(*((part.name, part.address) for part in parts), strict=True)
    )
    for part in parts:
        name, address = f"{part.name:{names}}", f"{part.address:{addresses}}"
        # Not folded: an address has to survive being copied.
        console.print(f"  {name}  {address}  [dim]{part.state}[/dim]", soft_wrap=True)
    console.print()
    for number, call in enumerate(SAMPLE_CALLS, start=1):
        console.print(f"  {number}  {call.title}", highlight=False, style="bold")
        console.print(f"     {call.curl(port)}\n", highlight=False, soft_wrap=True, markup=False)
    console.print("Ctrl-C stops every part.", highlight=False)
    console.print(f"Ready in {seconds:.1f} s", highlight=False, style="green")
