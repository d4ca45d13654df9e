"""Every host call of whole lives of a call refused in turn: the audit of every host status.

    life ──▶ played once ──▶ its host calls, counted ──▶ played once for each, which then fails

Whatever fails: no trap, one outcome, nothing unjudged on either side, and every waiting ends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from tests.contract.proxy_wasm import BAD_ARGUMENT, GO, INTERNAL_FAILURE, NOT_FOUND, Headers, Stream
from tests.contract.scenarios import Form
from tests.contract.test_wasm import CHECK, configuration
from tests.contract.test_wasm_faults import ALLOW, MASK
from tests.contract.wasm_host import Compiled, Host
from tests.contract.wasm_worker import BROKER, BY_BROKER, Worker

BODY, MASKED = b"a prompt", b"masked"
FORBIDDEN = b"forbidden"
DENY: Headers = [
    ("x-meshward-verdict", "deny"),
    ("x-meshward-reason", "rule.matched"),
    ("x-meshward-status", "403"),
    ("content-type", "text/plain"),
    *ALLOW[:2],
    *ALLOW[4:],
]
EVER = 10**6
UNSAYABLE: Final = {"proxy_send_local_response", "proxy_set_effective_context"}
"""Where these fail, the message stays held: there is no other way to say or to end it."""


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


@dataclass
class Life:
    """A call with a checked request and a checked response, and what came of it."""

    worker: Worker
    form: Form
    streamed: bool = False
    end: bool = False
    upstream: Headers | None = None
    asked: set[str] = field(default_factory=set)
    answered: int = 0

    def run(self) -> Stream:
        host, plugin = self.worker.host, self.worker.plugin
        headers = [
            (":method", "POST"),
            (":authority", "api.test"),
            (":path", "/v1/x?key=app"),
            ("authorization", "Bearer app"),
        ]
        if not self.end:
            headers.append(("content-length", str(len(BODY))))
        stream, flow = host.open(plugin, headers, self.end)
        if self.form == "portable" and not self.end:
            flow = self._headers_go(stream, flow)
        if not self.end and stream.response is None and (self.form == "hold" or self.upstream):
            flow = host.body(stream, BODY, end=True)
        self._settle()
        if stream.response is None and (flow == GO or stream.continued):
            self.upstream = self.upstream or host.headers_gone(stream)
            assert self.asked == {"request"}, "the body went before its check"
            assert stream.body == (b"" if self.end else MASKED)
            self._reply(stream)
        return stream

    def _headers_go(self, stream: Stream, flow: int) -> int:
        if flow != GO:
            self._settle()
        if stream.response is None and (flow == GO or stream.continued):
            self.upstream = self.worker.host.headers_gone(stream)
            stream.continued = False
        return flow

    def _reply(self, stream: Stream) -> None:
        host = self.worker.host
        kind = "text/event-stream" if self.streamed else "application/json"
        host.reply(stream, [(":status", "200"), ("content-type", kind), ("content-length", "20")])
        for piece, end in ((b"good ", False), (FORBIDDEN, False), (b" end", True)):
            if stream.response is not None:
                return
            host.reply_body(stream, piece, end)
            if self.streamed:
                self._settle()
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
                self.asked.add(phase)
                if phase == "response" and FORBIDDEN in callout.body:
                    host.answer(plugin, callout, DENY, b"denied")
                elif phase == "request" and callout.body:
                    host.answer(plugin, callout, MASK, MASKED)
                else:
                    host.answer(plugin, callout, ALLOW, b"")
            if not host.tick_ms(plugin):
                return
            host.tick(plugin)


def _inline(form: Form) -> dict[str, Any]:
    return {"body": form}


def _awaited(form: Form) -> dict[str, Any]:
    return {"body": form, "credential": BY_BROKER, "broker": BROKER}


def _in_query(form: Form) -> dict[str, Any]:
    return {"body": form, "credential": {"query": "key", "prefix": ""}, "broker": BROKER}


LIVES: dict[str, tuple[Callable[[Form], dict[str, Any]], dict[str, bool]]] = {
    "a whole answer": (_inline, {}),
    "a stream": (_inline, {"streamed": True}),
    "no body": (_inline, {"end": True}),
    "keys awaited": (_awaited, {"streamed": True}),
    "keys awaited, in the query": (_in_query, {"end": True}),
}


def lived(
    shim: Compiled, life: str, form: Form, fails_at: int, status: int = INTERNAL_FAILURE
) -> tuple[FaultyHost, Life, Stream | None]:
    """Play a life in which this host call fails; no stream where the plugin did not load."""
    changed, kind = LIVES[life]
    check = {**CHECK, "phases": ["request", "response"]}
    text = configuration(["api.test"], check=check, window={"ms": 50}, **changed(form))
    worker = Worker(shim, text=text)
    host = FaultyHost(shim, clusters={"check", "broker"})
    host.fails_at, host.fails_with = fails_at, status
    played = Life(worker, form, kind.get("streamed", False), kind.get("end", False))
    worker.host = host
    plugin = host.load(text)
    if plugin is None:
        return host, played, None
    worker.plugin = plugin
    return host, played, played.run()


def holds(host: FaultyHost, life: Life, stream: Stream) -> None:
    """What must hold, whatever failed."""
    if life.upstream is not None and stream.response is None:
        sent = dict(life.upstream)
        assert "app" not in f"{sent.get('authorization')} {sent[':path']}", "the caller's key went"
    reply = stream.reply
    if reply is not None:
        assert FORBIDDEN not in reply.sent, "a denied answer came through"
    log = "\n".join(line for _, line in host.log)
    assert "sk-" not in log
    if host.failed in UNSAYABLE:
        return
    is_over = stream.response is not None or (reply is not None and not reply.is_held)
    assert is_over, f"{host.failed} failed, and the call is held for ever"


def moments() -> Iterator[tuple[str, Form]]:
    for life in LIVES:
        yield life, "hold"
        yield life, "portable"


@pytest.mark.parametrize(("life", "form"), list(moments()))
def test_whichever_host_call_fails_the_call_ends_and_nothing_unjudged_comes_through(
    shim: Compiled, life: str, form: Form
) -> None:
    whole, played, stream = lived(shim, life, form, EVER)
    assert stream is not None
    assert played.asked == {"request", "response"}
    count = len(whole.host_calls)
    statuses = (INTERNAL_FAILURE, BAD_ARGUMENT, NOT_FOUND)
    for number in range(1, count + 1):
        host, played, stream = lived(shim, life, form, number, statuses[number % len(statuses)])
        if stream is not None:
            holds(host, played, stream)


def test_a_host_that_makes_no_ticks_has_windows_judged_as_they_come(shim: Compiled) -> None:
    check = {**CHECK, "phases": ["response"]}
    text = configuration(["api.test"], check=check, window={"ms": 50})
    host = Host(shim, clusters={"check"}, refused={"proxy_set_tick_period_milliseconds"})
    plugin = host.load(text)
    assert plugin is not None
    stream, _ = host.open(
        plugin, [(":method", "GET"), (":authority", "api.test"), (":path", "/")], True
    )
    host.headers_gone(stream)
    host.reply(stream, [(":status", "200"), ("content-type", "text/event-stream")])
    for number, piece in enumerate((b"one", b"two", b"three")):
        host.reply_body(stream, piece)
        assert host.callouts[number].body == piece
        host.answer(plugin, host.callouts[number], ALLOW, b"")
