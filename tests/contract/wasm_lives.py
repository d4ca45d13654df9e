"""Lives of calls in which one host call fails, as test_wasm_statuses.py plays them.

    Kind ──▶ Life.run ──▶ Call for each of its calls: what went up, what was asked, what came back

A life knows what must not go up unjudged; what must hold beside that, the tests say.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.contract.proxy_wasm import GO, INTERNAL_FAILURE, Headers, Stream
from tests.contract.scenarios import Form
from tests.contract.test_wasm import CHECK, configuration
from tests.contract.test_wasm_faults import ALLOW, MASK
from tests.contract.wasm_host import Compiled, Host
from tests.contract.wasm_worker import BROKER, BY_BROKER, Worker

BODY, MASKED = b"a prompt", b"masked"
FORBIDDEN = b"forbidden"
DENY: Final[Headers] = [
    ("x-meshward-verdict", "deny"),
    ("x-meshward-reason", "rule.matched"),
    ("x-meshward-status", "403"),
    ("content-type", "text/plain"),
    *ALLOW[:2],
    *ALLOW[4:],
]
REUSED: Final[Headers] = [
    *(pair for pair in ALLOW if pair[0] != "x-meshward-cache-seconds"),
    ("x-meshward-cache-seconds", "60"),
]
TRAILERS: Final[Headers] = [("x-late", "value")]
EVER: Final = 10**6


class FaultyHost(Host):
    """Counts the plugin's host calls by name; the one with the number `fails_at` fails."""

    fails_at = EVER
    fails_with = INTERNAL_FAILURE

    def __post_init__(self) -> None:
        self.host_calls: list[str] = []
        super().__post_init__()

    @property
    def failed(self) -> str:
        """The host call that failed; "" where there were fewer of them."""
        return self.host_calls[self.fails_at - 1] if self.fails_at <= len(self.host_calls) else ""

    def _fail_if_refused(self, name: str, function: Callable[..., int]) -> Callable[..., int]:
        call = super()._fail_if_refused(name, function)

        def counted(*arguments: int) -> int:
            self.host_calls.append(name)
            return self.fails_with if len(self.host_calls) == self.fails_at else call(*arguments)

        return counted


class FaultyWorker(Worker):
    """A worker that is given its machine."""

    def __post_init__(self) -> None:
        """None is made for it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is particular to a life: of its configuration, and of its messages."""

    changed: dict[str, Any] = field(default_factory=dict)
    streamed: bool = False
    end: bool = False
    trailers: bool = False
    statuses: tuple[int, ...] = (200,)
    """What the provider answers to each of its calls."""

    @property
    def is_cached(self) -> bool:
        return "cache" in self.changed


_OWN_KEYS: Final = {"header": "authorization", "prefix": "Bearer ", "keys": ["sk-one", "sk-two"]}
_IN_QUERY: Final = {"query": "key", "prefix": ""}
LIVES: Final = {
    "a whole answer": Kind(),
    "a stream": Kind(streamed=True),
    "no body": Kind(end=True),
    "trailers": Kind(trailers=True),
    "a stream with trailers": Kind(trailers=True, streamed=True),
    "keys awaited": Kind({"credential": BY_BROKER, "broker": BROKER}, streamed=True),
    "keys awaited, in the query": Kind({"credential": _IN_QUERY, "broker": BROKER}, end=True),
    "an allow that is remembered": Kind(
        {"cache": {"entries": 4, "seconds": 60}}, statuses=(200, 200)
    ),
    "a key that is put to rest": Kind({"credential": _OWN_KEYS}, statuses=(401, 200)),
}


@dataclass
class Call:
    """A call with a checked request and a checked response, and what came of it."""

    stream: Stream
    upstream: Headers | None = None
    asked: set[str] = field(default_factory=set)


