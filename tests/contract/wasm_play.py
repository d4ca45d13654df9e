"""Plays a call through the plugin as Envoy does, with a clock that only the play moves.

    headers ──▶ body ──▶ end or trailers ──▶ answers to callouts, each at its time
            ──▶ the provider's response, in the same way ──▶ outcome

What the play knows of Envoy: in the form *portable* a held request gets no body callbacks; headers
that went on are gone; a callout ends at its timeout with Envoy's own 504, which bears no date.
"""

from collections import Counter, deque
from dataclasses import dataclass, field

from tests.contract.proxy_wasm import (
    DROP,
    GO,
    HOLD,
    Callout,
    Headers,
    LocalResponse,
    Reply,
    Stream,
)
from tests.contract.scenarios import Answer, Form, Provider, Request
from tests.contract.wasm_host import Host

DATE = ("date", "Mon, 23 Nov 2026 17:00:00 GMT")
NS_PER_MS = 1_000_000


@dataclass
class Played:
    """What came of a call. `upstream` is None where not even headers went on."""

    response: LocalResponse | None = None
    reply: Reply | None = None
    upstream: Headers | None = None
    body: bytes | None = None
    trailers: Headers | None = None
    callouts: list[Callout] = field(default_factory=list)

    def callouts_to(self, cluster: str) -> list[Callout]:
        return [callout for callout in self.callouts if callout.cluster == cluster]


@dataclass
class Play:
    """One call through the plugin `plugin` of `host`; `answers` is what each cluster says."""

    host: Host
    plugin: int
    form: Form
    answers: dict[str, list[Answer]]
    scripts: dict[str, deque[Answer]] = field(default_factory=dict)

    def run(self, request: Request, provider: Provider | None = None) -> Played:
        first_callout = len(self.host.callouts)
        self.scripts = {cluster: deque(answers) for cluster, answers in self.answers.items()}
        played = Played()
        stream, flow = self.host.open(self.plugin, _headers_of(request), not request.chunks)
        if flow == GO:
            played.upstream = self.host.headers_gone(stream)
        elif self.form == "portable":
            self._wait_for_a_key(stream)
        if stream.response is None and request.chunks and (flow == GO or self.form == "hold"):
            flow = self._send_body(stream, request)
        if stream.response is None and flow == HOLD:
            self._wait_for_a_key(stream)
            self._answer_callouts(stream, first_callout)
        if flow == GO or stream.continued:
            assert stream.response is None
            played.upstream = played.upstream or self.host.headers_gone(stream)
            played.body, played.trailers = stream.body, stream.trailers
            if provider is not None:
                self._answer(stream, provider)
                played.reply = stream.reply
        played.response = stream.response
        played.callouts = self.host.callouts[first_callout:]
        self.host.close(stream.context)
        return played

    def _wait_for_a_key(self, stream: Stream) -> None:
        """Wake the plugin as long as it asks for that and nothing has become of the call."""
        first = len(self.host.callouts)
        while self.host.tick_ms(self.plugin) and len(self.host.callouts) == first:
            if stream.response is not None or stream.continued:
                return
            self.host.tick(self.plugin)

    def _send_body(self, stream: Stream, request: Request) -> int:
        flow = HOLD
        for index, chunk in enumerate(request.chunks, start=1):
            flow = self.host.body(
                stream, chunk, index == len(request.chunks) and not request.trailers
            )
            if flow == DROP:
                assert stream.response is not None, "a body was dropped and nobody told"
                return flow
        return self.host.end_with(stream, request.trailers) if request.trailers else flow

    def _answer(self, stream: Stream, provider: Provider) -> None:
        """The provider's response, and after each piece of it the answers to what that asked."""
        headers = [(":status", str(provider.status)), DATE, *provider.headers]
        if provider.length is not None:
            headers.append(("content-length", str(provider.length)))
        first = len(self.host.callouts)
        flow = self.host.reply(stream, headers, not provider.chunks)
        for index, chunk in enumerate(provider.chunks, start=1):
            if stream.response is not None or (flow == HOLD and self.form == "portable"):
                break
            is_last = index == len(provider.chunks)
            self.host.reply_body(stream, chunk, is_last and not provider.trailers)
            first = self._answer_callouts(stream, first)
        if provider.trailers and stream.response is None:
            self.host.reply_trailers(stream, provider.trailers)
            self._answer_callouts(stream, first)

    def _answer_callouts(self, stream: Stream, first_callout: int) -> int:
        """Deliver answers in the order of time, until all callouts have theirs."""
        waiting: list[tuple[int, int, Callout, Answer]] = []
        seen = first_callout
        while True:
            for callout in self.host.callouts[seen:]:
                script = self.scripts[callout.cluster]
                answer = script.popleft() if len(script) > 1 else script[0]
                timeout_ns = callout.sent_ns + callout.timeout_ms * NS_PER_MS
                due_ns = callout.sent_ns + answer.after_ms * NS_PER_MS
                due_ns = timeout_ns if answer.kind == "hang" else due_ns
                waiting.append((due_ns, callout.token, callout, answer))
            seen = len(self.host.callouts)
            if not waiting:
                return seen
            waiting.sort(key=lambda each: each[:2])
            due_ns, _, callout, answer = waiting.pop(0)
            self.host.now_ns = max(self.host.now_ns, due_ns)
            decided = stream.response is not None or (stream.continued and not stream.reply)
            self._deliver(callout, answer)
            if decided:
                assert seen == len(self.host.callouts), "a decided call was checked on"

    def _deliver(self, callout: Callout, answer: Answer) -> None:
        match answer.kind:
            case "response":
                headers = [(":status", str(answer.status)), DATE, *answer.headers]
                self.host.answer(self.plugin, callout, headers, answer.body)
            case "hang":
                local = [(":status", "504"), ("content-type", "text/plain")]
                self.host.answer(self.plugin, callout, local, b"upstream request timeout")
            case "reset":
                self.host.answer(self.plugin, callout, [], b"")
            case "unknown-cluster":
                raise AssertionError("a callout went to a cluster that is not known")


def asked(played: Played) -> Counter[str]:
    """How often each cluster was asked."""
    return Counter(callout.cluster for callout in played.callouts)


def _headers_of(request: Request) -> Headers:
    headers = [
        (":method", request.method),
        (":authority", request.authority),
        (":path", request.path),
        (":scheme", "http"),
        *request.headers,
    ]
    if request.length is not None:
        headers.append(("content-length", str(request.length)))
    return headers
