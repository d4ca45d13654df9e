"""The Wasm machine of a plugin, and what the plugin asks of Envoy in it (proxy-wasm 0.2.1).

    plugin ──proxy_*──▶ Machine: header maps, buffers, callouts, answers, log, clock

It keeps to what Envoy 1.40 was seen to do: headers that have gone on are out of reach, buffers are
replaced whole, a gone stream cannot be entered. wasm_host.py drives it from Envoy's side.
"""

import functools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from wasmtime import Func, FuncType, Linker, Memory, Store

from tests.contract.compiled import Compiled
from tests.contract.proxy_wasm import (
    BAD_ARGUMENT,
    INTERNAL_FAILURE,
    INVALID_MEMORY_ACCESS,
    LEVELS,
    NOT_FOUND,
    OK,
    Callout,
    Headers,
    LocalResponse,
    Reply,
    SharedData,
    Stream,
    parsed,
    serialised,
)
from tests.contract.wasm_telemetry import Telemetry

_FUEL: Final = 1 << 60
START_NS: Final = 1_800_000_000 * 10**9


@dataclass
class Machine(Telemetry):
    """The plugin in its own Wasm machine. `refused` names host calls that fail from now on."""

    compiled: Compiled
    node: dict[str, str] = field(default_factory=dict)
    clusters: set[str] = field(default_factory=set)
    now_ns: int = START_NS
    refused: set[str] = field(default_factory=set)
    log: list[tuple[str, str]] = field(default_factory=list)
    callouts: list[Callout] = field(default_factory=list)
    ticks_ms: dict[int, int] = field(default_factory=dict)
    """How often each plugin wants to be woken; those that do not are 0 or not there."""
    shared: SharedData = field(default_factory=SharedData)

    def __post_init__(self) -> None:
        super().__init__()
        self._streams: dict[int, Stream] = {}
        self._contexts = 0
        self._next_token = 1
        self._effective = 0
        self._configuration = b""
        self._answer: tuple[Headers, bytes] = ([], b"")
        self._store = Store(self.compiled.engine)
        self.crossings = 0
        if self.compiled.counts:
            self._store.set_fuel(_FUEL)
        linker = Linker(self.compiled.engine)
        for imported in self.compiled.module.imports:
            function = getattr(self, f"_{imported.name}")
            guarded = self._fail_if_refused(str(imported.name), function)
            assert isinstance(imported.type, FuncType)
            linker.define_func(imported.module, str(imported.name), imported.type, guarded)
        self._exports = linker.instantiate(self._store, self.compiled.module).exports(self._store)
        memory = self._exports["memory"]
        assert isinstance(memory, Memory)
        self._memory = memory
        self._call("proxy_on_vm_start", 1, 0)

    @property
    def memory_bytes(self) -> int:
        return self._memory.data_len(self._store)

    @property
    def instructions(self) -> int:
        """Carried out so far, where the plugin was compiled to count them."""
        return _FUEL - self._store.get_fuel()

    def _call(self, name: str, *arguments: int) -> int:
        self.crossings += 1
        function = self._exports[name]
        assert isinstance(function, Func)
        return int(function(self._store, *arguments) or 0)

    def _fail_if_refused(self, name: str, function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def call(*arguments: int) -> int:
            # wasmtime hands over signed numbers; addresses and lengths have no sign.
            plain = (argument & 0xFFFFFFFF for argument in arguments)
            self.crossings += 1
            return INTERNAL_FAILURE if name in self.refused else function(*plain)

        return call

    def _proxy_log(self, level: int, address: int, size: int) -> int:
        self.log.append((LEVELS[level], self._read(address, size).decode()))
        return OK

    def _proxy_get_current_time_nanoseconds(self, result: int) -> int:
        self._write(struct.pack("<Q", self.now_ns), result)
        return OK

    def _proxy_get_property(self, address: int, size: int, value: int, value_size: int) -> int:
        steps = self._read(address, size).decode().split("\0")
        if steps == ["response", "code_details"]:
            return self._give(self._reply().origin.encode(), value, value_size)
        if steps[:-1] != ["xds", "node", "metadata"] or steps[-1] not in self.node:
            return NOT_FOUND
        return self._give(self.node[steps[-1]].encode(), value, value_size)

    def _proxy_get_buffer_bytes(
        self, kind: int, start: int, length: int, value: int, size: int
    ) -> int:
        match kind:
            case 0:
                if self._stream().headers is None and not self._stream().body:
                    return NOT_FOUND
                held = self._stream().body
            case 1:
                held = self._reply().held
            case 4:
                held = self._answer[1]
            case 7:
                held = self._configuration
            case _:
                return BAD_ARGUMENT
        return self._give(held[start : start + length], value, size)

    def _proxy_set_buffer_bytes(
        self, kind: int, start: int, length: int, address: int, size: int
    ) -> int:
        stream = self._stream()
        held = stream.body if kind == 0 else self._reply().held
        if kind not in {0, 1} or start != 0 or length < len(held):
            return BAD_ARGUMENT
        if kind == 0:
            stream.body = self._read(address, size)
        else:
            assert stream.reply is not None
            # Envoy holds no buffer then, and would write through a pointer to nothing.
            assert stream.reply.can_be_written, "nothing to write into"
            stream.reply.held = self._read(address, size)
        return OK

    def _proxy_get_header_map_pairs(self, kind: int, value: int, size: int) -> int:
        held = self._map(kind)
        return NOT_FOUND if held is None else self._give(serialised(held), value, size)

    def _proxy_set_header_map_pairs(self, kind: int, address: int, size: int) -> int:
        held = self._map(kind)
        if held is None:
            return BAD_ARGUMENT
        held[:] = parsed(self._read(address, size))
        return OK

    def _proxy_add_header_map_value(
        self, kind: int, name: int, name_size: int, value: int, value_size: int
    ) -> int:
        held = self._map(kind)
        if held is None:
            return BAD_ARGUMENT
        added = self._read(value, value_size).decode("latin-1")
        held.append((self._read(name, name_size).decode(), added))
        return OK

    def _proxy_remove_header_map_value(self, kind: int, address: int, size: int) -> int:
        held = self._map(kind)
        if held is None:
            return BAD_ARGUMENT
        name = self._read(address, size).decode()
        held[:] = [pair for pair in held if pair[0] != name]
        return OK

    def _proxy_http_call(  # noqa: PLR0917 -- the interface has so many
        self,
        cluster: int,
        cluster_size: int,
        headers: int,
        headers_size: int,
        body: int,
        body_size: int,
        _trailers: int,
        _trailers_size: int,
        timeout_ms: int,
        token: int,
    ) -> int:
        name = self._read(cluster, cluster_size).decode()
        if name not in self.clusters:
            return BAD_ARGUMENT
        callout = Callout(
            token=self._next_token,
            cluster=name,
            headers=parsed(self._read(headers, headers_size)),
            body=self._read(body, body_size),
            timeout_ms=timeout_ms,
            sent_ns=self.now_ns,
        )
        self._next_token += 1
        self.callouts.append(callout)
        self._write(struct.pack("<I", callout.token), token)
        return OK

    def _proxy_send_local_response(
        self,
        status: int,
        _details: int,
        _details_size: int,
        body: int,
        body_size: int,
        headers: int,
        headers_size: int,
        _grpc_status: int,
    ) -> int:
        pairs = parsed(self._read(headers, headers_size))
        assert self._stream().response is None, "the shim answered twice"
        self._stream().response = LocalResponse(status, pairs, self._read(body, body_size))
        return OK

    def _proxy_set_tick_period_milliseconds(self, period_ms: int) -> int:
        stream = self._streams.get(self._effective)
        self.ticks_ms[stream.plugin if stream else self._effective] = period_ms
        return OK

    def _proxy_get_shared_data(
        self, name: int, name_size: int, value: int, value_size: int, cas: int
    ) -> int:
        held = self.shared.values.get(self._read(name, name_size).decode())
        if held is None:
            return NOT_FOUND
        self._memory.write(self._store, struct.pack("<I", held[1]), cas)
        return self._give(held[0], value, value_size)

    def _proxy_set_shared_data(
        self, name: int, name_size: int, value: int, value_size: int, cas: int
    ) -> int:
        given = self._read(value, value_size)
        return self.shared.set(self._read(name, name_size).decode(), given, cas)

    def _proxy_continue_stream(self, kind: int) -> int:
        if kind == 1:
            reply = self._reply()
            assert reply.is_held, "the shim let go of what is not held"
            reply.let_go()
            return OK
        assert self._stream().response is None, "the shim answered, and let the request go on"
        self._stream().continued = True
        return OK

    def _proxy_set_effective_context(self, context: int) -> int:
        if context not in self._streams:
            return BAD_ARGUMENT
        self._effective = context
        return OK

    def _stream(self) -> Stream:
        return self._streams[self._effective]

    def _reply(self) -> Reply:
        reply = self._stream().reply
        assert reply is not None
        return reply

    def _map(self, kind: int) -> Headers | None:
        match kind:
            case 0:
                return self._stream().headers
            case 1:
                return self._stream().trailers
            case 2:
                return self._reply().headers
            case 3:
                return self._reply().trailers
            case 6:
                return self._answer[0]
        return None

    def _read(self, address: int, size: int) -> bytes:
        return bytes(self._memory.read(self._store, address, address + size))

    def _write(self, value: bytes, address: int) -> None:
        self._memory.write(self._store, value, address)

    def _give(self, value: bytes, address: int, size: int) -> int:
        """Put `value` into memory that the plugin gives, and say where it lies."""
        at = self._call("proxy_on_memory_allocate", len(value)) & 0xFFFFFFFF if value else 0
        if value and not at:
            return INVALID_MEMORY_ACCESS
        self._write(value, at)
        self._write(struct.pack("<I", at), address)
        self._write(struct.pack("<I", len(value)), size)
        return OK
