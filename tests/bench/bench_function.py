"""deny-pattern as a process: calls per second against a bare server, and the first verdict."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

from functions.verdict.contract import VERDICT_PATH
from infra.deploy import package
from infra.ports import free_port
from tests.bench.least_function import answers
from tests.bench.load import load
from tests.bench.mesh_stage import cpu_us
from tests.bench.report import Report
from tests.bench.rule_sets import text
from tests.functions.running import callout, chat, running, signed
from tests.support.waiting import wait_until

_HANDLER: Final = "functions.deny_pattern.handler"
_ROUNDS: Final = 5
_CALLS: Final = 3000
_CONNECTIONS: Final = 32
_BARE: Final = """
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

HEADERS = {"x-meshward-contract": "1", "x-meshward-verdict": "allow",
           "x-meshward-reason": "rule.none", "x-meshward-revision": "0123456789ab",
           "x-meshward-cache-seconds": "0"}

async def answer(request):
    await request.body()
    return Response(headers=HEADERS)

app = Starlette(routes=[Route("/v1/verdict", answer, methods=["POST"])])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), http="httptools", loop="uvloop",
            lifespan="off", access_log=False, log_level="warning", timeout_keep_alive=300)
"""


def bench(report: Report) -> None:
    """All rows; the function runs out of its package, with its rules compiled."""
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        with zipfile.ZipFile(package("deny-pattern", Path(folder) / "packed.zip")) as archive:
            archive.extractall(code)
        log = Path(folder) / "log"
        _first_verdict(report, code, log)
        with (
            redirect_stdout(StringIO()),
            running(_HANDLER, log, {}, code) as function,
            _bare() as bare,
        ):
            ours = _Server(function.process.pid, function.client.base_url.port or 0)
            _throughput(report, ours, bare)


def _request() -> bytes:
    body = chat(text("en", 900))
    lines = [f"POST {VERDICT_PATH} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in signed(callout(), body)]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class _Server:
    pid: int
    port: int


def _throughput(report: Report, function: _Server, bare: _Server) -> None:
    """In turns, each server alone."""
    servers = (function, bare)
    rates: dict[_Server, list[float]] = {server: [] for server in servers}
    for server in servers:
        load(server.port, _request(), _CONNECTIONS, _CALLS)
    worked = {server: cpu_us(server.pid) for server in servers}
    for _ in range(_ROUNDS):
        for server in servers:
            rates[server].append(load(server.port, _request(), _CONNECTIONS, _CALLS).per_second)
    ours, most = (median(rates[server]) for server in servers)
    what = "calls per second, 1 KB, 32 in flight, against a bare Starlette app"
    report.add(what, f"{ours:.0f}", f"{most:.0f}", ours / most, "at least 0.90")
    calls = _ROUNDS * _CALLS
    ours, most = ((cpu_us(server.pid) - worked[server]) / calls for server in servers)
    what = "the same in CPU a call"
    report.add(what, f"{ours:.0f} µs", f"{most:.0f} µs", ours / most, "no goal")


@contextmanager
def _bare() -> Iterator[_Server]:
    """A Starlette application that reads the body and gives a fixed answer."""
    port = free_port().number
    with subprocess.Popen([sys.executable, "-c", _BARE, str(port)]) as process:
        try:
            wait_until(lambda: answers(port), "the bare server is ready", seconds=20)
            yield _Server(process.pid, port)
        finally:
            process.terminate()


def _first_verdict(report: Report, code: Path, log: Path) -> None:
    """From the start of the process to its first answer."""
    taken, worked = [], []
    for _ in range(_ROUNDS):
        start = perf_counter()
        with redirect_stdout(StringIO()), running(_HANDLER, log, {}, code) as function:
            assert function.ask(chat("hello")).headers["x-meshward-verdict"] == "allow"
            taken.append(perf_counter() - start)
            worked.append(cpu_us(function.process.pid))
    what = "first verdict after the start of the process"
    report.add(
        what,
        f"{median(taken) * 1e3:.0f} ms, {median(worked) / 1e3:.0f} ms of CPU",
        "",
        None,
        "at most 450 ms",
    )
