"""A small proxy-wasm host for tests: Envoy's side of the shim, in wasmtime.

Host ── loads the plugin, owns clock, log and callouts
  └── Stream ── one request: headers, held body, how the shim answered, whether it went on
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.contract.compiled import Compiled
from tests.contract.proxy_wasm import DROP, FROM_PROVIDER, GO, Callout, Headers, Reply, Stream
from tests.contract.wasm_machine import Machine

__all__ = ["Compiled", "Host"]


class Host(Machine):
    """The plugin in its own Wasm machine. `refused` names host calls that fail from now on."""

    def load(self, configuration: str) -> int | None:
        """The plugin's context with this configuration, or None where it refuses to load."""
        self._contexts += 1
        plugin = self._contexts
        self._call("proxy_on_context_create", plugin, 0)
        self._configuration = configuration.encode()
        with self._in(plugin):
            loaded = self._call("proxy_on_configure", plugin, len(self._configuration))
        return plugin if loaded else None

    def open(self, plugin: int, headers: Headers, end: bool) -> tuple[Stream, int]:
        """A new stream of `plugin`, and what the shim does with its headers."""
        self._contexts += 1
        lower = [(name.lower(), value) for name, value in headers]
        stream = Stream(context=self._contexts, plugin=plugin, headers=lower)
        self._streams[stream.context] = stream
        self._call("proxy_on_context_create", stream.context, plugin)
        flow = self._callback("headers", stream, len(headers), int(end))
        return stream, flow

    def headers_gone(self, stream: Stream) -> Headers:
        """Take the headers, which have gone on; nobody can see or change them any more."""
        gone, stream.headers = stream.headers or [], None
        return gone

    def body(self, stream: Stream, chunk: bytes, end: bool) -> int:
        stream.body += chunk
        return self._callback("body", stream, len(stream.body), int(end))

    def end_with(self, stream: Stream, trailers: Headers) -> int:
        stream.trailers = list(trailers)
        return self._callback("trailers", stream, len(trailers))

    def answer(self, plugin: int, callout: Callout, headers: Headers, body: bytes) -> None:
        """The answer to a callout; without headers it failed on the way."""
        self._answer = ([(name.lower(), value) for name, value in headers], body)
        with self._in(plugin):
            self._call(
                "proxy_on_http_call_response", plugin, callout.token, len(headers), len(body), 0
            )

    def reply(
        self, stream: Stream, headers: Headers, end: bool = False, origin: str = FROM_PROVIDER
    ) -> int:
        """The provider answers, or Envoy from another `origin`; what the shim does with it."""
        lower = [(name.lower(), value) for name, value in headers]
        reply = stream.reply = Reply(headers=lower, origin=origin, has_ended=end)
        flow = self._reply_callback("headers", stream, len(headers), int(end))
        reply.is_held = flow != GO
        if flow == GO:
            reply.let_go()
        return flow

    def reply_body(self, stream: Stream, chunk: bytes, end: bool = False) -> int:
        assert stream.reply is not None
        reply = stream.reply
        reply.held += chunk
        reply.has_ended, reply.can_be_written = end, True
        flow = self._reply_callback("body", stream, len(reply.held), int(end))
        reply.is_held = flow != GO
        if flow == GO:
            reply.let_go()
        elif flow == DROP:
            reply.held = b""
        return flow

    def reply_trailers(self, stream: Stream, trailers: Headers) -> int:
        assert stream.reply is not None
        reply = stream.reply
        reply.trailers, reply.has_ended = list(trailers), True
        flow = self._reply_callback("trailers", stream, len(trailers))
        reply.is_held = flow != GO
        if flow == GO:
            reply.let_go()
        return flow

    def tick(self, plugin: int) -> None:
        """The time that the plugin asked to be woken after has passed."""
        self.now_ns += self.tick_ms(plugin) * 10**6
        with self._in(plugin):
            self._call("proxy_on_tick", plugin)

    def tick_ms(self, plugin: int) -> int:
        """How often the plugin is to be woken; 0: not at all."""
        return self.ticks_ms.get(plugin, 0)

    def _reply_callback(self, what: str, stream: Stream, *arguments: int) -> int:
        with self._in(stream.context):
            return self._call(f"proxy_on_response_{what}", stream.context, *arguments)

    def close(self, context: int) -> None:
        """A stream or a plugin is over."""
        self._call("proxy_on_delete", context)
        self._streams.pop(context, None)

    def _callback(self, what: str, stream: Stream, *arguments: int) -> int:
        with self._in(stream.context):
            return self._call(f"proxy_on_request_{what}", stream.context, *arguments)

    @contextmanager
    def _in(self, context: int) -> Iterator[None]:
        self._effective = context
        yield
        self._effective = 0
