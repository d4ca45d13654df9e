"""Where the mesh bench plays: one Envoy under test, and all else on the other CPUs.

    CPU 0    Envoy, one worker, a listener for each way (mesh_paths.py)
    others   wrk, the Envoy that is provider and checks, the ext_proc server

What a call costs is told by the CPU time that Envoy took for it, and the ext_proc server where it
was asked. That bounds the calls of a busy worker, and it stays much the same when somebody else
wants the machine too.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesh.sidecar import Sidecar
from tests.bench.least_plugins import least_plugins
from tests.bench.mesh_backend import Backend
from tests.bench.mesh_paths import Paths, paths
from tests.bench.wrk import Run, Wrk

EXT_PROC_MISSING: Final = (
    "ext_proc: grpcio is not installed: "
    ".venv/bin/python -m pip install --require-hashes -r requirements/bench.txt"
)
CONNECTIONS: Final = 16
EVENTS: Final = 30
EVENT_MS: Final = 10
_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Turn:
    """One load: what wrk saw, and the microseconds of CPU that each call took."""

    run: Run
    cpu_us: float

    @property
    def per_busy_second(self) -> float:
        """Calls for each second of CPU time; where that is not told, for each second."""
        return 1e6 / self.cpu_us if self.cpu_us else self.run.per_second


@dataclass(frozen=True, slots=True)
class Stage:
    """Envoy under test, with the ways through it; `pids` are the processes whose time counts."""

    ports: Mapping[str, int]
    pids: tuple[int, ...]

    def turn(self, way: str, load: Wrk, connections: int = CONNECTIONS) -> Turn:
        """Load one way for a second."""
        before = sum(map(cpu_us, self.pids))
        run = load.run(self.ports[way], connections, _SECONDS)
        return Turn(run, (sum(map(cpu_us, self.pids)) - before) / run.calls)


@contextlib.contextmanager
def stage(shim: Path) -> Iterator[Stage]:
    """Everything started, and stopped in the end; `ext_proc` only where grpcio is installed."""
    with contextlib.ExitStack() as exits:
        exits.enter_context(_pinned(under_test=False))
        backend = Backend.on_free_ports()
        exits.enter_context(Sidecar.start(backend.bootstrap()))
        pids, port = [], None
        if importlib.util.find_spec("grpc"):
            url = f"http://127.0.0.1:{backend.check}/v1/verdict"
            pid, port = exits.enter_context(_server("ext_proc", url))
            pids.append(pid)
        _, streams_port = exits.enter_context(_server("sse", str(EVENTS), str(EVENT_MS)))
        folder = exits.enter_context(tempfile.TemporaryDirectory())
        ways = paths(shim, least_plugins(Path(folder)), backend, streams_port, port)
        pids.append(exits.enter_context(_under_test(ways)).pid)
        yield Stage(ways.ports, tuple(pids))


@contextlib.contextmanager
def _under_test(ways: Paths) -> Iterator[Sidecar]:
    with _pinned(under_test=True):
        sidecar = Sidecar.start(ways.bootstrap)
    with sidecar:
        yield sidecar


@contextlib.contextmanager
def _server(name: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """One of this folder's servers: its process id and port."""
    command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.pid, int(json.loads(process.stdout.readline())["port"])
        finally:
            process.terminate()


_CPUS: Final = os.sched_getaffinity(0) if sys.platform == "linux" else {0}


@contextlib.contextmanager
def _pinned(*, under_test: bool) -> Iterator[None]:
    """What is started inside has its own CPUs, where the system can do that and has two."""
    if sys.platform != "linux" or len(_CPUS) < 2:
        yield
        return
    first = {min(_CPUS)}
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, first if under_test else _CPUS - first)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_us(pid: int) -> float:
    """CPU time of a process so far, by all its threads."""
    times = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in times) / 1000
