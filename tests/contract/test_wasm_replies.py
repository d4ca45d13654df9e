"""Responses at the edges of what the built plugin can judge: early, late, beside another plugin."""

from typing import Final

import pytest

from tests.contract.proxy_wasm import DROP, GO, HOLD, Headers
from tests.contract.test_wasm import CHECK, configuration, headers_for, loaded
from tests.contract.test_wasm_faults import ALLOW, MASK
from tests.contract.wasm_host import Compiled
from tests.contract.wasm_play import DATE

FOR_RESPONSES = {**CHECK, "phases": ["response"]}
EVENTS: Final[Headers] = [(":status", "200"), ("content-type", "text/event-stream")]
BROKEN: Final[Headers] = [(":status", "500"), DATE]
PIECE: Final = b"data: twenty-four bytes "
WINDOW: Final = {"bytes": len(PIECE), "ms": 200}


def test_a_provider_that_refuses_a_body_before_it_has_it_is_judged(shim: Compiled) -> None:
    """By its status it could be Envoy's own refusal of a body that is too large."""
    settings = configuration(["api.test"], check=FOR_RESPONSES, body="portable")
    host, plugin = loaded(shim, settings)
    stream, flow = host.open(plugin, headers_for("api.test"), end=False)
    assert flow == GO
    host.reply(stream, [(":status", "413"), ("content-type", "text/plain")])
    assert host.reply_body(stream, b"too much", end=True) == HOLD
    assert [callout.body for callout in host.callouts] == [b"too much"]


def test_a_response_that_outlives_its_configuration_goes_nowhere(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], check=FOR_RESPONSES))
    stream, flow = host.open(plugin, headers_for("api.test"), end=True)
    assert flow == GO
    host.close(plugin)
    assert host.reply(stream, [(":status", "200")]) == DROP


def test_a_configuration_that_goes_while_a_stream_waits_leaves_others_their_ticks(
    shim: Compiled,
) -> None:
    settings = configuration(["api.test"], check=FOR_RESPONSES, body="portable")
    host, old = loaded(shim, settings)
    new = host.load(settings)
    assert new is not None, host.log
    for plugin in (old, new):
        stream, _ = host.open(plugin, headers_for("api.test"), end=True)
        host.reply(stream, [(":status", "200"), ("content-type", "text/event-stream")])
        host.reply_body(stream, b"first")
        host.answer(plugin, host.callouts[-1], ALLOW, b"")
        host.reply_body(stream, b"second")
        if plugin == old:
            host.close(stream.context)
            host.close(old)
    assert host.callouts[-1].body == b"first"
    for _ in range(10 if host.tick_ms(new) else 0):
        host.tick(new)
    assert host.callouts[-1].body == b"second"


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize(("mode", "told"), [("enforce", "masked"), ("monitor", "monitored only")])
def test_verdicts_on_many_windows_of_a_stream_have_one_line_in_its_end(
    shim: Compiled, mode: str, told: str, *, end: bool
) -> None:
    """Also where the caller has gone before. What fails has lines of its own."""
    check = {**FOR_RESPONSES, "mode": mode, "on_error": "allow"}
    host, plugin = loaded(shim, configuration(["api.test"], check=check, window=WINDOW))
    stream, _ = host.open(plugin, headers_for("api.test"), end=True)
    host.reply(stream, EVENTS)
    for number in range(6):
        host.reply_body(stream, PIECE, end=end and number == 5)
        answer, body = (BROKEN, b"") if number == 3 else (MASK, b"masked")
        host.now_ns += 10**6
        host.answer(plugin, host.callouts[-1], answer, body)
    assert len(host.callouts) == 6
    lines = [line for _, line in host.log[1:]]
    assert len(lines) == 1
    assert "reason=check.status" in lines[0]
    host.close(stream.context)
    told += " reason=rule.matched check=first policy=default host=api.test ms=6 windows=5"
    assert [line for _, line in host.log[2:]] == [f"meshward: {told}"]
