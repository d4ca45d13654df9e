"""wrk, the load generator: some connections, each asking again as soon as it has its answer.

Unlike `load`, it is fast enough to be the smaller part of what is measured, an Envoy.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MISSING: Final = "wrk is not installed: apt-get install wrk, or brew install wrk"
_PATIENCE_SECONDS: Final = 30.0
_SCRIPT: Final = """
wrk.headers["Host"] = "{host}"
local file = assert(io.open("{body}", "rb"))
local body = file:read("*a")
file:close()
if #body > 0 then
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = body
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '{{"calls": %d, "microseconds": %d, "failed": %d, "p50": %.1f, "p99": %.1f}}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
"""


class WrkError(Exception):
    """Calls failed, or wrk did."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a load; latencies in microseconds."""

    per_second: float
    p50: float
    p99: float
    calls: int


def available() -> bool:
    """Whether wrk can be run."""
    return shutil.which("wrk") is not None


@dataclass(frozen=True, slots=True)
class Wrk:
    """A script that calls one path of one host, with one body or none."""

    script: Path
    path: str

    def run(self, port: int, connections: int, seconds: int) -> Run:
        """Load `port` on loopback. Raises `WrkError` unless every call was answered below 400."""
        command = ["wrk", "--threads", "1", "--connections", str(connections)]
        command += ["--duration", f"{seconds}s", "--script", str(self.script)]
        command += [f"http://127.0.0.1:{port}{self.path}"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + _PATIENCE_SECONDS,
        )
        if done.returncode != 0:
            raise WrkError(done.stdout + done.stderr)
        said = json.loads(done.stdout.rstrip().rpartition("\n")[2])
        if said["failed"] or not said["calls"]:
            raise WrkError(f"{said['failed']} of {said['calls']} calls failed at port {port}")
        per_second = said["calls"] / said["microseconds"] * 1e6
        return Run(per_second, said["p50"], said["p99"], said["calls"])


@contextmanager
def wrk(host: str, path: str, body: bytes) -> Iterator[Wrk]:
    """wrk that posts `body` to `path` of `host`, or gets it where `body` is empty."""
    with tempfile.TemporaryDirectory() as folder:
        script, content = Path(folder) / "post.lua", Path(folder) / "body"
        content.write_bytes(body)
        script.write_text(_SCRIPT.format(host=host, body=content))
        yield Wrk(script, path)
