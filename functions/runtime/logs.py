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

from functions.verdict import Callout, Verdict

Level = Literal["info", "warning", "error"]

_REQUEST_ID: Final = re.compile(r"[0-9A-Fa-f-]{1,64}")
"""As Envoy and Function Compute make them. A caller can send its own, with any words in it."""


def audit(verdict: Verdict, callout: Callout, milliseconds: float) -> None:
    """One line for one verdict."""
    request_id = callout.request_id
    _write(
        {
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
            "request_id": request_id if _REQUEST_ID.fullmatch(request_id) else "",
            "ms": round(milliseconds, 2),
        }
    )


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
    """Writes which logger spoke and of which error, but only uvicorn's words.

    uvicorn's are fixed sentences, filled in later; others may quote what they were working on.
    """

    def emit(self, record: logging.LogRecord) -> None:
        says = str(record.msg).strip() if record.name.startswith("uvicorn") else ""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        level: Level = "error" if record.levelno >= logging.ERROR else "warning"
        event(level, "library", " ".join(part for part in (record.name, says, kind) if part))


def _write(fields: dict[str, object]) -> None:
    line = json.dumps({"time": round(time.time(), 3), **fields})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
