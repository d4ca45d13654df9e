"""Whole calls through the built plugin, in both forms."""

import pytest

from tests.contract.scenarios import SECRET, Form, Scenario, plugin_configuration, scenarios
from tests.contract.wasm_host import Compiled, Host
from tests.contract.wasm_play import Play, Played, asked

CALLS = [(scenario, form) for scenario in scenarios() for form in scenario.forms]


@pytest.mark.parametrize(
    ("scenario", "form"), CALLS, ids=[f"{form}: {scenario.name}" for scenario, form in CALLS]
)
def test_a_call_comes_out_as_it_should(shim: Compiled, scenario: Scenario, form: Form) -> None:
    host = Host(shim, clusters={check.name for check in scenario.checks if check.is_known})
    plugin = host.load(
        plugin_configuration(scenario, form, lambda check: (check.name, f"{check.name}.test"))
    )
    assert plugin is not None, host.log
    answers = {check.name: list(check.answers) for check in scenario.checks}
    played = Play(host, plugin, form, answers).run(scenario.request, scenario.provider)
    _answers_the_caller(scenario, played)
    _reaches_the_provider(scenario, played, form)
    _asks_the_checks(scenario, played)
    _tells_no_secret(scenario, host)


def _answers_the_caller(scenario: Scenario, played: Played) -> None:
    expected = scenario.outcome
    if played.response is None:
        assert played.reply is not None
        assert played.reply.is_complete
        assert played.reply.sent_headers is not None
        headers = dict(played.reply.sent_headers)
        assert headers[":status"] == str(expected.status)
        assert expected.body in {None, played.reply.sent.decode()}
        assert headers.get("content-length") in {None, str(len(played.reply.sent))}
        for name, value in expected.caller_headers.items():
            assert headers.get(name) == value, name
        return
    assert expected.reason is not None
    assert played.reply is None or played.reply.sent == b""
    headers = dict(played.response.headers)
    assert played.response.status == expected.status
    assert headers["x-meshward-reason"] == expected.reason
    assert played.response.body.decode() == expected.body
    if expected.content_type:
        assert headers["content-type"] == expected.content_type


def _reaches_the_provider(scenario: Scenario, played: Played, form: Form) -> None:
    expected = scenario.outcome
    if expected.upstream_body is None:
        assert played.body is None
        assert form == "portable" or played.upstream is None
        return
    assert played.body is not None
    assert played.body.decode() == expected.upstream_body
    assert played.upstream is not None
    for name, value in expected.upstream_headers.items():
        found = [each for header, each in played.upstream if header == name]
        assert found == ([] if value is None else [value]), name
    if expected.upstream_trailers is not None:
        assert played.trailers == expected.upstream_trailers


def _asks_the_checks(scenario: Scenario, played: Played) -> None:
    expected = scenario.outcome
    counts = asked(played)
    assert {name: counts[name] for name in expected.callouts} == expected.callouts
    for name, headers in expected.callout_headers.items():
        callout = played.callouts_to(name)[-1]
        assert headers.items() <= dict(callout.headers).items()
    for name, bodies in expected.saw.items():
        assert [callout.body.decode() for callout in played.callouts_to(name)] == bodies


def _tells_no_secret(scenario: Scenario, host: Host) -> None:
    request = scenario.request
    words = [SECRET, "sk-own", "Bearer", "trigger-token", "masked by", request.path]
    words += [chunk.decode() for chunk in request.chunks]
    log = "\n".join(line for _, line in host.log)
    assert [word for word in words if word in log] == []
