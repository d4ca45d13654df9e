"""What the built plugin remembers of calls that were allowed, and what it must not."""

import json

import pytest

from tests.contract.proxy_wasm import GO, HOLD, Headers
from tests.contract.scenarios import Form
from tests.contract.test_wasm import CHECK, configuration, headers_for, loaded
from tests.contract.test_wasm_faults import held
from tests.contract.test_wasm_telemetry import counted
from tests.contract.wasm_host import Compiled

CACHED = {"entries": 16, "seconds": 60}


def answer(decision: str, revision: str = "r1") -> Headers:
    """What a check says; an allow may be reused for a minute."""
    pairs = [
        (":status", "200"),
        ("x-meshward-contract", "1"),
        ("x-meshward-verdict", decision),
        ("x-meshward-reason", "rule.none" if decision == "allow" else "rule.matched"),
        ("x-meshward-revision", revision),
        ("x-meshward-cache-seconds", "60"),
    ]
    if decision == "deny":
        pairs += [("x-meshward-status", "403"), ("content-type", "text/plain")]
    return pairs


@pytest.mark.parametrize("form", ["hold", "portable"])
def test_a_call_that_needs_no_check_leaves_no_allow_for_a_denied_one(
    shim: Compiled, form: Form
) -> None:
    """It takes the place in the shim's table that the denied one has left."""
    settings = json.loads(configuration(["api.test"], body=form, cache=CACHED))
    settings["hosts"][0]["unchecked"] = ["/v1/models"]
    host, plugin = loaded(shim, json.dumps(settings))
    for count in (1, 2):
        stream, _ = host.open(plugin, headers_for("api.test"), end=False)
        assert host.body(stream, b"a bad prompt", end=True) == HOLD
        assert len(host.callouts) == count
        host.answer(plugin, host.callouts[-1], answer("deny"), b"no")
        host.close(stream.context)
        stream, flow = host.open(plugin, headers_for("api.test", "/v1/models", "GET"), end=True)
        assert flow == GO
        host.close(stream.context)


def test_an_allow_of_before_the_policy_changed_is_not_reused(shim: Compiled) -> None:
    checks = [CHECK, {**CHECK, "name": "second"}]
    host, plugin = loaded(shim, configuration(["api.test"], checks=checks, cache=CACHED))
    held(host, plugin)
    first, second = host.callouts
    host.answer(plugin, first, answer("allow", "old"), b"")
    held(host, plugin)
    host.answer(plugin, host.callouts[2], answer("deny", "new"), b"no")
    host.answer(plugin, second, answer("allow"), b"")
    held(host, plugin)
    assert len(host.callouts) == 6


def test_the_allow_that_brings_a_new_revision_is_reused(shim: Compiled) -> None:
    host, plugin = loaded(shim, configuration(["api.test"], cache=CACHED))
    held(host, plugin)
    host.answer(plugin, host.callouts[0], answer("allow"), b"")
    stream, _ = host.open(plugin, headers_for("api.test"), end=False)
    assert host.body(stream, b"a prompt", end=True) == GO


def test_the_cache_is_asked_once_for_a_call_of_two_stages(shim: Compiled) -> None:
    checks = [CHECK, {**CHECK, "name": "second", "stage": 2}]
    host, plugin = loaded(shim, configuration(["api.test"], checks=checks, cache=CACHED))
    held(host, plugin)
    host.answer(plugin, host.callouts[0], answer("allow"), b"")
    assert len(host.callouts) == 2
    assert counted(host, "meshward_cache_lookups_total") == {("miss",): 1}
