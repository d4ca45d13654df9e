"""The C loop that matching is measured against: `scan_loop.c`, built where there is a library.

The wheel's own hyperscan cannot be linked, since it hides its symbols. Debian's libvectorscan is
the same engine (5.4), unpacked into build/, and compiles the same expressions.
"""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.bench.native import BUILD, built
from tests.bench.report import Unavailable

_PACKAGES: Final = ("libvectorscan-dev", "libvectorscan5")


Build = Literal["best", "sse"]


@dataclass(frozen=True, slots=True)
class Text:
    """What is scanned, and how often in one round."""

    data: bytes
    count: int


class CLoop:
    """The built program for some expressions."""

    def __init__(self, expressions: Sequence[str]) -> None:
        library = _library()
        headers = BUILD / "usr" / "include" / "hs"
        self._program = built("scan_loop", [f"-I{headers}", str(library)])
        self._folder = tempfile.TemporaryDirectory()
        self._expressions = Path(self._folder.name) / "expressions"
        self._expressions.write_bytes(b"".join(each.encode() + b"\0" for each in expressions))

    def scan(self, texts: Sequence[Text], build: Build = "best") -> list[float]:
        """The median seconds of one scan of each text.

        By the engine as this processor runs it, or by its build for SSE, as the wheel's is. Raises
        `Unavailable` where the library has none.
        """
        command = [str(self._program), build, str(self._expressions)]
        for number, each in enumerate(texts):
            path = Path(self._folder.name) / f"text-{number}"
            path.write_bytes(each.data)
            command += [str(path), str(each.count)]
        environment = {"LD_LIBRARY_PATH": str(_library().parent)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode:
            raise Unavailable(f"the C loop fails: {done.stderr[:400]}")
        return [float(line) for line in done.stdout.split()]


def _library() -> Path:
    found = sorted(BUILD.glob("usr/lib/*/libhs.so.5"))
    if not found:
        _fetch()
        found = sorted(BUILD.glob("usr/lib/*/libhs.so.5"))
    return found[0]


def _fetch() -> None:
    """Download Debian's packages and take them apart; nothing is installed."""
    BUILD.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        subprocess.run(
            ["apt-get", "download", *_PACKAGES],
            cwd=BUILD,
            check=True,
            capture_output=True,
            env=environment,
        )
        for package in sorted(BUILD.glob("*.deb")):
            subprocess.run(["dpkg", "-x", package.name, "."], cwd=BUILD, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        what = "the C loop needs Debian's libvectorscan-dev, which apt-get does not download here"
        raise Unavailable(f"{what} ({type(error).__name__})") from None
