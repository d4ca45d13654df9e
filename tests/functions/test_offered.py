"""The callers and the judge that llm-guard is measured with do what the figures rest on."""

import json
import sys

import pytest

from tests.bench.offered import offer, slow_judge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="both are programs for Linux")


def requests(count: int) -> list[bytes]:
    body = json.dumps({"messages": ['{"canary": "0123456789abcdef"}']}).encode()
    head = b"POST / HTTP/1.1\r\nhost: judge\r\ncontent-length: %d\r\n\r\n"
    return [head % len(body) + body] * count


def test_every_call_is_answered_and_none_before_its_time() -> None:
    with slow_judge(20, 100) as port:
        calls, seconds = offer(port, requests(40), 10)
    assert len(calls) == 40
    assert min(call.seconds for call in calls) >= 0.02
    assert seconds >= 4 * 0.02


def test_an_answer_that_is_none_is_no_figure() -> None:
    with (
        slow_judge(20, 1) as port,
        pytest.raises(
            ConnectionError, match="of 8 requests were answered: a status other than 200"
        ),
    ):
        offer(port, requests(8), 4)
