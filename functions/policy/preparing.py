"""Reads a folder of policies where nobody waits for it, and hands over what is ready to judge by.

    {"engine", "known"} ──stdin──▶ python -m functions.policy.preparing FOLDER ──▶ `prepared` bytes

`known` lists revisions that are in force already: those policies come without data. A policy that
does not load is told on standard error, with an exit status of its own.
"""

import json
import os
import sys
from collections.abc import Callable
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


def main(
    arguments: list[str], engine: str = "", make: Make = lambda _source, _revision: b""
) -> int:
    """Prepare the folder in `arguments`; `REFUSED` where a policy does not load."""
    os.nice(_NICE)
    asked = json.loads(sys.stdin.read() or "{}")
    engine, known = asked.get("engine", engine), asked.get("known", ())
    folder = Path(arguments[0])
    try:
        made_of = fingerprint(folder, engine)
        done = [
            each
            if each.revision in known
            else Prepared(each.source, each.revision, make(each.source, each.revision))
            for each in read_here(folder, engine)
        ]
    except (PolicyError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    sys.stdout.buffer.write(dump(made_of, done))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
