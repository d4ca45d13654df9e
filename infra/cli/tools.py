"""deny-pattern's tools, as the commands use them: a process of its code, asked in lines of JSON.

    with answering("ask") as tool:  tool.ask({…}) → {…}  tool.ask({…}) → {…}
    answers("lint", {…})  → {…}, {…}, …

The check runs as a process here as it does in Function Compute; nothing of it is imported.
"""

import base64
import contextlib
import difflib
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from functions.verdict import Callout, Verdict

ROOT: Final = Path(__file__).parents[2]
POLICIES: Final = ROOT / "functions" / "policies"
_MODULE: Final = "functions.deny_pattern.tools"

Line = dict[str, Any]


class ToolError(Exception):
    """What was asked cannot be done; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A verdict, and how long it took to make: reading, matching and wording, without a network."""

    verdict: Verdict
    microseconds: float


class Tool:
    """A tool that is running."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, request: Mapping[str, Any]) -> Line:
        """One line for one line. Raises `ToolError`."""
        self.say(request)
        line = next(self.lines(), None)
        if line is None:
            raise ToolError("the check's process ended without an answer")
        return line

    def say(self, request: Mapping[str, Any]) -> None:
        """Send one line."""
        assert self._process.stdin is not None  # noqa: S101 -- it was asked for
        with contextlib.suppress(BrokenPipeError):  # It has said why.
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def lines(self) -> Iterator[Line]:
        """What it says. Raises `ToolError`."""
        assert self._process.stdout is not None  # noqa: S101 -- it was asked for
        for text in iter(self._process.stdout.readline, ""):
            line: Line = json.loads(text)
            if "error" in line:
                raise ToolError(line["error"])
            yield line

    def stop(self) -> None:
        """End it, whatever it is about."""
        self._process.terminate()

    def end(self) -> None:
        """Say that nothing more comes."""
        assert self._process.stdin is not None  # noqa: S101 -- it was asked for
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()


@contextlib.contextmanager
def talking(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Tool]:
    """A process of that module for as long as the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process; the other ends with its input.
    ) as process:
        tool = Tool(process)
        try:
            yield tool
        finally:
            tool.end()


def answering(task: str) -> contextlib.AbstractContextManager[Tool]:
    """A process that does `task` for as long as the context lasts."""
    return talking(_MODULE, task)


def answers(task: str, request: Mapping[str, Any]) -> Iterator[Line]:
    """All that `task` says to one request. Raises `ToolError`."""
    with answering(task) as tool:
        tool.say(request)
        tool.end()
        yield from tool.lines()


class Check:
    """deny-pattern over one folder of policies, as a running process."""

    def __init__(self, tool: Tool, folder: Path) -> None:
        self._tool = tool
        self.policies: list[str] = tool.ask({"folder": str(folder), "cache": str(_cache(folder))})[
            "policies"
        ]

    def ask(self, callout: Callout, body: bytes) -> Answered:
        """The verdict on one message."""
        request = {
            "callout": callout.model_dump(mode="json"),
            "body": base64.b64encode(body).decode(),
        }
        line = self._tool.ask(request)
        return Answered(Verdict.model_validate(line["verdict"]), line["microseconds"])


@contextlib.contextmanager
def check_over(folder: Path) -> Iterator[Check]:
    """The check over `folder`, which is read and compiled once. Raises `ToolError`."""
    with answering("ask") as tool:
        yield Check(tool, folder.absolute())


def unknown_policy(folder: Path, name: str, known: Sequence[str]) -> ToolError:
    """The error for a policy that the folder does not hold."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return ToolError(f"{folder}: holds no policy {name}; {hint}")


def _cache(folder: Path) -> Path:
    """Where the compiled form of a folder's policies is kept between commands."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return ROOT / "build" / "policies" / f"{name}.prepared"
