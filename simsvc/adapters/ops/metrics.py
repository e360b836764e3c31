"""Prometheus metrics for several workers.

prometheus_client does so where PROMETHEUS_MULTIPROC_DIR names a folder before it is imported. The server
names it when it starts: import this module only in a worker.
Source: prometheus_client's documentation, "Multiprocess Mode".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from simsvc.values import Estimate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
"""Buckets, dense around the targets of 30 ms, and 100 ms at worst."""

REQUESTS = Counter(
    "simsvc_requests", "Answered requests, by method, route and status.", ("method", "route", "status")
)
REQUEST_SECONDS = Histogram(
    "simsvc_request_seconds", "Seconds to answer a request, by route.", ("route",), buckets=BUCKETS_S
)
ESTIMATES = Counter("simsvc_estimates", "Recorded estimates, by status.", ("status",))
REFUSALS = Counter("simsvc_refusals", "Photos that could not be estimated, by code.", ("code",))
READS_LOST = Counter("simsvc_reads_not_logged", "Views of records that were shown but could not be logged.")
STEP_SECONDS = Histogram(
    "simsvc_step_seconds", "Seconds for one step of an estimate.", ("step",), buckets=BUCKETS_S
)


def note_estimate(estimate: Estimate) -> None:
    """Count an estimate that was put on record."""
    ESTIMATES.labels(estimate.status).inc()
    if estimate.code:
        REFUSALS.labels(estimate.code).inc()
    for step, ms in estimate.ms.items():
        STEP_SECONDS.labels(step).observe(ms / 1000)


def note_lost_reads(count: int) -> None:
    """Count views that will never be in the log."""
    READS_LOST.inc(count)


def note_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request by its rule, such as "/cases/<reference>", never by the actual path."""
    REQUESTS.labels(method, route, str(status)).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure that is measured when Prometheus asks; `measure` returns None where it cannot be told."""

    meaning: str
    measure: Callable[[], float | None]


def exposition(gauges: Mapping[str, Gauge]) -> bytes:
    """Return the metrics of all processes in Prometheus' text format; a gauge that is None is omitted."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped in the library
    else:
        registry.register(REGISTRY)
    found = [
        GaugeMetricFamily(name, gauge.meaning, value=value)
        for name, gauge in gauges.items()
        if (value := gauge.measure()) is not None
    ]
    registry.register(_Measured(found))
    return generate_latest(registry)


@dataclass(frozen=True, eq=False)
class _Measured:
    """A gauge measured on request."""

    found: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.found
