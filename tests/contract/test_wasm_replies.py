"""Responses at the edges of what the built plugin can judge: early, late, beside another plugin."""

from tests.contract.proxy_wasm import DROP, GO, HOLD
from tests.contract.test_wasm import CHECK, configuration, headers_for, loaded
from tests.contract.test_wasm_faults import ALLOW
from tests.contract.wasm_host import Compiled

FOR_RESPONSES = {**CHECK, "phases": ["response"]}


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
