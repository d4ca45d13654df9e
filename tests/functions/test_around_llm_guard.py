"""What stands beside llm-guard and its judge: a shared cache, a collector, readers of metrics."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from functions.verdict import Reason
from tests.functions.running import ROOT, Function, chat, running
from tests.functions.test_llm_guard import HANDLER, answer
from tests.support.misbehaving_judge import MisbehavingJudge
from tests.support.redis_server import RedisServer
from tests.support.waiting import wait_until


def before(judge: MisbehavingJudge, **more: str) -> dict[str, str]:
    return {"MESHWARD_JUDGE_URL": judge.url, "MESHWARD_JUDGE_MODEL": "m", **more}


@contextmanager
def shared_cache() -> Iterator[RedisServer]:
    """A cache in a thread of its own, until the end of the block or of itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = RedisServer()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_instances_share_what_was_cleared_and_go_on_when_the_cache_is_gone(tmp_path: Path) -> None:
    with MisbehavingJudge() as judge:
        with shared_cache() as cache:
            environment = before(judge, MESHWARD_CACHE_URL=cache.url)
            with (
                running(HANDLER, tmp_path / "one", environment) as one,
                running(HANDLER, tmp_path / "other", environment) as other,
            ):
                for instance in (one, other):
                    assert answer(instance, chat("sesame")).reason is Reason.JUDGE_CLEARED
                assert len(judge.asked) == 1
                # What somebody writes into the cache clears nothing, and breaks nothing.
                for noise in (b"1", b"\xff", b"[]", b"{" * 1000):
                    cache.values = dict.fromkeys(cache.values, noise)
                    fresh = chat(f"another text before {noise!r}")
                    assert answer(other, fresh).reason is Reason.JUDGE_CLEARED
                assert not any(b"sesame" in value for value in cache.values.values())
        asked = len(judge.asked)
        with running(HANDLER, tmp_path / "alone", environment) as alone:
            for _ in range(2):
                assert answer(alone, chat("and now?")).reason is Reason.JUDGE_CLEARED
            assert len(judge.asked) == asked + 1
            assert "meshward_cache_errors_total 1.0" in alone.client.get("/metrics").text


class Collector(BaseHTTPRequestHandler):
    """Keeps the names of all metrics that it is told."""

    told: set[str]

    def do_POST(self) -> None:
        document: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
        for resource in document["resourceMetrics"]:
            for scope in resource["scopeMetrics"]:
                self.told |= {metric["name"] for metric in scope["metrics"]}
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        pass


def test_a_collector_is_told_the_same_metrics(tmp_path: Path) -> None:
    Collector.told = set()
    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever, args=(0.01,))
    thread.start()
    try:
        with MisbehavingJudge() as judge:
            url = f"http://127.0.0.1:{collector.server_port}"
            environment = before(judge, OTEL_EXPORTER_OTLP_ENDPOINT=url)
            with running(HANDLER, tmp_path / "log", environment) as function:
                answer(function, chat("hi"))
                wait_until(lambda: "meshward_verdicts" in Collector.told, "it is told")
    finally:
        collector.shutdown()
        collector.server_close()
        thread.join()
    assert {"meshward_judge_tokens", "meshward_judge_breaker"} <= Collector.told


def metrics_of(function: Function) -> set[str]:
    """The names of the metrics, as the page's own lines tell them."""
    page = function.client.get("/metrics").text
    named = re.findall(r"(?m)^# TYPE (meshward_\S+) (\S+)$", page)
    return {name for name, _ in named if not name.endswith("_created")}


def test_the_documentation_names_every_metric_and_no_other(tmp_path: Path) -> None:
    documented = set(re.findall(r"`(meshward_\w+)`", (ROOT / "docs" / "judge.md").read_text()))
    with (
        MisbehavingJudge() as judge,
        running(HANDLER, tmp_path / "log", before(judge)) as function,
    ):
        assert metrics_of(function) == documented


def test_what_a_judge_costs_is_told_where_prices_are_set(tmp_path: Path) -> None:
    with MisbehavingJudge() as judge:
        prices = {"MESHWARD_JUDGE_PRICE_IN": "1000", "MESHWARD_JUDGE_PRICE_OUT": "2000"}
        with running(HANDLER, tmp_path / "log", before(judge, **prices)) as function:
            answer(function, chat("hi"))
            page = function.client.get("/metrics").text
    assert 'meshward_judge_cost_total{judge="1-m"} 0.46' in page
