"""Every host call of whole lives of a call refused in turn: the audit of every host status.

    life ──▶ played once ──▶ its host calls, counted ──▶ played for each and each way to fail

Whatever fails: no trap, one outcome, nothing unjudged on either side, and every waiting ends.
"""

from itertools import product
from typing import Final

import pytest

from tests.contract.proxy_wasm import BAD_ARGUMENT, INTERNAL_FAILURE, NOT_FOUND
from tests.contract.scenarios import Form
from tests.contract.test_wasm import CHECK, configuration, headers_for, loaded
from tests.contract.test_wasm_faults import ALLOW
from tests.contract.wasm_host import Compiled, Host
from tests.contract.wasm_lives import FORBIDDEN, LIVES, REUSED, Call, FaultyHost, lived

UNSAYABLE: Final = {"proxy_send_local_response", "proxy_set_effective_context"}
"""Where these fail, the message stays held: there is no other way to say or to end it."""
STATUSES: Final = (INTERNAL_FAILURE, BAD_ARGUMENT, NOT_FOUND)
FORMS: Final[tuple[Form, ...]] = ("hold", "portable")


def holds(host: FaultyHost, call: Call) -> None:
    """What must hold for a call, whatever failed."""
    stream, reply = call.stream, call.stream.reply
    if call.upstream is not None and stream.response is None:
        sent = dict(call.upstream)
        assert "app" not in f"{sent.get('authorization')} {sent[':path']}", "the caller's key went"
    if reply is not None:
        assert FORBIDDEN not in reply.sent, "a denied answer came through"
        assert stream.response is not None or reply.is_held or not reply.trailers
    log = "\n".join(line for _, line in host.log)
    assert "sk-" not in log
    if host.failed in UNSAYABLE:
        return
    is_over = stream.response is not None or (reply is not None and not reply.is_held)
    assert is_over, f"{host.failed} failed, and the call is held for ever"


@pytest.mark.parametrize(("life", "form"), list(product(LIVES, FORMS)))
def test_whichever_host_call_fails_the_call_ends_and_nothing_unjudged_comes_through(
    shim: Compiled, life: str, form: Form
) -> None:
    whole, played = lived(shim, life, form)
    assert played.calls[0].asked == {"request", "response"}
    for number, status in product(range(1, len(whole.host_calls) + 1), STATUSES):
        host, played = lived(shim, life, form, number, status)
        for call in played.calls:
            holds(host, call)


@pytest.mark.parametrize("form", FORMS)
def test_the_lives_are_what_they_say(shim: Compiled, form: Form) -> None:
    _, remembered = lived(shim, "an allow that is remembered", form)
    assert [call.asked for call in remembered.calls] == [{"request", "response"}, {"response"}]
    _, rested = lived(shim, "a key that is put to rest", form)
    sent = [dict(call.upstream or [])["authorization"] for call in rested.calls]
    assert sent == ["Bearer sk-one", "Bearer sk-two"]


def test_a_clock_that_cannot_be_read_brings_no_old_allow_back(shim: Compiled) -> None:
    cache = {"entries": 4, "seconds": 60}
    host, plugin = loaded(shim, configuration(["api.test"], cache=cache))
    for refused in (set[str](), {"proxy_get_current_time_nanoseconds"}):
        host.refused = refused
        first = len(host.callouts)
        host.open(plugin, headers_for("api.test"), end=True)
        assert len(host.callouts) == first + 1
        host.answer(plugin, host.callouts[first], REUSED, b"")
        host.now_ns += 61 * 10**9


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
