"""The child that compiles expressions, inside limits that it sets itself first.

    all SECONDS    the databases, serialised, on standard output
    each SECONDS   a line for each expression: its index before it is tried, the error behind it

On standard input comes a JSON list: the expressions, and how many of them, from the first on, make
one database; each other one makes a database of its own. Run by its path, it imports nothing of
this package, so that it starts in a tenth of the time.
"""

import contextlib
import json
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Final

import hyperscan

RULE_SECONDS_MAX: Final = 2.0
"""CPU time for one rule alone; most need a thousandth of it."""
MEMORY_BYTES_MAX: Final = 1024 * 1024 * 1024
"""Address space of the child, of which Python and the engine map a third before they begin."""
LENGTH_BYTES: Final = 4
"""Before each database stands its length, little-endian."""
REFUSED: Final = 3
"""The exit status when the engine refuses an expression."""
# SINGLEMATCH: a rule reports once, which is all that is asked. Never UCP (seconds a rule) nor
# start-of-match (a twentieth of the speed).
_FLAGS: Final = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_UTF8


def database_of(expressions: Sequence[str]) -> bytes:
    """The database of all expressions, serialised. Raises `hyperscan.HyperscanError`."""
    database = hyperscan.Database()
    database.compile(
        expressions=[expression.encode("utf-8") for expression in expressions],
        ids=list(range(len(expressions))),
        flags=[_FLAGS] * len(expressions),
    )
    serialised: bytes = hyperscan.dumpb(database)
    return serialised


def databases_of(expressions: Sequence[str], together: int) -> list[bytes]:
    """One database of the first `together` expressions, and one of each other one."""
    groups = [expressions[:together], *([each] for each in expressions[together:])]
    return [database_of(group) for group in groups]


def main(arguments: list[str]) -> int:
    """Do what the arguments say; the exit status is 0 where everything compiles."""
    task, seconds = arguments
    expressions, together = json.load(sys.stdin)
    _limit(int(seconds))
    if task == "all":
        try:
            for each in databases_of(expressions, together):
                sys.stdout.buffer.write(len(each).to_bytes(LENGTH_BYTES, "little") + each)
        except hyperscan.HyperscanError:
            return REFUSED
        return 0
    for index, expression in enumerate(expressions):
        sys.stdout.write(f"{index} ")
        sys.stdout.flush()
        # Nothing catches this alarm: it ends the process, and the parent reads how far it came.
        signal.setitimer(signal.ITIMER_VIRTUAL, RULE_SECONDS_MAX)
        try:
            database_of([expression])
        except hyperscan.HyperscanError as error:
            sys.stdout.write(f"{error}\n")
            return REFUSED
        sys.stdout.write("\n")
    return 0


def _limit(seconds: int) -> None:
    limits = ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, MEMORY_BYTES_MAX))
    for kind, most in (*limits, (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # Not every system has each of them.
            resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
