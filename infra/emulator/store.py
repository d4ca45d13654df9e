"""The account on disk: SQLite, one row for each thing, written before it is acknowledged.

    DIR/state.sqlite    kind, key ──▶ JSON: functions, layers, domains, services, events
    DIR/code            packages, unpacked          DIR/objects   what has been put into OSS

A killed emulator loses nothing of this: the write is with the operating system when the answer
goes out. One emulator at a time has a folder.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from infra.emulator.errors import unavailable
from infra.emulator.model import CustomDomain, Event, Function, Layer, Service

_KINDS: Final[dict[str, TypeAdapter[Any]]] = {
    "function": TypeAdapter(Function),
    "layer": TypeAdapter(dict[int, Layer | None]),
    "domain": TypeAdapter(CustomDomain),
    "service": TypeAdapter(Service),
    "event": TypeAdapter(Event),
}
_WAIT_SECONDS: Final = 1.0
"""For an emulator that is about to end there."""
_FORMAT: Final = 1
"""Changes with the tables, or where old rows cannot be read any more."""


class StoreError(Exception):
    """The folder cannot be used; the message is for whoever started the emulator."""


class Store:
    """The rows of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._rows = sqlite3.connect(
                folder / "state.sqlite", isolation_level=None, timeout=_WAIT_SECONDS
            )
            self._rows.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._rows.execute("PRAGMA journal_mode=WAL")
            self._rows.execute("PRAGMA synchronous=NORMAL")
            self._rows.execute(
                "CREATE TABLE IF NOT EXISTS things"
                " (kind TEXT, key TEXT, document BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"
            )
            self._check_format(folder)
        except (OSError, sqlite3.Error) as error:
            what = "is another emulator running there?" if "locked" in str(error) else str(error)
            raise StoreError(f"{folder} cannot be used: {what}") from None

    def put(self, kind: str, key: str, value: object) -> None:
        """Keep a thing as it is now; None: it is gone. Raises ServiceUnavailable."""
        row = (kind, key, _KINDS[kind].dump_json(value)) if value is not None else None
        try:
            if row is None:
                self._rows.execute("DELETE FROM things WHERE kind = ? AND key = ?", (kind, key))
            else:
                self._rows.execute("INSERT OR REPLACE INTO things VALUES (?, ?, ?)", row)
        except sqlite3.Error as error:
            raise unavailable(f"nothing can be kept in {self._folder}", error) from None

    def get(self, kind: str, key: str) -> Any:  # noqa: ANN401 -- of that kind
        """A thing as it was kept last; None where it was not, or cannot be read."""
        query = "SELECT document FROM things WHERE kind = ? AND key = ?"
        try:
            row = self._rows.execute(query, (kind, key)).fetchone()
        except sqlite3.Error:
            return None
        return _KINDS[kind].validate_json(row[0]) if row else None

    def all(self) -> Iterator[tuple[str, str, Any]]:
        """Everything: kind, key, value."""
        try:
            rows = self._rows.execute("SELECT * FROM things ORDER BY kind, key").fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._folder} cannot be read: {error}") from None
        for kind, key, document in rows:
            try:
                yield kind, key, _KINDS[kind].validate_json(document)
            except (KeyError, ValidationError):
                raise StoreError(f"the {kind} {key!r} was written by another version") from None

    def close(self) -> None:
        """Let another emulator have it."""
        self._rows.close()

    def _check_format(self, folder: Path) -> None:
        (found,) = self._rows.execute("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT):
            raise StoreError(f"{folder} was written by another version of the emulator")
        if found == 0:
            self._rows.execute(f"PRAGMA user_version={_FORMAT}")
