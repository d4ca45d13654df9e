"""A function's zip: its pinned dependencies at the root, and its part of `functions/`.

    requirements.txt ──pip, hashes required──▶ build/dependencies/<hash>/   (once for each content)
    functions/…      ─────────────────────────▶ build/functions/<name>.zip  (reproducible)
       └ policies/   ──compiled on this machine──────┘

For the cloud the wheels are those of Linux on x86-64 with Python 3.11, as custom.debian12 has it;
for the local stack those of this machine. Byte code comes along, since compiling would take a third
of a cold start and the code's folder may be read-only. Equal input gives an equal zip, hence an
equal checksum, by which `s deploy` knows that there is nothing to upload.

deny-pattern's rules come compiled as well, since compiling takes seconds and loading milliseconds.
A compiled rule fits machines like this one; an instance that is another compiles its rules itself.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from infra.deploy.errors import PackageError

ROOT: Final = Path(__file__).parents[2]
_SHARED: Final = ("verdict", "runtime")
_OF_CHECKS: Final = ("prompt", "policy", "policies")
"""Folders of `functions/` that every function needs, and those that only checks do."""
_NO_CHECKS: Final = frozenset({"key_broker"})
_CODE: Final = "/code"
"""Where the platform unpacks a package; byte code names its source by it."""
_PREPARING: Final = {"deny-pattern": "functions.deny_pattern.preparing"}
"""Functions whose policies are prepared while packing, and the module that does it."""
_FORM: Final = "2"
"""Changes with the way packages are made, so that older ones are made anew."""
_CLOUD_PLATFORMS: Final = tuple(
    f"{tag}_x86_64"
    for tag in ("manylinux_2_35", "manylinux_2_34", "manylinux_2_28", "manylinux2014")
)
_EPOCH: Final = (2020, 1, 1, 0, 0, 0)
"""Every entry's time, so that a package's checksum tells its content and nothing else."""
_FOLDERS_LEFT_OUT: Final = frozenset({"bin", "tests", "test"})
_SUFFIXES_LEFT_OUT: Final = frozenset({".pyx", ".pxd", ".pyi", ".c", ".h"})
_FILES_LEFT_OUT: Final = frozenset({"RECORD", "REQUESTED", "INSTALLER", "direct_url.json"})
"""What pip noted of this machine; metadata and entry points stay, for importlib.metadata."""


class Target(StrEnum):
    """What the package is to run on."""

    LOCAL = "local"
    CLOUD = "cloud"


def package(name: str, out: Path, target: Target = Target.LOCAL, root: Path = ROOT) -> Path:
    """Make the package of the function `name` (as in `deny-pattern`) at `out`, unless it is fresh.

    `root` is the folder with `functions/`, and with `build/`, where dependencies are kept. Raises
    `PackageError` when they cannot be installed, and for a policy that does not load.
    """
    folder = name.replace("-", "_")
    requirements = root / "functions" / folder / "requirements.txt"
    if not requirements.is_file():
        raise PackageError(f"{name}: no requirements.txt in functions/{folder}")
    dependencies = _dependencies(requirements, target, root)
    sources = {path.relative_to(root): path for path in _sources(root / "functions", folder)}
    fingerprint = _fingerprint(dependencies, sources)
    if name in _PREPARING:
        fingerprint += f" prepared on {platform.platform()}" * _fits_here(target)
    stamp = out.with_suffix(".stamp")
    if out.is_file() and stamp.is_file() and stamp.read_text() == fingerprint:
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="meshward-package-") as scratch:
        files = {
            path.relative_to(dependencies): path
            for path in dependencies.rglob("*")
            if path.is_file() and _is_wanted(path.relative_to(dependencies))
        }
        own = _compiled(sources, Path(scratch))
        if name in _PREPARING and _fits_here(target):
            prepared = Path("functions", "policies", f"{name}.prepared")
            (Path(scratch) / prepared).write_bytes(_prepared(name, Path(scratch), root))
            own[prepared] = Path(scratch) / prepared
        _write(fresh, files | own)
    fresh.replace(out)
    stamp.write_text(fingerprint)
    return out


def _dependencies(requirements: Path, target: Target, root: Path) -> Path:
    """The folder with the installed dependencies, installed now if it is not there."""
    where = sysconfig.get_platform() if target is Target.LOCAL else "linux-x86_64-cp311"
    origin = f"{_FORM} {where} {sys.implementation.cache_tag}".encode()
    digest = hashlib.sha256(requirements.read_bytes() + origin).hexdigest()[:16]
    folder = root / "build" / "dependencies" / digest
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
    _compile(fresh)
    try:
        fresh.rename(folder)
    except OSError:  # Another process was first with the same content.
        shutil.rmtree(fresh)
    return folder


def _sources(functions: Path, folder: str) -> Iterator[Path]:
    yield functions / "__init__.py"
    parts = (*_SHARED, folder) if folder in _NO_CHECKS else (*_SHARED, *_OF_CHECKS, folder)
    for part in parts:
        for path in (functions / part).rglob("*"):
            if path.suffix in (".py", ".yaml", ".table") and path.is_file():
                yield path


def _is_wanted(path: Path) -> bool:
    return (
        not _FOLDERS_LEFT_OUT.intersection(path.parts)
        and path.suffix not in _SUFFIXES_LEFT_OUT
        and not (path.name in _FILES_LEFT_OUT and path.parent.suffix == ".dist-info")
    )


def _fingerprint(dependencies: Path, sources: Mapping[Path, Path]) -> str:
    digest = hashlib.sha256(dependencies.name.encode())
    for name, path in sorted(sources.items()):
        digest.update(f"{name.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _compiled(sources: Mapping[Path, Path], scratch: Path) -> dict[Path, Path]:
    """Copies of the sources in `scratch`, byte code beside them."""
    for name, path in sources.items():
        target = scratch / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    _compile(scratch)
    return {path.relative_to(scratch): path for path in scratch.rglob("*") if path.is_file()}


def _fits_here(target: Target) -> bool:
    """Whether what is compiled on this machine can be of use where the package is to run."""
    here = (platform.system(), platform.machine())
    return target is Target.LOCAL or here == ("Linux", "x86_64")


def _prepared(name: str, scratch: Path, root: Path) -> bytes:
    """The policies in `scratch`, compiled and tried by the function's own code below `root`."""
    command = [sys.executable, "-m", _PREPARING[name], str(scratch / "functions" / "policies")]
    done = subprocess.run(command, cwd=root, input=b"", capture_output=True, check=False)
    if done.returncode:
        raise PackageError(f"{name}: {done.stderr.decode('utf-8', 'replace').strip()[-2000:]}")
    return done.stdout


def _compile(folder: Path) -> None:
    """Compile everything below `folder`: byte code that never looks at its source's time.

    In a process of its own, since the order of sets in byte code follows the hash seed. A library
    may bring files that are not meant for this Python; they simply stay uncompiled.
    """
    command = [sys.executable, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", _CODE, str(folder)]
    subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, check=False)


def _write(out: Path, files: Mapping[Path, Path]) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name.as_posix(), _EPOCH)
            entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
