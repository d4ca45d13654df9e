"""Memory of instances: measured, and held to the function's limit.

    every tenth of a second: resident memory of the process and its children
        > memorySize ──▶ the instance is ended, and its calls fail as on the platform

Linux tells it in /proc; elsewhere the limit is not enforced, which the coverage notes say.
"""

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
MEASURED: Final = (_PROC / "self" / "statm").exists()
PERIOD_SECONDS: Final = 0.1


def resident_mb(pid: int) -> float:
    """The resident memory of a process and of all that it has started; 0 once it has ended."""
    return sum(_resident_bytes(each) for each in _family(pid)) / (1024 * 1024)


def _resident_bytes(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_bytes().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _family(pid: int) -> list[int]:
    """A process and its descendants, as far as the kernel tells."""
    found = [pid]
    for each in found:
        try:
            told = (_PROC / str(each) / "task" / str(each) / "children").read_bytes()
        except OSError:
            continue
        found += [int(child) for child in told.split()]
    return found
