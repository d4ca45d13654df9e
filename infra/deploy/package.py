"""A function's zip: its pinned dependencies at the root, and its part of `functions/`.

    requirements.txt ──pip, hashes required──▶ build/dependencies/<hash>/   (once for each content)
    functions/…      ─────────────────────────▶ build/functions/<name>.zip  (reproducible)

For the cloud the wheels are those of Linux on x86-64 with Python 3.11, as custom.debian12 has it;
for the local stack those of this machine.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from infra.deploy.errors import PackageError

ROOT: Final = Path(__file__).parents[2]
SHARED: Final = ("verdict", "prompt", "policy", "policies", "runtime")
"""Folders of `functions/` that every function needs."""
_CLOUD_PLATFORMS: Final = tuple(
    f"{tag}_x86_64"
    for tag in ("manylinux_2_35", "manylinux_2_34", "manylinux_2_28", "manylinux2014")
)
_EPOCH: Final = (2020, 1, 1, 0, 0, 0)
"""Every entry's time, so that a package's checksum tells its content and nothing else."""
_LEFT_OUT: Final = frozenset({"__pycache__", "bin", "tests", "test"})


class Target(StrEnum):
    """What the package is to run on."""

    LOCAL = "local"
    CLOUD = "cloud"


def package(name: str, out: Path, target: Target = Target.LOCAL) -> Path:
    """Make the package of the function `name` (as in `deny-pattern`) at `out`, unless it is fresh.

    Raises `PackageError` when its dependencies cannot be installed.
    """
    folder = name.replace("-", "_")
    requirements = ROOT / "functions" / folder / "requirements.txt"
    if not requirements.is_file():
        raise PackageError(f"{name}: no requirements.txt in functions/{folder}")
    dependencies = _dependencies(requirements, target)
    sources = sorted(_sources(folder))
    fingerprint = _fingerprint(dependencies, sources)
    stamp = out.with_suffix(".stamp")
    if out.is_file() and stamp.is_file() and stamp.read_text() == fingerprint:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(_installed(dependencies)):
            _add(archive, path, path.relative_to(dependencies))
        for path in sources:
            _add(archive, path, path.relative_to(ROOT))
    fresh.replace(out)
    stamp.write_text(fingerprint)
    return out


def _dependencies(requirements: Path, target: Target) -> Path:
    """The folder with the installed dependencies, installed now if it is not there."""
    platform = sysconfig.get_platform() if target is Target.LOCAL else "linux-x86_64-cp311"
    digest = hashlib.sha256(requirements.read_bytes() + platform.encode()).hexdigest()[:16]
    folder = ROOT / "build" / "dependencies" / digest
    if folder.is_dir():
        return folder
    fresh = folder.with_name(f".{digest}.{os.getpid()}")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--require-hashes", "--requirement", str(requirements)]
    command += ["--target", str(fresh), "--only-binary", ":all:"]
    if target is Target.CLOUD:
        command += ["--implementation", "cp", "--python-version", "3.11"]
        command += [part for each in _CLOUD_PLATFORMS for part in ("--platform", each)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise PackageError(f"{requirements}: {done.stderr.strip()[-2000:]}")
    fresh.replace(folder)
    return folder


def _sources(folder: str) -> Iterator[Path]:
    functions = ROOT / "functions"
    yield functions / "__init__.py"
    for part in (*SHARED, folder):
        for path in (functions / part).rglob("*"):
            if (
                path.is_file()
                and path.suffix in (".py", ".yaml")
                and not _left_out(path, functions)
            ):
                yield path


def _installed(dependencies: Path) -> Iterator[Path]:
    for path in dependencies.rglob("*"):
        if path.is_file() and not _left_out(path, dependencies):
            yield path


def _left_out(path: Path, below: Path) -> bool:
    return bool(_LEFT_OUT.intersection(path.relative_to(below).parts))


def _fingerprint(dependencies: Path, sources: list[Path]) -> str:
    digest = hashlib.sha256(dependencies.name.encode())
    for path in sources:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _add(archive: zipfile.ZipFile, path: Path, name: Path) -> None:
    entry = zipfile.ZipInfo(name.as_posix(), _EPOCH)
    entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, path.read_bytes())
