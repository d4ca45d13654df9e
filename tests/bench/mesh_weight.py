"""What the plugin weighs: bytes of the file, time to load, and memory of one worker."""

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from wasmtime import wat2wasm

from mesh.sidecar import Sidecar
from tests.bench.mesh_backend import Backend
from tests.bench.mesh_paths import many
from tests.bench.mesh_stage import cpu_us
from tests.bench.report import Report
from tests.contract.proxy_wasm import Headers, Stream
from tests.contract.wasm_host import Compiled, Host

_KIB: Final = 1024
_PLUGINS: Final = 40
_STARTS: Final = 5
_CALLS: Final = 1000
_EMPTY: Final = """
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024)))
"""
_CACHE_ENTRIES: Final = 10_000
_REQUEST: Final[Headers] = [
    (":method", "POST"),
    (":authority", "api.test"),
    (":path", "/compatible-mode/v1/chat/completions"),
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
    _memory(report, Compiled.of(shim))


def _loading(report: Report, shim: Path) -> None:
    """Envoy's CPU time for each plugin more, with a machine of its own for each.

    Most of it is V8's own: an empty plugin takes as long but for what the shim itself adds. The
    main thread and the worker load one each.
    """
    backend = Backend.on_free_ports()
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.wasm"
        empty.write_bytes(wat2wasm(_EMPTY))
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
        "hosts": [{"name": "api.test", "credential": credential, "denials": [denial]}],
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
        stream, _ = host.open(plugin, _REQUEST, end=False)
        host.body(stream, bytes(body_bytes), end=True)
        stream.body = b""
        host.callouts[-1].body = b""
        streams.append(stream)
    for callout in host.callouts[first:]:
        host.answer(plugin, callout, _ALLOW, b"")
    for stream in streams:
        assert stream.continued
        host.close(stream.context)


def _kib(host: Host) -> str:
    return f"{host.memory_bytes // _KIB:,} KiB"
