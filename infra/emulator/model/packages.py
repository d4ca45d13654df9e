"""Packages: zip archives, unpacked once for all that use them."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Final

import fastcrc

from infra.emulator.errors import invalid

_UNPACKED_BYTES_MAX: Final = 1024 * 1024 * 1024
_ENTRIES_MAX: Final = 100_000
_UNUSED_SECONDS_MAX: Final = 3600.0


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
        fresh = Path(tempfile.mkdtemp(prefix="unpack-", dir=self._folder))
        try:
            _extract(archive, fresh)
            written = fresh.with_suffix(".zip")
            written.write_bytes(archive)
            written.rename(code.archive)
            fresh.rename(code.folder)
        except OSError as error:
            if not code.folder.is_dir():  # Otherwise another thread was first with the same code.
                raise invalid("code.zipFile", f"cannot be unpacked: {error.strerror}") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return code

    def tidy(self, used: Iterable[Code], now: float) -> None:
        """Remove what is not used and has not been for an hour: it may be about to be."""
        for code in used:
            if code.folder.parent == self._folder:  # Else it is a tester's own.
                _touch(code)
        for path in self._folder.iterdir():
            if now - path.stat().st_mtime > _UNUSED_SECONDS_MAX:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _touch(code: Code) -> None:
    code.folder.touch()
    code.archive.touch()


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
