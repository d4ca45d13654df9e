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
from typing import Final, Literal

from functions.runtime.again import Again
from functions.verdict import Callout, Verdict

Level = Literal["info", "warning", "error"]

_REQUEST_ID: Final = re.compile(r"[0-9A-Fa-f-]{1,64}")
"""As Envoy and Function Compute make them. A caller can send its own, with any words in it."""
_members_again: Final = Again[str](256)
_kept: list[str] | None = None


def keep_lines() -> None:
    """From now on keep the lines of verdicts until `write_kept`: many leave in one write then."""
    global _kept  # noqa: PLW0603 -- a process has one log
    _kept = []


def write_kept() -> None:
    """Write the lines that are kept."""
    if _kept:
        lines = "".join(_kept)
        _kept.clear()  # First: where nothing can be written, they are not to pile up.
        sys.stdout.write(lines)
        sys.stdout.flush()


def audit(verdict: Verdict, callout: Callout, milliseconds: float) -> None:
    """One line for one verdict. Only the event loop's thread calls this."""
    members = _members_again.known(verdict, callout.workload, callout.authority)
    if members is None:
        members = _members(verdict, callout)
        if verdict.plain:
            _members_again.keep(members, verdict, callout.workload, callout.authority)
    request_id = callout.request_id
    if request_id and not _REQUEST_ID.fullmatch(request_id):
        request_id = ""
    line = _line(f'{members}, "request_id": "{request_id}", "ms": {milliseconds:.2f}')
    if _kept is None:
        sys.stdout.write(line)
        sys.stdout.flush()
    else:
        _kept.append(line)


def _members(verdict: Verdict, callout: Callout) -> str:
    """What a verdict's line tells as most others do, as members of a JSON object."""
    fields = {
        "level": "info",
        "event": "verdict",
        "check": verdict.check,
        "phase": verdict.phase,
        "policy": verdict.policy,
        "revision": verdict.revision,
        "decision": verdict.decision,
        "reason": verdict.reason,
        "rules": sorted({finding.rule for finding in verdict.findings}),
        "workload": callout.workload,
        "authority": callout.authority,
    }
    return json.dumps(fields)[1:-1]


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
    sys.stdout.write(_line(json.dumps(fields)[1:-1]))
    sys.stdout.flush()


def _line(members: str) -> str:
    """A line of these members of a JSON object, and when it was."""
    return f'{{"time": {time.time():.3f}, {members}}}\n'
