"""Logs: JSON lines about the request, never the request.

Only the fields named here can be written. None of them can hold a piece of a message: names come
from closed sets or policy files, numbers are numbers, and the authority is where a call was going.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from functions.verdict import Callout, Verdict

Level = Literal["info", "warning", "error"]

_REQUEST_ID: Final = re.compile(r"[0-9A-Fa-f-]{1,64}")
"""As Envoy and Function Compute make them. A caller can send its own, with any words in it."""


class _Alike(NamedTuple):
    """What a verdict's line tells as most others do."""

    check: str
    phase: str
    policy: str
    revision: str
    decision: str
    reason: str
    rules: tuple[str, ...]
    workload: str
    authority: str


def audit(verdict: Verdict, callout: Callout, milliseconds: float) -> None:
    """One line for one verdict."""
    alike = _Alike(
        verdict.check,
        verdict.phase,
        verdict.policy,
        verdict.revision,
        verdict.decision,
        verdict.reason,
        tuple(sorted({finding.rule for finding in verdict.findings})),
        callout.workload,
        callout.authority,
    )
    request_id = callout.request_id if _REQUEST_ID.fullmatch(callout.request_id) else ""
    _write_line(f'{_members(alike)}, "request_id": "{request_id}", "ms": {milliseconds:.2f}')


@lru_cache(maxsize=256)
def _members(alike: _Alike) -> str:
    """The same as members of a JSON object; encoding them takes the longest of a line."""
    return json.dumps({"level": "info", "event": "verdict", **alike._asdict()})[1:-1]


def event(level: Level, name: str, detail: str) -> None:
    """One line about the function itself. `detail` is text of ours: a setting, an error's type."""
    _write({"level": level, "event": name, "detail": detail})


def keys(workload: str, version: str, counts: Mapping[str, int]) -> None:
    """One line for keys handed out: how many for which host, and as what version."""
    _write(
        {
            "level": "info",
            "event": "keys given",
            "workload": workload,
            "version": version,
            "hosts": dict(counts),
        }
    )


def policies(names: Sequence[str], error: Exception | None) -> None:
    """Which policies are in force, and why new ones are not."""
    in_force = ", ".join(names)
    if error is None:
        event("info", "policies loaded", in_force)
    else:
        event("error", "policy refused", f"{error}\nstill in force: {in_force}")


def take_over() -> None:
    """Write what libraries log, from warnings on, as lines like these."""
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)


class _LibraryHandler(logging.Handler):
    """Writes which logger spoke and of which error: its words may quote what it was working on."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        event(level, "library", " ".join(part for part in (record.name, kind) if part))


def _write(fields: dict[str, object]) -> None:
    _write_line(json.dumps(fields)[1:-1])


def _write_line(members: str) -> None:
    """Write a line of these members of a JSON object, and when it was."""
    sys.stdout.write(f'{{"time": {time.time():.3f}, {members}}}\n')
    sys.stdout.flush()
