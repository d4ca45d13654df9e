"""The metrics, pushed to an OpenTelemetry collector where `OTEL_EXPORTER_OTLP_ENDPOINT` is set.

    registry ──document──▶ OTLP's JSON form ──POST …/v1/metrics──▶ collector, every interval

The form is that of opentelemetry-proto 1.x (metrics.proto, JSON mapping): counters are cumulative
sums, histograms have explicit bounds. Written by hand, since the SDK and its exporter would be
loaded at each cold start. A collector that is down costs nothing but its figures.
"""

import asyncio
import json
import re
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import unquote

import certifi
from prometheus_client import Metric
from prometheus_client.samples import Sample

from functions.llm_guard.http import Client, HttpError, Place
from functions.runtime.settings import SettingsError

_CUMULATIVE: Final = 2
_INTERVAL_MS: Final = 60_000
_PATIENCE_SECONDS: Final = 5.0
_ANSWER_BYTES_MAX: Final = 64 * 1024
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


class Collects(Protocol):
    """The part of a registry that is needed here."""

    def collect(self) -> Iterable[Metric]:
        """All metric families."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Where metrics go. Headers are kept out of `repr`: they may hold a token."""

    url: str
    interval_seconds: float
    service: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def collector_of(environment: Mapping[str, str]) -> Collector | None:
    """The collector that OpenTelemetry's own variables name, None where they name none.

    Raises `SettingsError` for what cannot be used.
    """
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
    url = environment.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or (base and f"{base}/v1/metrics")
    if not url or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if not url.startswith(("http://", "https://")):
        raise SettingsError("OTEL_EXPORTER_OTLP_ENDPOINT must begin with http:// or https://")
    interval = environment.get("OTEL_METRIC_EXPORT_INTERVAL") or str(_INTERVAL_MS)
    if not _NUMBER.fullmatch(interval):
        raise SettingsError("OTEL_METRIC_EXPORT_INTERVAL must be a number of milliseconds")
    headers = environment.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    pairs = [each.partition("=") for each in headers.split(",") if each.strip()]
    collector = Collector(
        url=url,
        interval_seconds=int(interval) / 1000,
        service=environment.get("OTEL_SERVICE_NAME") or "llm-guard",
        headers=tuple((name.strip(), unquote(value.strip())) for name, _, value in pairs),
    )
    try:
        _client(collector, None)
    except ValueError as error:  # It tells no value of a header.
        raise SettingsError(f"the collector that OTEL_EXPORTER_OTLP_… names: {error}") from None
    return collector


async def push(collector: Collector, content: Mapping[str, Any]) -> bool:
    """Send one document; whether the collector took it."""
    secure = collector.url.startswith("https:")
    tls = ssl.create_default_context(cafile=certifi.where()) if secure else None
    client = _client(collector, tls)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            answer = await client.post(json.dumps(content).encode())
    except (HttpError, TimeoutError):
        return False
    finally:
        await client.close()
    answer.close()
    return answer.status == 200


def _client(collector: Collector, tls: ssl.SSLContext | None) -> Client:
    """What asks the collector. Raises `ValueError` for an address or a header that is none."""
    headers = [("content-type", "application/json"), *collector.headers]
    return Client(Place(collector.url, tls), headers, 1, _ANSWER_BYTES_MAX)


class Pusher:
    """Pushes at intervals, as long as there are verdicts: a frozen instance has no clock.

    `metrics` collects those of the process.
    """

    def __init__(self, collector: Collector, metrics: Collects) -> None:
        self._collector = collector
        self._metrics = metrics
        self._began = time.time_ns()
        self._due = 0.0
        self._task: asyncio.Task[bool] | None = None

    def beat(self) -> None:
        """Called after each verdict: pushes in the background when the interval is over."""
        now = asyncio.get_running_loop().time()
        if now < self._due or (self._task is not None and not self._task.done()):
            return
        self._due = now + self._collector.interval_seconds
        self._task = asyncio.create_task(push(self._collector, self._document()))

    async def close(self) -> None:
        """Push what there is, for the last time."""
        if self._task is not None:
            await self._task
        await push(self._collector, self._document())

    def _document(self) -> dict[str, Any]:
        span = {"startTimeUnixNano": str(self._began), "timeUnixNano": str(time.time_ns())}
        return document(self._metrics.collect(), self._collector.service, span)


def document(families: Iterable[Metric], service: str, span: Mapping[str, str]) -> dict[str, Any]:
    """`families` in OTLP's JSON form. `span` says since when and until when, in nanoseconds."""
    metrics = [each for each in (_metric(family, span) for family in families) if each]
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes({"service.name": service})},
                "scopeMetrics": [{"scope": {"name": "meshward"}, "metrics": metrics}],
            }
        ]
    }


def _metric(family: Metric, span: Mapping[str, str]) -> dict[str, Any] | None:
    """One family; None where nothing was counted yet."""
    told = {"name": family.name, "description": family.documentation}
    if family.type == "histogram":
        points = _histograms(family.samples, span)
        kind = {"histogram": {"aggregationTemporality": _CUMULATIVE, "dataPoints": points}}
    else:
        samples = [each for each in family.samples if not each.name.endswith("_created")]
        points = [
            {**span, "attributes": _attributes(each.labels), "asDouble": each.value}
            for each in samples
        ]
        sums = {"aggregationTemporality": _CUMULATIVE, "isMonotonic": True, "dataPoints": points}
        kind = {"sum": sums} if family.type == "counter" else {"gauge": {"dataPoints": points}}
    return {**told, **kind} if points else None


def _histograms(samples: Iterable[Sample], span: Mapping[str, str]) -> list[dict[str, Any]]:
    """One point for each set of labels; Prometheus' buckets count all below, OTLP's do not."""
    points: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        point = points.setdefault(
            tuple(labels.items()),
            {**span, "attributes": _attributes(labels), "bucketCounts": [], "explicitBounds": []},
        )
        if sample.name.endswith("_bucket"):
            below = sum(map(int, point["bucketCounts"]))
            point["bucketCounts"].append(str(int(sample.value) - below))
            if sample.labels["le"] != "+Inf":
                point["explicitBounds"].append(float(sample.labels["le"]))
        elif sample.name.endswith("_count"):
            point["count"] = str(int(sample.value))
        elif sample.name.endswith("_sum"):
            point["sum"] = sample.value
    return list(points.values())


def _attributes(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in labels.items()]
