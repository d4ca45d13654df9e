"""What the plugin weighs: the file, its load, a worker's memory, and the work for each call."""

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from mesh.sidecar import Sidecar
from tests.bench.least_plugins import least_plugins
from tests.bench.mesh_backend import Backend
from tests.bench.mesh_paths import CHAT, MODELS, many
from tests.bench.mesh_stage import cpu_us
from tests.bench.report import Report
from tests.contract.proxy_wasm import Headers, Stream
from tests.contract.wasm_host import Compiled, Host

_KIB: Final = 1024
_PLUGINS: Final = 40
_STARTS: Final = 5
_CALLS: Final = 1000
_CACHE_ENTRIES: Final = 10_000
_HEADERS: Final[Headers] = [
    (":scheme", "http"),
    ("content-type", "application/json"),
    ("user-agent", "OpenAI/Python 2.0.0"),
    ("x-request-id", "5f3c1e0a-6f6c-4b8e-9d5b-2a3b4c5d6e7f"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
]
_ALLOW: Final[Headers] = [
    (":status", "200"),
    ("x-meshward-contract", "1"),
    ("x-meshward-verdict", "allow"),
    ("x-meshward-reason", "rule.none"),
    ("x-meshward-revision", "r1"),
    ("x-meshward-cache-seconds", "60"),
]


def bench(report: Report, shim: Path) -> None:
    """The file, its load in Envoy, and its memory in the tests' Wasm host."""
    report.add("shim.wasm", f"{shim.stat().st_size:,} bytes", "", None, "under 49,152")
    if sys.platform == "linux":
        _loading(report, shim)
    else:
        report.leave_out("time to load: only Linux tells a process's CPU time in /proc")
    compiled = Compiled.of(shim, counts=True)
    _memory(report, compiled)
    _work(report, compiled)


def _loading(report: Report, shim: Path) -> None:
    """Envoy's CPU time for each plugin more, with a machine of its own for each.

    Most of it is V8's own: an empty plugin takes as long but for what the shim itself adds. The
    main thread and the worker load one each.
    """
    backend = Backend.on_free_ports()
    with tempfile.TemporaryDirectory() as folder:
        empty = least_plugins(Path(folder))["empty"]
        starts = {"none": many(shim, backend, 0)}
        starts |= {"empty": many(empty, backend, _PLUGINS), "shim": many(shim, backend, _PLUGINS)}
        taken: dict[str, list[float]] = {name: [] for name in starts}
        for _ in range(_STARTS):
            for name, config in starts.items():
                with Sidecar.start(config) as sidecar:
                    taken[name].append(cpu_us(sidecar.pid) / 1000)
    none, *loaded = (median(times) for times in taken.values())
    empty_ms, shim_ms = ((each - none) / (2 * _PLUGINS) for each in loaded)
    report.add(
        "loaded in Envoy",
        f"{shim_ms:.1f} ms of CPU",
        f"empty plugin {empty_ms:.1f} ms",
        None,
        "under 5 ms",
    )


def _memory(report: Report, compiled: Compiled) -> None:
    host, plugin = _loaded(compiled, {})
    report.add("memory of a worker, at rest", _kib(host), "", None, "under 1,024 KiB")
    before = host.memory_bytes
    _overlapping(host, plugin, _CALLS, 1_000)
    what = f"… after {_CALLS:,} calls of 1 KB at a time"
    report.add(what, _kib(host), "", None, "under 1,024 KiB")
    _overlapping(host, plugin, 100, 1_000_000)
    report.add("… and after bodies of 1 MB", _kib(host), "", None, "no goal")
    cached, _ = _loaded(compiled, {"cache": {"entries": _CACHE_ENTRIES, "seconds": 60}})
    added = (cached.memory_bytes - before) // _KIB
    what = f"a cache of {_CACHE_ENTRIES:,} allows adds"
    report.add(what, f"{added:,} KiB", "", None, "no goal")


def _work(report: Report, compiled: Compiled) -> None:
    """What is the same on any machine: instructions, and calls between plugin and host."""
    cached = {"cache": {"entries": 4, "seconds": 60}}
    for what, changed, body_bytes in (
        ("one check, 1 KB", {}, 1_000),
        ("one check, 100 KB", {}, 100_000),
        ("a cached allow, 1 KB", cached, 1_000),
        ("key injection alone", {"body": "hold"}, 0),
    ):
        host, plugin = _loaded(compiled, changed)
        for _ in range(2):  # the first call of all also sets up what the others use
            instructions, crossings = host.instructions, host.crossings
            _call(host, plugin, body_bytes)
        instructions = host.instructions - instructions
        told = f"{instructions:,} instructions"
        report.add(what, told, f"{host.crossings - crossings} crossings", None, "no goal")


def _call(host: Host, plugin: int, body_bytes: int) -> None:
    """A call and its answer; without a body it is one that needs no check."""
    asked = len(host.callouts)
    path = CHAT if body_bytes else MODELS
    stream, _ = host.open(plugin, _request(path), end=body_bytes == 0)
    host.headers_gone(stream)
    if body_bytes:
        host.body(stream, bytes(body_bytes), end=True)
    for callout in host.callouts[asked:]:
        host.answer(plugin, callout, _ALLOW, b"")
    host.reply(stream, [(":status", "200"), ("content-type", "application/json")])
    host.reply_body(stream, b"{}", end=True)
    host.close(stream.context)


def _loaded(compiled: Compiled, changed: dict[str, Any]) -> tuple[Host, int]:
    host = Host(compiled, clusters={"check"})
    denial = {"path_prefix": "/", "content_type": "text/plain", "body": "{reason}"}
    credential = {"header": "authorization", "prefix": "Bearer ", "key": "sk-own"}
    check = {
        "name": "check",
        "stage": 1,
        "cluster": "check",
        "authority": "check.test",
        "timeout_ms": 500,
    }
    configuration = {
        "contract": 1,
        "policy": "default",
        "body": "portable",
        "signing_secrets": ["0123456789abcdef0123456789abcdef"],
        "hosts": [
            {
                "name": "api.test",
                "credential": credential,
                "denials": [denial],
                "unchecked": [MODELS],
            }
        ],
        "checks": [check],
        **changed,
    }
    plugin = host.load(json.dumps(configuration))
    assert plugin is not None, host.log
    return host, plugin


def _overlapping(host: Host, plugin: int, count: int, body_bytes: int) -> None:
    """So many calls at a time: none is answered before all are held."""
    streams: list[Stream] = []
    first = len(host.callouts)
    for _ in range(count):
        stream, _ = host.open(plugin, _request(CHAT), end=False)
        host.body(stream, bytes(body_bytes), end=True)
        stream.body = b""
        host.callouts[-1].body = b""
        streams.append(stream)
    for callout in host.callouts[first:]:
        host.answer(plugin, callout, _ALLOW, b"")
    for stream in streams:
        assert stream.continued
        host.close(stream.context)


def _request(path: str) -> Headers:
    return [(":method", "POST"), (":authority", "api.test"), (":path", path), *_HEADERS]


def _kib(host: Host) -> str:
    return f"{host.memory_bytes // _KIB:,} KiB"
