"""Runtimes: what command runs a function.

    custom, custom.debian*                its own start command
    python3.9, python3.10, python3.12     bootstrap.py, by an interpreter of that minor version
    any other, containers                 501, where the function is created

bootstrap.py serves the same contract as a custom runtime, so that an instance is an instance.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from infra.emulator.model import Configuration

_BOOTSTRAP: Final = Path(__file__).with_name("bootstrap.py")
_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Start:
    """How an instance is started. `note` is what differs from the cloud, or an empty string."""

    command: tuple[str, ...]
    note: str = ""


def start(configuration: Configuration, interpreter: str) -> Start:
    """The command of a function's runtime; `interpreter` is the Python to make do with."""
    if not configuration.is_event_function:
        return Start(configuration.command)
    version = configuration.runtime.removeprefix("python")
    found, note = find(version), ""
    if found is None:
        found = interpreter
        note = f"python{version} is not on this machine; this instance runs with {interpreter}"
    return Start((found, "-B", str(_BOOTSTRAP)), note)


@cache
def find(version: str) -> str | None:
    """The path of an interpreter of this minor version, such as "3.12", if there is one."""
    # Version managers put a stub of that name on the path even where it leads nowhere.
    places = [shutil.which(f"python{version}"), *_managed(version)]
    return next((place for place in places if place and _is(place, version)), None)


def _managed(version: str) -> list[str]:
    """Where pyenv and uv keep interpreters."""
    home = Path.home()
    roots = [
        Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        home / ".local" / "share" / "uv" / "python",
    ]
    patterns = (f"{version}.*/bin/python{version}", f"cpython-{version}.*/bin/python{version}")
    found = (path for root in roots for pattern in patterns for path in root.glob(pattern))
    return [str(path) for path in sorted(found)]


def _is(place: str, version: str) -> bool:
    """Whether the interpreter runs, and is what its name says."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        told = subprocess.run(
            [place, "-I", "-S", "-c", ask],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            text=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    return told.strip() == version