@dataclass
class Life:
    """One call, or two alike after each other."""

    worker: Worker
    form: Form
    kind: Kind
    calls: list[Call] = field(default_factory=list)
    answered: int = 0
    is_remembered: bool = False
    """A request has been allowed for a while."""

    def run(self) -> None:
        for status in self.kind.statuses:
            self._play(status)

    def _play(self, status: int) -> None:
        host, plugin = self.worker.host, self.worker.plugin
        headers = [
            (":method", "POST"),
            (":authority", "api.test"),
            (":path", "/v1/x?key=app"),
            ("authorization", "Bearer app"),
        ]
        if not self.kind.end:
            headers.append(("content-length", str(len(BODY))))
        stream, flow = host.open(plugin, headers, self.kind.end)
        call = Call(stream)
        self.calls.append(call)
        if self.form == "portable" and not self.kind.end:
            flow = self._headers_go(call, flow)
        if not self.kind.end and stream.response is None and (self.form == "hold" or call.upstream):
            flow = host.body(stream, BODY, end=not self.kind.trailers)
            if self.kind.trailers and stream.response is None:
                flow = host.end_with(stream, TRAILERS)
        self._settle()
        if stream.response is None and (flow == GO or stream.continued):
            call.upstream = call.upstream or host.headers_gone(stream)
            self._reaches_the_provider(call)
            self._reply(stream, status)

    def _headers_go(self, call: Call, flow: int) -> int:
        stream = call.stream
        if flow != GO:
            self._settle()
        if stream.response is None and (flow == GO or stream.continued):
            call.upstream = self.worker.host.headers_gone(stream)
            stream.continued = False
        return flow

    def _reaches_the_provider(self, call: Call) -> None:
        """What goes on has been judged, or is just like what was allowed; no trailer goes on."""
        if self.kind.is_cached:
            assert call.asked == {"request"} or self.is_remembered
            assert call.stream.body == BODY
        else:
            assert call.asked == {"request"}, "the body went before its check"
            assert call.stream.body == (b"" if self.kind.end else MASKED)
        assert not call.stream.trailers, "trailers went unjudged"

    def _reply(self, stream: Stream, status: int) -> None:
        host = self.worker.host
        kind = "text/event-stream" if self.kind.streamed else "application/json"
        headers = [(":status", str(status)), ("content-type", kind), ("content-length", "20")]
        host.reply(stream, [*headers, ("retry-after", "7")])
        for piece, is_last in ((b"good ", False), (FORBIDDEN, False), (b" end", True)):
            if stream.response is not None:
                return
            host.reply_body(stream, piece, is_last and not self.kind.trailers)
            if self.kind.streamed:
                self._settle()
        if self.kind.trailers and stream.response is None:
            host.reply_trailers(stream, TRAILERS)
        self._settle()

    def _settle(self) -> None:
        """Answer what is asked, and wake the plugin, until nothing more comes of it."""
        host, plugin = self.worker.host, self.worker.plugin
        for _ in range(12):
            while self.answered < len(host.callouts):
                callout = host.callouts[self.answered]
                self.answered += 1
                if callout.cluster == "broker":
                    self.worker.give(callout)
                    continue
                phase = dict(callout.headers)["x-meshward-phase"]
                self.calls[-1].asked.add(phase)
                if phase == "response" and FORBIDDEN in callout.body:
                    host.answer(plugin, callout, DENY, b"denied")
                elif phase == "request" and self.kind.is_cached:
                    host.answer(plugin, callout, REUSED, b"")
                    self.is_remembered = True
                elif phase == "request" and callout.body:
                    host.answer(plugin, callout, MASK, MASKED)
                else:
                    host.answer(plugin, callout, ALLOW, b"")
            if not host.tick_ms(plugin):
                return
            host.tick(plugin)


def lived(
    shim: Compiled, life: str, form: Form, fails_at: int = EVER, status: int = INTERNAL_FAILURE
) -> tuple[FaultyHost, Life]:
    """Play a life in which this host call fails; without calls where the plugin did not load."""
    kind = LIVES[life]
    check = {**CHECK, "phases": ["request", "response"]}
    text = configuration(
        ["api.test"], check=check, **{"body": form, "window": {"ms": 50}, **kind.changed}
    )
    worker = FaultyWorker(shim, text=text)
    host = FaultyHost(shim, clusters={"check", "broker"})
    host.fails_at, host.fails_with = fails_at, status
    worker.host = host
    played = Life(worker, form, kind)
    plugin = host.load(text)
    if plugin is not None:
        worker.plugin = plugin
        played.run()
    return host, played
