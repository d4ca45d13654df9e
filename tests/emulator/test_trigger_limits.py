"""What a trigger refuses by itself: limits, methods, hosts that nobody has."""

import json
from collections.abc import Callable

from tests.emulator.doors import Door
from tests.support.wire import chunked

Created = Callable[..., str]


def test_an_answer_with_too_many_headers_is_a_bad_response(door: Door, created: Created) -> None:
    answer = door.call(created(), "/headers")

    assert (answer.status, json.loads(answer.body)["Code"]) == (502, "BadResponse")


def test_a_body_beyond_32_mb_is_refused_however_it_comes(door: Door, created: Created) -> None:
    host, piece = created(), b"x" * 1024 * 1024

    whole = door.call(host, headers=[("Content-Length", str(33 * len(piece)))], method="GET")
    fitting = door.exchange(b"".join(chunked(host, "/drain", [piece] * 32)))
    beyond = door.exchange(b"".join(chunked(host, "/drain", [piece] * 33)))

    assert fitting.body == str(32 * len(piece)).encode()
    for answer in (whole, beyond):
        assert (answer.status, json.loads(answer.body)["Code"]) == (400, "InvalidArgument")
        assert "body: exceeds 33554432 bytes" in json.loads(answer.body)["Message"]
    assert door.call(host).status == 200


def test_a_path_beyond_4_kb_is_refused(door: Door, created: Created) -> None:
    assert door.call(created(), "/?" + "q" * 4096).status == 400


def test_headers_beyond_8_kb_are_refused(door: Door, created: Created) -> None:
    answer = door.call(created(), headers=[("x-long", "x" * 8192)])

    assert answer.status == 400
    assert json.loads(answer.body)["Code"] == "InvalidArgument"


def test_a_host_without_a_trigger_is_not_found(door: Door) -> None:
    answer = door.call("nobody-0123456789.cn-hangzhou.fcapp.run")

    assert answer.status == 404
    assert json.loads(answer.body)["Code"] == "TriggerNotFound"


def test_a_method_that_the_trigger_does_not_take_is_refused(door: Door, created: Created) -> None:
    assert door.call(created(), method="DELETE").status == 403
