"""Callers who go away while a check is asked. A callout cannot be called back (proxy-wasm 0.2.1 has
no way to): its answer is dropped, changes no other call, and its call's place is free at once.
"""

import pytest

from tests.contract.proxy_wasm import HOLD, Callout, Headers, Stream
from tests.contract.scenarios import Form
from tests.contract.test_wasm import CHECK, configuration, headers_for, loaded
from tests.contract.test_wasm_faults import ALLOW, MASK, STREAMS_MAX
from tests.contract.wasm_host import Compiled, Host

DENY: Headers = [
    ("x-meshward-verdict", "deny"),
    ("x-meshward-reason", "rule.matched"),
    ("x-meshward-status", "403"),
    ("content-type", "text/plain"),
    *ALLOW[:2],
    *ALLOW[4:],
]
SAYS: dict[str, tuple[Headers, bytes]] = {
    "allow": (ALLOW, b""),
    "mask": (MASK, b"masked"),
    "deny": (DENY, b"denied"),
    "nothing": ([], b""),
}
MOMENTS = ("request", "a whole answer", "a window")


def asked(host: Host, plugin: int, moment: str) -> tuple[Stream, Callout]:
    """A call at the moment when a check is asked about it."""
    stream, flow = host.open(plugin, headers_for("api.test"), end=moment != "request")
    if moment == "request":
        assert flow == HOLD
        host.body(stream, b"a prompt", end=True)
        return stream, host.callouts[-1]
    host.answer(plugin, host.callouts[-1], ALLOW, b"")
    host.headers_gone(stream)
    stream.continued = False
    kind = "text/event-stream" if moment == "a window" else "text/plain"
    host.reply(stream, [(":status", "200"), ("content-type", kind)])
    host.reply_body(stream, b"an answer", end=moment == "a whole answer")
    return stream, host.callouts[-1]


def loaded_in(shim: Compiled, form: Form) -> tuple[Host, int]:
    check = {**CHECK, "phases": ["request", "response"]}
    return loaded(shim, configuration(["api.test"], check=check, body=form))


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("says", SAYS)
def test_the_answer_for_who_is_gone_changes_no_other_call(
    shim: Compiled, says: str, moment: str
) -> None:
    host, plugin = loaded_in(shim, "hold")
    gone, late = asked(host, plugin, moment)
    host.close(gone.context)
    other, own = asked(host, plugin, moment)  # in the very place of the one that is gone
    host.log.clear()
    count = len(host.callouts)

    host.answer(plugin, late, *SAYS[says])

    assert len(host.callouts) == count, "a check is asked on for nobody"
    assert host.log == []
    for stream in (gone, other):
        assert stream.response is None
        assert stream.reply is None or stream.reply.sent == b""
    assert not gone.continued
    host.answer(plugin, own, ALLOW, b"")
    assert other.continued or (other.reply is not None and other.reply.sent == b"an answer")


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_places_of_those_who_are_gone_are_free_at_once(shim: Compiled, moment: str) -> None:
    host, plugin = loaded_in(shim, "hold")
    for _ in range(STREAMS_MAX + 1):
        stream, _ = asked(host, plugin, moment)
        assert stream.response is None
        host.close(stream.context)
    before = host.memory_bytes
    for _ in range(100):
        host.close(asked(host, plugin, moment)[0].context)
    assert host.memory_bytes == before
