"""What the emulator adds to calling an instance directly, and what it costs to have around."""

import json
import os
import sys
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from tests.bench.load import Load, load
from tests.bench.report import Report
from tests.emulator.doors import Emulator, archive, function
from tests.support.wire import request

_ROUNDS: Final = 5
_FUNCTIONS: Final = 1000
_READY_SECONDS_MAX: Final = 1.0
_IDLE_MB_MAX: Final = 80.0
_REGISTER_SECONDS_MAX: Final = 5.0
_ADDED_MS_MAX: Final = 1.0
_FUNCTION: Final = b"""
import os
import uvicorn

async def app(scope, receive, send):
    await receive()
    head = [(b"content-length", b"13"), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"Hello, world!"})

port = int(os.environ["FC_SERVER_PORT"])
uvicorn.run(app, host="127.0.0.1", port=port, http="httptools", loop="uvloop", lifespan="off",
            access_log=False, log_level="warning", timeout_keep_alive=300)
"""


def bench(report: Report) -> None:
    """Start and idle memory; a warm HTTP-trigger call with 1 KB, alone and with 32 callers."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"TMPDIR": folder, "PATH": os.environ["PATH"]}
        start = perf_counter()
        emulator = Emulator(environment)
        seconds = perf_counter() - start
        try:
            _held_to(report, "start to Ready", seconds, _READY_SECONDS_MAX, "s")
            _memory(emulator, report)
            _registrations(emulator, report)
            _calls(emulator, report)
        finally:
            emulator.child.stop()


def _memory(emulator: Emulator, report: Report) -> None:
    status = Path(f"/proc/{emulator.child.pid}/statm")
    if not status.exists():
        report.leave_out("idle memory: only Linux tells it in /proc")
        return
    size = int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    _held_to(report, "idle memory", size / 1e6, _IDLE_MB_MAX, "MB")


def _registrations(emulator: Emulator, report: Report) -> None:
    """Functions with a package each of its own, by one caller after another."""
    connection = HTTPConnection("127.0.0.1", emulator.port)
    bodies = [
        json.dumps(function(f"r{index}", code={"zipFile": archive({"a.py": b"%d" % index})}))
        for index in range(_FUNCTIONS)
    ]
    start = perf_counter()
    for body in bodies:
        connection.request("POST", "/2023-03-30/functions", body)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201
    seconds = perf_counter() - start
    connection.close()
    _held_to(report, f"{_FUNCTIONS} functions registered", seconds, _REGISTER_SECONDS_MAX, "s")


def _calls(emulator: Emulator, report: Report) -> None:
    host = emulator.create(
        "hello",
        instanceConcurrency=200,
        customRuntimeConfig={"command": [sys.executable, "hello.py"]},
        code={"zipFile": archive({"hello.py": _FUNCTION})},
    )
    message = request(host, "/", method="POST", body=b"x" * 1000)
    assert emulator.call(host).status == 200
    (instance,) = emulator.instances("hello")
    for connections, count in ((1, 1500), (32, 6000)):
        direct, through = [], []
        for _ in range(_ROUNDS):
            direct.append(load(instance["port"], message, connections, count))
            through.append(load(emulator.port, message, connections, count))
        _compare(report, connections, direct, through)


def _held_to(report: Report, what: str, measured: float, most: float, unit: str) -> None:
    """Compare with what it may be at most: a ratio below 1 is well."""
    told = (f"{measured:.3g} {unit}", f"at most {most:g} {unit}")
    report.add(what, *told, measured / most, "under 1.00")


def _compare(report: Report, connections: int, direct: list[Load], through: list[Load]) -> None:
    if connections == 1:
        slow = median(each.median_seconds for each in through) * 1000
        fast = median(each.median_seconds for each in direct) * 1000
        told = (f"{slow:.2f} ms", f"direct {fast:.2f} ms")
        report.add("median of a warm call, 1 caller", *told, slow / fast, "no goal")
        _held_to(report, "added to a warm call", slow - fast, _ADDED_MS_MAX, "ms")
        return
    many = median(each.per_second for each in through)
    most = median(each.per_second for each in direct)
    report.add(
        f"calls per second, {connections} callers",
        f"{many:.0f}",
        f"direct {most:.0f}",
        many / most,
        "at least 0.40",
    )
