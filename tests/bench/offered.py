"""Different calls, offered over some connections, each looked at for its verdict: `callers.c`.

Like `load`, but every request is another one. Callers and judge share the processor with what they
measure: in C they take half of what they would in Python.
"""

import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from tests.bench.native import built

_LIBRARIES: Final = ("-lm",)
_LAST_TO_RUN: Final = 19


class Call(NamedTuple):
    """An answered call: how long it took, and its verdict where it has one."""

    seconds: float
    verdict: str


def offer(
    ports: int | Sequence[int], requests: Sequence[bytes], connections: int
) -> tuple[list[Call], float]:
    """Send `requests` over that many connections; the calls, and the seconds for all of them.

    All connections are open before the first request leaves; of several ports each has its share.
    Raises `ConnectionError` where not each of them has an answer of status 200, and `Unavailable`
    where the callers do not build.
    """
    every = [ports] if isinstance(ports, int) else ports
    with tempfile.NamedTemporaryFile() as file:
        for request in requests:
            file.write(struct.pack("=I", len(request)) + request)
        file.flush()
        command = [str(built("callers")), file.name, str(connections), *map(str, every)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, *lines = done.stdout.splitlines() or [""]
    if done.returncode or len(lines) != len(requests):
        what = f"{len(lines)} of {len(requests)} requests were answered"
        raise ConnectionError(f"{what}: {done.stderr.strip()}")
    calls = []
    for line in lines:
        took, verdict = line.split()
        calls.append(Call(float(took), verdict.removeprefix("-")))
    return calls, float(seconds)


@contextmanager
def slow_judge(milliseconds: int, calls_max: int) -> Iterator[int]:
    """A judge that takes so long for a call, and so many at once, as a process; its port.

    Raises `Unavailable` where it does not build.
    """
    command = [str(built("slow_judge", _LIBRARIES)), str(milliseconds), str(calls_max)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        # It ends with its standard input, which is closed here.


def give_way(process: int) -> None:
    """Have a process run only when callers and judge do not, as if they had machines of their own.

    What they would wait for their turn on this one's processor would count as the process's time.
    """
    os.setpriority(os.PRIO_PROCESS, process, _LAST_TO_RUN)
