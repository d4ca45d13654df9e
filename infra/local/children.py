"""Child processes of the local stack: started, ready, stopped, never left behind.

    spawn ──▶ a line of standard output is {"ready": true, …} ──▶ running ──stop──▶ gone
      │ exits, or says nothing in time
      └──▶ ChildError with the last lines of its log

The log is kept in memory only, bounded, and shown when a child fails.
"""

import contextlib
import ctypes
import json
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Self

_LOG_LINES_MAX = 200
_STOP_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1
"""prctl(2): the kernel sends this signal when the parent dies, however it dies."""


class ChildError(Exception):
    """A child did not start; the message ends with the last lines of its log."""


class Child:
    """A child process, from its start to its end."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process
        self._facts: dict[str, Any] = {}
        self._ready = threading.Event()
        self._log: deque[str] = deque(maxlen=_LOG_LINES_MAX)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def spawn(cls, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Self:
        """Start `command` and return at once; `wait_ready` says when it can be used.

        To be called from a thread that lives as long as the child should: Linux takes the death of
        the starting thread for the death of the parent.
        """
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Its own group: Ctrl-C reaches the parent, which stops its children in order.
            process_group=0,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 -- the one prctl call takes no lock
        )
        return cls(name, process)

    def wait_ready(self, seconds: float = 30.0) -> dict[str, Any]:
        """The readiness line's facts, once it has been printed.

        Stops the child and raises `ChildError` when it exits first or is not ready in time.
        """
        self._ready.wait(seconds)
        if not self._facts:
            self.stop()
            log = "\n".join(self.log()) or "(it printed nothing)"
            raise ChildError(f"{self.name} did not become ready; the end of its log:\n{log}")
        return self._facts

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 -- Popen was given a pipe
        for line in self._process.stdout:
            facts = _readiness(line) if not self._facts else None
            if facts is None:
                self._log.append(line.rstrip("\n"))
            else:
                self._facts = facts
                self._ready.set()
        self._ready.set()

    @property
    def pid(self) -> int:
        """The process id, for tests that stop or kill it."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def log(self) -> list[str]:
        """The last lines it printed, oldest first."""
        return list(self._log)

    def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL after 5 s. Harmless when it has ended already."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_STOP_SECONDS)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()


def _readiness(line: str) -> dict[str, Any] | None:
    try:
        facts = json.loads(line)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and facts.get("ready") is True else None


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
