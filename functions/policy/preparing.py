"""Reads a folder of policies where nobody waits for it, and hands over what is ready to judge by.

    {"engine", "known"} ──stdin──▶ python -m functions.policy.preparing FOLDER ──▶ `prepared` bytes

`known` lists revisions that are in force already: those policies come without data. A policy that
does not load is told on standard error, with an exit status of its own.
"""

import json
import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from functions.policy.documents import PolicyError
from functions.policy.load import PolicySource
from functions.policy.prepared import Prepared, dump, fingerprint
from functions.policy.reading import REFUSED, read_here

Make = Callable[[PolicySource, str], bytes]
"""A check's own work on a policy and its revision; raises `PolicyError`."""
_NICE: Final = 10
"""How far it stands back behind the calls."""


def prepare(folder: Path, engine: str, make: Make, known: Collection[str] = ()) -> bytes:
    """All policies of `folder`, those that are not `known` with what `make` makes of them.

    Raises `PolicyError`, and `OSError` where the folder cannot be read.
    """
    made_of = fingerprint(folder, engine)
    done = [
        each
        if each.revision in known
        else Prepared(each.source, each.revision, make(each.source, each.revision))
        for each in read_here(folder, engine)
    ]
    return dump(made_of, done)


def _nothing(_source: PolicySource, _revision: str) -> bytes:
    return b""


def main(arguments: list[str], engine: str = "", make: Make = _nothing) -> int:
    """Prepare the folder in `arguments`; `REFUSED` where a policy does not load."""
    os.nice(_NICE)
    asked = json.loads(sys.stdin.read() or "{}")
    try:
        done = prepare(
            Path(arguments[0]), asked.get("engine", engine), make, asked.get("known", ())
        )
    except (PolicyError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    sys.stdout.buffer.write(done)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
