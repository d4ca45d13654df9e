"""Programs in C for the benches, built by the pinned Zig wheel when they are first asked for.

tests/bench/NAME.c ──zig cc──▶ build/bench/NAME
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.bench.report import Unavailable

_HERE: Final = Path(__file__).parent
BUILD: Final = _HERE.parents[1] / "build" / "bench"


def built(name: str, options: Sequence[str] = ()) -> Path:
    """The program of the source `name`, fresh. Raises `Unavailable` where it does not build."""
    program, source = BUILD / name, _HERE / f"{name}.c"
    sources = [source, *_HERE.glob("*.h")]
    newest = max(each.stat().st_mtime for each in sources)
    if not program.exists() or program.stat().st_mtime < newest:
        BUILD.mkdir(parents=True, exist_ok=True)
        compiler = [sys.executable, "-m", "ziglang", "cc", "-O2", "-march=native"]
        fresh = program.with_suffix(f".{os.getpid()}")
        command = [*compiler, str(source), "-o", str(fresh), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"{source.name} does not build here: {done.stderr[:400]}")
        fresh.replace(program)
    return program
