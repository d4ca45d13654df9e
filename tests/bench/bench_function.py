"""deny-pattern as a process: calls per second against a bare server, and the first verdict."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import httpx

from functions.verdict.contract import VERDICT_PATH
from infra.deploy import package
from infra.ports import free_port
from tests.bench.load import load
from tests.bench.report import Report
from tests.bench.rule_sets import text
from tests.functions.running import callout, chat, running, signed
from tests.support.waiting import wait_until

_HANDLER: Final = "functions.deny_pattern.handler"
_ROUNDS: Final = 3
_CALLS: Final = 1500
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
    """Both rows; the function runs out of its package, with its rules compiled."""
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
            _throughput(report, function.client.base_url.port or 0, bare)


def _request() -> bytes:
    body = chat(text("en", 900))
    lines = [f"POST {VERDICT_PATH} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in signed(callout(), body)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _throughput(report: Report, function: int, bare: int) -> None:
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        theirs.append(load(bare, _request(), _CONNECTIONS, _CALLS).per_second)
        ours.append(load(function, _request(), _CONNECTIONS, _CALLS).per_second)
    rate, most = median(ours), median(theirs)
    what = "calls per second, 1 KB, 32 in flight, against a bare Starlette app"
    report.add(what, f"{rate:.0f}", f"{most:.0f}", rate / most, "at least 0.90")


@contextmanager
def _bare() -> Iterator[int]:
    """A Starlette application that reads the body and gives a fixed answer; its port."""
    port = free_port().number
    with subprocess.Popen([sys.executable, "-c", _BARE, str(port)]) as process:
        try:
            wait_until(lambda: _answers(port), "the bare server is ready", seconds=20)
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        return bool(httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code)
    except httpx.TransportError:
        return False


def _first_verdict(report: Report, code: Path, log: Path) -> None:
    """From the start of the process to its first answer."""
    taken = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        with redirect_stdout(StringIO()), running(_HANDLER, log, {}, code) as function:
            assert function.ask(chat("hello")).headers["x-meshward-verdict"] == "allow"
            taken.append(perf_counter() - start)
    what = "first verdict after the start of the process"
    report.add(what, f"{median(taken) * 1e3:.0f} ms", "", None, "at most 450 ms")
