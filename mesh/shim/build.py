"""Builds `shim.wasm` with the pinned Zig of the `ziglang` wheel.

    python -m mesh.shim.build [--out build/shim.wasm]

Compiled and linked by hand: the build runner of `zig build` takes minutes on its first run, and
`zig build-exe` cannot tell its linker to write addresses in as few bytes as they need, which are a
twelfth of the plugin (docs/decisions/0089-linked-by-hand.md). Nothing is built when neither a
source nor the compiler has changed since; a stamp beside the result tells.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

SOURCES = Path(__file__).parent
DEFAULT_OUT = SOURCES.parents[1] / "build" / "shim.wasm"
_COMPILER_FLAGS = (
    *("-target", "wasm32-freestanding"),
    # SHA-256 mixes four words at once. V8 has known these instructions since 2021.
    "-mcpu=generic+simd128",
    *("-O", "ReleaseSmall"),
    "-fstrip",
    "-flto",
)
_LINKER_FLAGS = (
    "--no-entry",
    "--export-dynamic",
    "--export-memory",
    "--strip-all",
    "--compress-relocations",
    # Linear memory grows only for bodies and configurations; the stack is small and bounded. It
    # lies lowest: what outgrows it traps, and overwrites nothing.
    "--stack-first",
    *("-z", "stack-size=65536"),
)


class BuildError(Exception):
    """The compiler refused; the message is what it printed."""


def build(out: Path = DEFAULT_OUT, sources: Path = SOURCES) -> Path:
    """Build the plugin into `out` if it is not there as it should be; returns `out`."""
    stamp = out.with_suffix(".stamp")
    wanted = _fingerprint(sources)
    if out.is_file() and stamp.is_file() and stamp.read_text() == wanted:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    compiled = fresh.with_name(f"{fresh.name}.o")
    main = str(sources / "main.zig")
    run_zig("build-obj", main, *_COMPILER_FLAGS, f"-femit-bin={compiled}", cache=out.parent)
    _run("wasm-ld", *_LINKER_FLAGS, "-o", str(fresh), str(compiled))
    compiled.unlink()
    fresh.replace(out)
    stamp.write_text(wanted)
    return out


def run_zig(*arguments: str, cache: Path = DEFAULT_OUT.parent) -> str:
    """Run the compiler; what it printed. Raises `BuildError` when it refuses."""
    folder = str(cache / "zig-cache")
    return _run(*arguments, "--cache-dir", folder, "--global-cache-dir", folder)


def _run(*arguments: str) -> str:
    command = [sys.executable, "-m", "ziglang", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(done.stdout + done.stderr)
    return done.stdout + done.stderr


def _fingerprint(sources: Path) -> str:
    digest = hashlib.sha256(f"{version('ziglang')} {_COMPILER_FLAGS} {_LINKER_FLAGS}".encode())
    for source in sorted(sources.glob("*.zig")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


def main() -> int:
    """Build, and say where and how large; the exit status is 1 when the compiler refuses."""
    parser = argparse.ArgumentParser(description="Build the Wasm plugin")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    try:
        out = build(parser.parse_args().out)
    except BuildError as error:
        sys.stderr.write(str(error))
        return 1
    sys.stdout.write(f"{out} {out.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
