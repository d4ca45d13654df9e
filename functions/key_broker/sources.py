"""Where the keys come from; every source gives the table in force for one call.

    Source ── table(credentials) ──▶ KeyTable      raises SourceError while there has never been one
      ├── Fixed         what was read at the start (MESHWARD_KEYS)
      ├── WatchedFile   read again when it changes
      └── Kms (kms.py)  a secret of Alibaba Cloud's KMS

A source that has had a table keeps it through every failure, and tells the log of each once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from functions.key_broker.table import KeyTable, TableError, parse

Tell = Callable[[str], None]
"""Told what went wrong while an older table stays in force. Its text holds no key."""

_LOOK_SECONDS: Final = 1.0
"""How often a file is looked at: often enough for who edits it and waits."""


class SourceError(Exception):
    """No table is there, and none can be had now; the message names the source, and no key."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary credentials of the function's role, as the platform sends them with each call."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)


class Source(Protocol):
    """A source of keys."""

    async def table(self, credentials: Credentials | None) -> KeyTable:
        """The table in force now; `credentials` are those of this call, if it came with any."""
        ...


class Fixed:
    """The table that `text` holds, for good. Raises `TableError` where it holds none."""

    def __init__(self, text: str) -> None:
        self._table = parse(text)

    async def table(self, credentials: Credentials | None) -> KeyTable:  # noqa: ARG002 -- needs none
        """That table."""
        return self._table


class WatchedFile:
    """The table in the file at `path`. Raises `SourceError` where it cannot be read at first."""

    def __init__(self, path: Path, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._tell = tell
        self._clock = clock
        self._told = ""
        self._looked = clock()
        self._seen = self._look()
        self._table = self._read()

    async def table(self, credentials: Credentials | None) -> KeyTable:  # noqa: ARG002 -- needs none
        """The file's table; the one before, while the file is none or cannot be read."""
        now = self._clock()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._refresh()
        return self._table

    def _refresh(self) -> None:
        try:
            seen = self._look()
            if seen == self._seen:
                return
            self._seen = seen
            self._table = self._read()
        except SourceError as error:
            if str(error) != self._told:
                self._told = str(error)
                self._tell(self._told)
        else:
            self._told = ""

    def _look(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise SourceError(f"{self._path}: cannot be read: {error.strerror}") from None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> KeyTable:
        try:
            return parse(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SourceError(f"{self._path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SourceError(f"{self._path}: is not UTF-8") from None
        except TableError as error:
            raise SourceError(f"{self._path}: {error}") from None
