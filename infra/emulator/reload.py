"""Hot reload: a function's code from a folder, anew whenever something in the folder changes.

    follow(function, folder) ──every half second: names, sizes, times──▶ changed? ──▶ new version

Instances of the code before take no more calls, and those under way end in peace.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Final

from infra.emulator.errors import invalid
from infra.emulator.model import Function
from infra.emulator.pools import Pool

_PERIOD_SECONDS: Final = 0.5
_FILES_MAX: Final = 20_000
_IGNORED: Final = frozenset({".git", ".venv", "__pycache__", "node_modules"})

_Stamp = tuple[tuple[str, int, int], ...]


class Reloads:
    """The folders that functions follow."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, function: Function, pool: Pool, folder: Path) -> None:
        """Take the function's code from `folder` from now on."""
        if not folder.is_absolute() or not folder.is_dir():
            raise invalid("folder", f"{str(folder)!r} is not the absolute path of a folder")
        self.leave(function.name)
        _take(function, pool, folder)
        self._tasks[function.name] = asyncio.create_task(_watch(function, pool, folder))

    def leave(self, name: str) -> None:
        """Follow that function's folder no more."""
        if task := self._tasks.pop(name, None):
            task.cancel()

    def close(self) -> None:
        """Follow nothing any more."""
        for name in list(self._tasks):
            self.leave(name)


async def _watch(function: Function, pool: Pool, folder: Path) -> None:
    before = await asyncio.to_thread(_stamp, folder)
    while True:
        await asyncio.sleep(_PERIOD_SECONDS)
        now = await asyncio.to_thread(_stamp, folder)
        if now != before:
            before = now
            pool.log.append(f"reloaded {function.name} from {folder}")
            _take(function, pool, folder)


def _take(function: Function, pool: Pool, folder: Path) -> None:
    latest = function.latest
    latest.code = replace(latest.code, folder=folder)
    latest.rollout += 1
    pool.changed()


def _stamp(folder: Path) -> _Stamp:
    """What tells whether something has changed."""
    found: list[tuple[str, int, int]] = []
    for path in folder.rglob("*"):
        if _IGNORED.intersection(path.parts) or len(found) > _FILES_MAX:
            continue
        try:
            told = path.stat()
        except OSError:
            continue  # It went in the meantime.
        found.append((str(path), told.st_size, told.st_mtime_ns))
    return tuple(sorted(found))
