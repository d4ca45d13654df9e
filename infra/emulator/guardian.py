"""Outlives the emulator by a moment, to end what it would leave behind when it is killed.

    emulator ──"+<group>", "-<group>" lines──▶ guardian
        └─ dies in any way: its end of the pipe closes ──▶ SIGKILL to every group still listed,
                                                           and the folder with the code goes

Run as a script by an interpreter without site packages: it must start fast and need nothing.
"""

import os
import shutil
import signal
import sys


def guard(folder: str) -> None:
    """Follow the process groups told on standard input until it closes, then clean up."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue  # It ended by itself.
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    guard(sys.argv[1])
