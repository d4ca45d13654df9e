"""Metrics in OTLP's JSON form, pushed where OpenTelemetry's own variables say."""

import asyncio
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from functions.llm_guard.metrics import Meter
from functions.llm_guard.otlp import Collector, Pusher, collector_of, document
from functions.runtime.settings import SettingsError

SPAN = {"startTimeUnixNano": "1", "timeUnixNano": "2"}


def metrics_of(registry: CollectorRegistry) -> list[dict[str, Any]]:
    (resource,) = document(registry.collect(), "llm-guard", SPAN)["resourceMetrics"]
    assert resource["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "llm-guard"}}
    ]
    found: list[dict[str, Any]] = resource["scopeMetrics"][0]["metrics"]
    return found


def test_a_counter_is_a_cumulative_sum() -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls.", ["judge"], registry=registry).labels("a").inc(3)
    attributes = [{"key": "judge", "value": {"stringValue": "a"}}]
    point = {**SPAN, "attributes": attributes, "asDouble": 3.0}
    sums = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point]}
    assert metrics_of(registry) == [{"name": "calls", "description": "Calls.", "sum": sums}]


def test_a_gauge_is_a_gauge_and_what_has_no_values_is_left_out() -> None:
    registry = CollectorRegistry()
    Gauge("inside", "Now.", registry=registry).set(2)
    Counter("none", "None.", ["judge"], registry=registry)
    (metric,) = metrics_of(registry)
    assert metric["gauge"]["dataPoints"] == [{**SPAN, "attributes": [], "asDouble": 2.0}]


def test_a_histograms_buckets_count_each_its_own() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("took", "Time.", buckets=(1, 2), registry=registry)
    for seconds in (0.5, 1.5, 1.5, 9.0):
        histogram.observe(seconds)
    (metric,) = metrics_of(registry)
    (point,) = metric["histogram"]["dataPoints"]
    assert (point["bucketCounts"], point["explicitBounds"]) == (["1", "2", "1"], [1.0, 2.0])
    assert (point["count"], point["sum"]) == ("4", 12.5)


class _Handler(BaseHTTPRequestHandler):
    received: list[tuple[str, str | None, dict[str, Any]]] = []  # noqa: RUF012 -- reset by tests

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.received.append((self.path, self.headers["x-token"], content))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: object) -> None:
        pass


async def test_metrics_are_pushed_at_intervals_and_at_the_end() -> None:
    _Handler.received.clear()
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}/",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-token=a%20b, x-other=c",
        }
        collector = collector_of(environment)
        assert collector is not None
        pusher = Pusher(collector, Meter())
        for _ in range(3):
            pusher.beat()
        await pusher.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert [path for path, _, _ in _Handler.received] == ["/v1/metrics"] * 2
    assert _Handler.received[0][1] == "a b"
    assert "resourceMetrics" in _Handler.received[0][2]


async def test_a_collector_that_is_not_there_costs_nothing() -> None:
    pusher = Pusher(Collector("http://127.0.0.1:9/v1/metrics", 60.0, "llm-guard"), Meter())
    pusher.beat()
    await asyncio.wait_for(pusher.close(), 5)


@pytest.mark.parametrize(
    "environment", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"}]
)
def test_without_an_endpoint_nothing_is_pushed(environment: dict[str, str]) -> None:
    assert collector_of(environment) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "a:4318"}, "must begin with http:// or https://"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://u:sesame@a"}, "a host, without a user"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "x-token=a%0d%0ab"}, "the header 'x-token' cannot be sent"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "often"}, "must be a number of milliseconds"),
    ],
)
def test_what_cannot_be_used_stops_the_start(changes: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        collector_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"} | changes)
