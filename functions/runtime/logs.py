"""Logs: JSON lines about the request, never the request.

Only the fields named here can be written. None of them can hold a piece of a message: names come
from closed sets or policy files, numbers are numbers, and the authority is where a call was going.
"""

import json
import sys
import time
from typing import Literal

from functions.verdict import Callout, Verdict

Level = Literal["info", "warning", "error"]


def audit(verdict: Verdict, callout: Callout, request_id: str, milliseconds: float) -> None:
    """One line for one verdict."""
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
            "request_id": request_id,
            "ms": round(milliseconds, 2),
        }
    )


def event(level: Level, name: str, detail: str) -> None:
    """One line about the function itself. `detail` is text of ours: a setting, an error's type."""
    _write({"level": level, "event": name, "detail": detail})


def _write(fields: dict[str, object]) -> None:
    line = json.dumps({"time": round(time.time(), 3), **fields}, ensure_ascii=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
