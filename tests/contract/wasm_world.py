"""A world of calls around the built plugin: any event in any order, and what must hold.

    World ── plugin in a random configuration
      ├── Call… ── request ──▶ judged ──▶ response ──▶ judged ──▶ caller
      └── callouts under way, answered whenever, however

What must hold, whoever chooses the events (a test by hypothesis, or a fuzzer):

    no byte of a body goes to the provider before every check that counts has let it
    no byte of a denied answer, or of a denied window, comes to the caller
    a call that everybody lets pass comes out as it went in
    no call is answered twice, or answered and let go (the host of the tests sees to that)
    when all is answered and over, nothing is held any more
"""

import json
from typing import Any, Final

from tests.contract.proxy_wasm import DROP, GO, HOLD, Callout
from tests.contract.wasm_calls import (
    BROKER,
    FAILS,
    KINDS,
    Call,
    Choose,
    Kind,
    Side,
    came_through,
    configuration,
    keys,
    made,
    pieces,
    some_check,
)
from tests.contract.wasm_host import Compiled, Host

CHECKS_MAX: Final = 3
PATIENCE_MS: Final = 1000
"""By then, no call waits for a key any more, although the plugin is woken for ever."""
MS: Final = 1_000_000


class World:
    """The plugin, its calls, and what is under way between them."""

    def __init__(self, shim: Compiled, choose: Choose) -> None:
        self.choose = choose
        self.form = ("hold", "portable")[choose(2)]
        self.checks = [some_check(choose, index) for index in range(1 + choose(CHECKS_MAX))]
        self.host = Host(shim, clusters={BROKER, *(check["name"] for check in self.checks)})
        has_key = choose(3) > 0
        plugin = self.host.load(json.dumps(configuration(self.form, self.checks, has_key=has_key)))
        assert plugin is not None, self.host.log
        self.plugin = plugin
        self.calls: list[Call] = []
        self.seen = 0
        self.out: list[Callout] = []

    # Events.

    def open(self) -> None:
        """An application calls."""
        number = len(self.calls)
        headers = [(":method", "POST"), (":authority", "api.test"), (":path", f"/{number}")]
        end = self.choose(8) == 0
        stream, flow = self.host.open(self.plugin, headers, end)
        call = Call(number, stream, self.form, request_ended=end)
        self.calls.append(call)
        self._moved(call, flow, of_headers=True)

    def send(self, call: Call) -> None:
        """More of its request comes, or the end of it."""
        if call.request_ended or call.is_denied or call.is_closed:
            return
        if self.form == "portable" and not call.headers_are_gone:
            return
        end = self.choose(2) == 0
        if end and self.choose(4) == 0:
            call.request_ended = True
            self._moved(call, self.host.end_with(call.stream, [("x-late", "1")]))
            return
        chunk = f"[{call.number}.{len(call.request.whole)}]".encode()
        call.request.whole += chunk
        call.request_ended = end
        self._moved(call, self.host.body(call.stream, chunk, end))

    def respond(self, call: Call) -> None:
        """The provider begins to answer, goes on, or ends."""
        if not call.headers_are_gone or call.is_denied or call.is_closed:
            return
        reply = call.stream.reply
        if reply is None:
            call.is_streamed = self.choose(3) > 0
            kind = "text/event-stream" if call.is_streamed else "application/json"
            self.host.reply(call.stream, [(":status", "200"), ("content-type", kind)])
        elif not reply.has_ended and (reply.sent_headers is not None or self.form == "hold"):
            if self.choose(12) == 0:
                self.host.reply_trailers(call.stream, [("x-late", "1")])
            else:
                piece = f"<{call.number}.{call.pieces}>".encode()
                call.pieces += 1
                call.reply.whole += piece
                if call.stream_is_denied:
                    call.forbidden.append(piece)
                self.host.reply_body(call.stream, piece, self.choose(5) == 0)
        self._look(call)

    def answer(self) -> None:
        """One of the callouts under way is answered, in one of the ways that there are."""
        if not self.out:
            return
        callout = self.out.pop(self.choose(len(self.out)))
        if callout.cluster == BROKER:
            self.host.answer(self.plugin, callout, *keys(self.choose, callout))
            self._look_at_all()
        else:
            self._answer(callout, KINDS[self.choose(len(KINDS))])

    def pass_time(self) -> None:
        """Time passes; the shim is woken if it asked for that."""
        self.host.now_ns += self.choose(200) * MS
        if self.host.tick_ms(self.plugin):
            self.host.tick(self.plugin)
        self._look_at_all()

    def leave(self, call: Call) -> None:
        """The application goes away."""
        if not call.is_closed:
            call.is_closed = True
            self.host.close(call.stream.context)

    def settle(self) -> None:
        """Let everything come to its end: nothing may be held then."""
        over_ns = self.host.now_ns + PATIENCE_MS * MS
        for _ in range(200):
            # A broker that says nothing more keeps nobody waiting for ever.
            self.out = [callout for callout in self.out if callout.cluster != BROKER]
            while self.out:
                self._answer(self.out.pop(), "allow")
            for call in self.calls:
                if not call.is_closed:
                    self._finish(call)
            self.pass_time()
            if not self.out and (not self.host.tick_ms(self.plugin) or self.host.now_ns > over_ns):
                break
        for call in self.calls:
            if call.is_closed or call.is_denied:
                continue
            assert call.went, "a request is held for ever"
            reply = call.stream.reply
            assert reply is None or reply.is_complete, "a response is held for ever"

    def _finish(self, call: Call) -> None:
        may_send = call.headers_are_gone or self.form == "hold"
        if may_send and not call.request_ended and not call.is_denied:
            call.request_ended = True
            self._moved(call, self.host.body(call.stream, b"", True))
        reply = call.stream.reply
        if reply is not None and not reply.has_ended and not call.is_denied:
            self.host.reply_body(call.stream, b"", True)
        self._look(call)

    # What must hold.

    def _moved(self, call: Call, flow: int, *, of_headers: bool = False) -> None:
        """The shim has said what becomes of a part of the request."""
        assert flow in {GO, HOLD, DROP}
        if flow == GO and of_headers:
            call.headers_are_gone = True
            self.host.headers_gone(call.stream)
            call.went = call.request_ended
        elif flow == GO:
            call.headers_are_gone = call.went = True
        self._look(call)

    def _let_go(self, call: Call) -> None:
        """What was held goes on: all of it, or in the form portable the headers alone."""
        if self.form == "portable" and not call.headers_are_gone:
            self.host.headers_gone(call.stream)
        is_all = call.headers_are_gone or call.request_ended or self.form == "hold"
        call.went = call.stream.continued = is_all
        call.headers_are_gone = True

    def _look_at_all(self) -> None:
        for call in self.calls:
            if not call.is_closed:
                self._look(call)

    def _look(self, call: Call) -> None:
        """After every event: new callouts, and what has come through."""
        for callout in self.host.callouts[self.seen :]:
            self.out.append(callout)
            if callout.cluster != BROKER:
                self._asked(callout)
        self.seen = len(self.host.callouts)
        if call.stream.continued and not call.went:
            self._let_go(call)
        if call.went and not call.is_closed:
            self._all_let_go(call.request, "request")
            expected = call.request.changed or call.request.whole
            assert call.stream.body == expected, "the provider gets another body"
        came_through(call, self.checks)

    def _asked(self, callout: Callout) -> None:
        """A check is asked: at most twice about one message, and with what it kept in front."""
        call, phase, window = self._about(callout)
        question = (callout.cluster, phase, window)
        call.asked[question] += 1
        assert call.asked[question] <= 2, "a check is asked again and again"
        if window is not None and call.asked[question] == 1:
            kept = call.kept.pop(callout.cluster, b"")
            assert callout.body.startswith(kept), "what a check kept is not there"
            shown = call.shown.setdefault(callout.cluster, b"")
            call.shown[callout.cluster] = shown + callout.body[len(kept) :]

    def _about(self, callout: Callout) -> tuple[Call, str, str | None]:
        headers = dict(callout.headers)
        call = self.calls[int(headers["x-meshward-path"][1:])]
        return call, headers["x-meshward-phase"], headers.get("x-meshward-stream")

    def _all_let_go(self, side: Side, phase: str) -> None:
        for check in self.checks:
            if phase in check["phases"]:
                assert side.settled.get(check["name"]), f"{check['name']} has not let it go"

    # Answers.

    def _answer(self, callout: Callout, kind: Kind) -> None:
        call, phase, window = self._about(callout)
        check = next(each for each in self.checks if each["name"] == callout.cluster)
        pairs, body = made(self.choose, kind, phase, window, callout)
        if kind == "late":
            self.host.now_ns = max(self.host.now_ns, callout.sent_ns + callout.timeout_ms * MS)
            pairs, body = [(":status", "504")], b"upstream request timeout"
        sent = call.stream.reply.sent if call.stream.reply else b""
        keep = int(dict(pairs).get("x-meshward-keep", "0")) if kind in {"allow", "mask"} else 0
        if window is not None and keep:
            call.kept[check["name"]] = callout.body[-keep:]
        self.host.answer(self.plugin, callout, pairs, body)
        asked = [each for each in self.host.callouts[self.seen :] if each.cluster == check["name"]]
        is_asked_again = bool(asked) and kind in {"throttled", "lost"}
        if not is_asked_again:
            side = call.request if phase == "request" else call.reply
            lets = self._expect(side, check, kind, window, callout, body)
            if not lets and window is not None:
                call.stream_is_denied = True
                call.forbidden += [piece for piece in pieces(callout.body) if piece not in sent]
        self._look_at_all()

    def _expect(
        self,
        side: Side,
        check: dict[str, Any],
        kind: Kind,
        window: str | None,
        callout: Callout,
        body: bytes,
    ) -> bool:
        """Whether this answer lets the message go; what is to come of it stands in `side`."""
        monitors = check["mode"] == "monitor"
        if kind == "mask" and not callout.body and window is None:
            kind = "garbage"
        lets = kind in {"allow", "mask"} or monitors
        if kind in FAILS:
            lets = monitors or check["on_error"] == "allow"
        if kind == "mask" and not monitors and window is None:
            if side.changed is not None and callout.body != side.changed:
                lets = False  # a second mask in the stage
            else:
                side.changed = body
        if kind != "allow" and not (monitors and kind != "late"):
            side.touched = True
        side.settled[check["name"]] = lets
        return lets


def happen(world: World) -> None:
    """One event, chosen among those that there are."""
    what = world.choose(10)
    if what == 0 or not world.calls:
        return world.open()
    call = world.calls[world.choose(len(world.calls))]
    if what <= 3:
        return world.send(call)
    if what <= 5:
        return world.respond(call)
    if what <= 7:
        return world.answer()
    if what == 8:
        return world.pass_time()
    return world.leave(call) if world.choose(4) == 0 else world.answer()
