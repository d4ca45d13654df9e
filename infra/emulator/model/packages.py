"""Packages: zip archives, unpacked once for all that use them."""

import contextlib
import errno
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Final

import fastcrc

from infra.emulator.errors import invalid, unavailable

_UNPACKED_BYTES_MAX: Final = 1024 * 1024 * 1024
_ENTRIES_MAX: Final = 100_000
_UNUSED_SECONDS_MAX: Final = 3600.0
_FRESH: Final = "unpack-"
_OURS: Final = re.compile(rf"([0-9a-f]{{32}}|{_FRESH}\w+)(\.zip)?")
_OF_THIS_MACHINE: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES),
        *(errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOENT),
    }
)
"""What no package is to blame for."""


@dataclass(frozen=True, slots=True)
class Code:
    """An unpacked package; `checksum` is the CRC-64/XZ of the archive, in decimal."""

    folder: Path
    archive: Path
    checksum: str
    size_bytes: int


class Packages:
    """The folder with all packages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def unpack(self, archive: bytes) -> Code:
        """Unpack a zip package; equal ones share a folder, so that a second one costs nothing.

        Slow, and without side effects on anything else: to be called in a thread.
        """
        digest = sha256(archive).hexdigest()[:32]
        code = Code(
            folder=self._folder / digest,
            archive=self._folder / f"{digest}.zip",
            checksum=str(fastcrc.crc64.xz(archive)),
            size_bytes=len(archive),
        )
        if code.folder.is_dir() and code.archive.is_file():
            _touch(code)
            return code
        try:
            self._unpack(archive, code)
        except OSError as error:
            if not code.folder.is_dir():  # Otherwise another thread was first with the same code.
                if error.errno in _OF_THIS_MACHINE:
                    raise unavailable(f"no package can be kept in {self._folder}", error) from None
                raise invalid("code.zipFile", f"cannot be unpacked: {error.strerror}") from None
        return code

    def _unpack(self, archive: bytes, code: Code) -> None:
        fresh = Path(tempfile.mkdtemp(prefix=_FRESH, dir=self._folder))
        try:
            _extract(archive, fresh)
            written = fresh.with_suffix(".zip")
            written.write_bytes(archive)
            written.rename(code.archive)
            fresh.rename(code.folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def found(self, code: Code) -> Code:
        """The code where it is now, if it is no more where it was kept."""
        folder = self._folder / code.folder.name
        if code.folder.is_dir() or not folder.is_dir():
            return code
        return replace(code, folder=folder, archive=self._folder / code.archive.name)

    def tidy(self, used: Iterable[Code], now: float) -> None:
        """Remove what is not used and has not been for an hour: it may be about to be.

        Only packages: the folder may be one that somebody else has files in.
        """
        for code in used:
            if code.folder.parent == self._folder:  # Else it is a tester's own.
                _touch(code)
        for path in self._folder.iterdir():
            if not _OURS.fullmatch(path.name):
                continue
            with contextlib.suppress(FileNotFoundError):  # Just renamed, when it was unpacked.
                if now - path.stat().st_mtime > _UNUSED_SECONDS_MAX:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _touch(code: Code) -> None:
    for path in (code.folder, code.archive):
        with contextlib.suppress(FileNotFoundError):  # Somebody has removed it.
            os.utime(path)


def _extract(archive: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(BytesIO(archive)) as package:
            entries = package.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > _UNPACKED_BYTES_MAX or len(entries) > _ENTRIES_MAX:
                raise invalid("code.zipFile", f"unpacks to {size} bytes, {len(entries)} files")
            for entry in entries:
                target = Path(package.extract(entry, folder))  # never outside the folder
                mode = entry.external_attr >> 16 & 0o777
                if mode and target.is_file():
                    target.chmod(mode | 0o600)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise invalid("code.zipFile", "is not a zip archive that can be unpacked") from None
