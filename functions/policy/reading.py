"""Ways to read a folder of policies: here and now, or in a child while calls go on.

Reading YAML, compiling and trying examples take seconds of one core. In the process that answers
calls they would take them from the calls, since one thread of it runs at a time.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from functions.policy.documents import PolicyError
from functions.policy.load import load
from functions.policy.prepared import NotPrepared, Prepared, parse, policy_files, revision_of

Reader = Callable[[Path, str, Collection[str]], Iterator[Prepared]]
"""A way to read a folder: its path, the engine, and the revisions that need no data."""


REFUSED: Final = 3
"""The exit status of a child that says on standard error what is wrong with a policy."""
_SECONDS_MAX: Final = 180
"""Five times what the largest policies take on a busy core."""


class NotRead(PolicyError):
    """A folder could not be read just now; nothing is known of its policies."""


def read_here(folder: Path, engine: str, known: Collection[str] = ()) -> Iterator[Prepared]:
    """The policies of `folder`, without data. Raises `PolicyError`; `known` changes nothing."""
    del known
    for path in policy_files(folder):
        source = load(path)
        yield Prepared(source, revision_of(source.policy, engine))


def read_in_child(module: str) -> Reader:
    """A reader that has `python -m module` do the work. It raises `PolicyError`."""

    def read(folder: Path, engine: str, known: Collection[str]) -> Iterator[Prepared]:
        asked = json.dumps({"engine": engine, "known": sorted(known)}).encode()
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", module, str(folder)]
        try:
            done = subprocess.run(
                command,
                input=asked,
                capture_output=True,
                check=False,
                env=environment,
                timeout=_SECONDS_MAX,
            )
        except subprocess.TimeoutExpired:
            what = f"took more than {_SECONDS_MAX} s to read and compile; make it smaller"
            raise NotRead(f"{folder}: {what}") from None
        if done.returncode == REFUSED:
            raise PolicyError(done.stderr.decode("utf-8", "replace").strip())
        if done.returncode:
            raise NotRead(f"{folder}: the child that reads it ended with {done.returncode}")
        try:
            yield from parse(done.stdout)
        except NotPrepared as error:
            raise NotRead(f"{folder}: what the child says of it is {error}") from None

    return read
