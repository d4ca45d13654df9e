"""Expressions → hyperscan databases, in a child process with a bound on time and memory.

    parent ──expressions──▶ child (limits) ──▶ the databases, serialised
                              │ dies or refuses
                              └─▶ a second child, one expression at a time ──▶ which one it was

A regular expression of a few characters can take minutes and gigabytes to compile. A service that
compiles what people edit must outlive that, and must say which rule it was.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import hyperscan

from functions.policy.compile_child import (
    REFUSED,
    RULE_SECONDS_MAX,
    database_of,
    databases_of,
)
from functions.policy.patterns import PatternError
from functions.policy.scanning import joined

ALL_SECONDS_MAX: Final = 20
"""CPU time for a whole policy: ten times what 2,000 rules need."""
_SEARCH_SECONDS_MAX: Final = 60
_WALL_FACTOR: Final = 5
"""How much longer than its CPU time a child may take on a busy machine."""
_CHILD: Final = Path(__file__).with_name("compile_child.py")
_DEATHS: Final = frozenset({signal.SIGVTALRM, signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV})
"""How a child ends that was stopped, or that ran out of memory."""


def compile_here(expressions: Sequence[str], together: int) -> bytes:
    """One database of the first `together` expressions and one of each other one, as one piece.

    Made in this process, without bounds: for expressions that have been compiled before. Raises
    `PatternError` with the index of one that hyperscan refuses.
    """
    try:
        return joined(databases_of(expressions, together))
    except hyperscan.HyperscanError:
        for index, expression in enumerate(expressions):
            try:
                database_of([expression])
            except hyperscan.HyperscanError as error:
                raise PatternError(index, _refusal(str(error))) from None
        raise _together(expressions) from None


def compile_bounded(expressions: Sequence[str], together: int) -> bytes:
    """Like `compile_here`, in a child; a rule that takes too much is a `PatternError` as well."""
    child = _child("all", expressions, together, ALL_SECONDS_MAX)
    if child.returncode == 0:
        return child.stdout
    found = _child("each", expressions, together, _SEARCH_SECONDS_MAX)
    lines = found.stdout.decode("utf-8", "replace").splitlines()
    number, _, said = lines[-1].partition(" ") if lines else ("", "", "")
    if number and found.returncode == REFUSED:
        raise PatternError(int(number), _refusal(said))
    if number and -found.returncode in _DEATHS:
        what = f"takes more than {RULE_SECONDS_MAX:.0f} s or too much memory to compile"
        raise PatternError(int(number), f"{what}; bound its repetitions")
    raise _together(expressions)


def _refusal(said: str) -> str:
    """Why hyperscan refuses an expression, by what it said."""
    if "empty buffer" in said:
        said = "it matches the empty text, and so any text; have it ask for one character at least"
    return f"hyperscan refuses it: {said}"


def _together(expressions: Sequence[str]) -> PatternError:
    what = "the rules together take too much time or memory to compile; there are too many"
    return PatternError(len(expressions) - 1, what)


def _child(
    task: str, expressions: Sequence[str], together: int, seconds: int
) -> subprocess.CompletedProcess[bytes]:
    """Run `task` in a child; a negative return code is the signal that ended it."""
    # -P: its own folder holds modules that are none of its business.
    command = [sys.executable, "-P", str(_CHILD), task, str(seconds)]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        return subprocess.run(
            command,
            input=json.dumps([expressions, together]).encode(),
            capture_output=True,
            check=False,
            env=environment,
            timeout=seconds * _WALL_FACTOR,
        )
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(command, -signal.SIGKILL, late.stdout or b"", b"")
