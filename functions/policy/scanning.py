"""hyperscan's databases: which expressions match a text, by number.

    serialised ──split──▶ Scanner for the rules of every text
                          Scanner for one rule whose keyword stands in a text
                          …

Why several: an expression without any fixed letters, such as "40 letters or digits", slows down all
that is compiled together with it, by a factor of six in the built-in packs. Most such rules ask for
a keyword, so that they can wait until it is there.
"""

import threading
from collections.abc import Sequence
from typing import Any

import hyperscan

from functions.policy.compile_child import LENGTH_BYTES


class ForeignDatabase(Exception):
    """A serialised database that this machine and version of the engine do not take."""


class Scanner:
    """One database. Safe to use from several threads."""

    def __init__(self, serialised: bytes) -> None:
        try:
            self._database = hyperscan.loadb(serialised, mode=hyperscan.HS_MODE_BLOCK)
        except hyperscan.HyperscanError as error:
            raise ForeignDatabase(f"{type(error).__name__}: {error}") from None
        self._local = threading.local()

    def numbers(self, data: bytes) -> list[int]:
        """The numbers of the expressions that match, in no order; one may stand twice."""
        try:
            scratch = self._local.scratch
        except AttributeError:
            # One for each thread: a shared one gives wrong answers.
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        found: list[int] = []
        self._database.scan(data, _note, 0, found, scratch)  # By position: it is faster.
        return found


def _note(number: int, _start: int, _end: int, _flags: int, numbers: Any) -> None:  # noqa: ANN401 -- whatever was given to `scan`
    """hyperscan's call for each expression that matches."""
    numbers.append(number)


def joined(databases: Sequence[bytes]) -> bytes:
    """Serialised databases as one piece."""
    return b"".join(len(each).to_bytes(LENGTH_BYTES, "little") + each for each in databases)


def split(serialised: bytes) -> list[bytes]:
    """What `joined` made one piece of; raises `ForeignDatabase` for anything else."""
    found: list[bytes] = []
    at = 0
    while at < len(serialised):
        begin = at + LENGTH_BYTES
        at = begin + int.from_bytes(serialised[at:begin], "little")
        found.append(serialised[begin:at])
    if at != len(serialised):
        raise ForeignDatabase("it is cut off")
    return found
