"""llm-guard's shared memory in Redis itself: shared, sealed, bounded in time, and never needed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme
from redis import Redis

from functions.verdict import Reason
from tests.functions.running import Function, chat, running
from tests.functions.test_llm_guard import HANDLER, answer
from tests.support.misbehaving_judge import MisbehavingJudge
from tests.support.real_redis import RealRedis

PASSWORD = "not-a-real-one"


@pytest.fixture
def judge() -> Iterator[MisbehavingJudge]:
    with MisbehavingJudge() as found:
        yield found


@contextmanager
def instances(
    folder: Path, judge: MisbehavingJudge, url: str, count: int = 1, **more: str
) -> Iterator[list[Function]]:
    """So many instances of the function before that judge and cache."""
    environment = {
        "MESHWARD_JUDGE_URL": judge.url,
        "MESHWARD_JUDGE_MODEL": "m",
        "MESHWARD_CACHE_URL": url,
        **more,
    }
    with ExitStack() as stack:
        logs = [folder / f"log-{number}" for number in range(count)]
        yield [stack.enter_context(running(HANDLER, log, environment)) for log in logs]


def cleared(function: Function, text: str) -> None:
    assert answer(function, chat(text)).reason is Reason.JUDGE_CLEARED


def errors(function: Function) -> float:
    """How often the cache could not be used."""
    lines = function.client.get("/metrics").text.splitlines()
    values = [line.split()[1] for line in lines if line.startswith("meshward_cache_errors_total ")]
    return float(values[0]) if values else 0.0


def test_instances_share_what_was_cleared_and_keep_no_text(
    tmp_path: Path, judge: MisbehavingJudge
) -> None:
    with (
        RealRedis(tmp_path, "--requirepass", PASSWORD) as cache,
        instances(tmp_path, judge, cache.url(PASSWORD), count=2) as (one, other),
        Redis.from_url(cache.url(PASSWORD)) as client,
    ):
        for _ in range(2):
            cleared(one, "sesame opens")
            cleared(other, "sesame opens")
        assert len(judge.asked) == 1
        assert (errors(one), errors(other)) == (0, 0)
        keys = client.keys("*")
        assert keys
        for key in keys:
            assert key.startswith(b"meshward:1:")
            assert 0 < client.ttl(key) <= 24 * 3600
            assert b"sesame" not in key + client.get(key)
        client.flushall()
        cleared(one, "sesame opens")
        cleared(other, "and another")
        assert len(judge.asked) == 2


def test_a_cache_that_dies_is_a_slower_judge_and_one_that_is_back_is_used(
    tmp_path: Path, judge: MisbehavingJudge
) -> None:
    with (
        RealRedis(tmp_path) as cache,
        instances(tmp_path, judge, cache.url()) as (first,),
        Redis.from_url(cache.url()) as client,
    ):
        cleared(first, "one")
        cache.stop()
        for text in ("two", "three"):
            cleared(first, text)
        assert errors(first) >= 1  # Then it is left alone for a while.
        cache.start()
        with instances(tmp_path, judge, cache.url()) as (second,):
            cleared(second, "two")
            assert client.dbsize() > 0
            assert errors(second) == 0
    assert len(judge.asked) == 4


def test_a_wrong_password_costs_the_cache_and_nothing_else(
    tmp_path: Path, judge: MisbehavingJudge
) -> None:
    with (
        RealRedis(tmp_path, "--requirepass", PASSWORD) as cache,
        instances(tmp_path, judge, cache.url("wrong-password")) as (function,),
    ):
        cleared(function, "one")
        assert errors(function) == 1
        assert "wrong-password" not in function.log()


@pytest.mark.parametrize("trusted", [True, False])
def test_over_tls_only_a_trusted_cache_is_used(
    tmp_path: Path, judge: MisbehavingJudge, *, trusted: bool
) -> None:
    ours, strangers = trustme.CA(), trustme.CA()
    certificate, key, trust = (tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem"))
    issued = ours.issue_cert("127.0.0.1")
    certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    (ours if trusted else strangers).cert_pem.write_to_path(trust)
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    options = (*files, "--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no")
    with (
        RealRedis(tmp_path, *options, tls=True) as cache,
        instances(tmp_path, judge, cache.url(), 2, SSL_CERT_FILE=str(trust)) as (one, other),
    ):
        cleared(one, "sesame")
        cleared(other, "sesame")
        assert len(judge.asked) == (1 if trusted else 2)
        assert errors(other) == (0 if trusted else 1)
