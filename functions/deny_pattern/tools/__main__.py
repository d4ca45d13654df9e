"""Does one task, as the first lines of the package say."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from functions.deny_pattern.tools.asking import ask
from functions.deny_pattern.tools.converting import convert
from functions.deny_pattern.tools.explaining import explain
from functions.deny_pattern.tools.linting import lint
from functions.deny_pattern.tools.testing import test
from functions.policy import PolicyError

Task = Callable[[Iterator[dict[str, Any]]], Iterator[dict[str, Any]]]
"""Requests, one a line → what to say, one a line. Raises `PolicyError` for what cannot be done."""

_TASKS: Final[dict[str, Task]] = {
    "ask": ask,
    "convert": convert,
    "explain": explain,
    "lint": lint,
    "test": test,
}
_REFUSED: Final = 3
_GONE: Final = 4


def main(arguments: list[str]) -> int:
    """Do the task in `arguments`."""
    (name,) = arguments
    try:
        for line in _TASKS[name](json.loads(each) for each in sys.stdin):
            _say(line)
    except PolicyError as error:
        _say({"error": str(error)})
        return _REFUSED
    except BrokenPipeError:  # Whoever asked has gone; there is nobody to say so to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _GONE
    return 0


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
