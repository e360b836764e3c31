"""Prometheus metrics for several workers.

With PROMETHEUS_MULTIPROC_DIR set before import, prometheus_client adds up the files of all processes; without
it, a process counts for itself. Source: prometheus_client's documentation, "Multiprocess Mode".
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from simsvc.values import Estimate

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
"""Buckets, dense around the targets of 30 ms, and 100 ms at worst."""

_MAKING = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Meters:
    """The metrics of a process."""

    requests: Counter
    request_seconds: Histogram
    estimates: Counter
    refusals: Counter
    step_seconds: Histogram


def _meters() -> _Meters:
    """Return the metrics of this process, created once."""
    with _MAKING:
        return _made()


@cache
def _made() -> _Meters:
    """Create the metrics on first use, because the library reads its folder on import."""
    from prometheus_client import Counter, Histogram  # noqa: PLC0415 - after a worker forked, see above

    timed = partial(Histogram, buckets=BUCKETS_S)
    return _Meters(
        Counter("simsvc_requests", "Answered requests.", ("method", "route", "status")),
        timed("simsvc_request_seconds", "Time of a request.", ("route",)),
        Counter("simsvc_estimates", "Recorded estimates.", ("status",)),
        Counter("simsvc_refusals", "Photos that could not be judged, by code.", ("code",)),
        timed("simsvc_step_seconds", "Time of a step of an estimate.", ("step",)),
    )


# Caches series, because the library looks them up under a lock.


@cache
def _estimates(status: str) -> Counter:
    return _meters().estimates.labels(status)


@cache
def _step_seconds(step: str) -> Histogram:
    return _meters().step_seconds.labels(step)


@cache
def _requests(method: str, route: str, status: int) -> Counter:
    return _meters().requests.labels(method, route, str(status))


@cache
def _request_seconds(route: str) -> Histogram:
    return _meters().request_seconds.labels(route)


def note_estimate(estimate: Estimate) -> None:
    """Count a recorded estimate."""
    _estimates(estimate.status).inc()
    if estimate.code:
        _meters().refusals.labels(estimate.code).inc()
    for step, ms in estimate.ms.items():
        _step_seconds(step).observe(ms / 1000)


def note_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request.

    Args:
        method: of HTTP.
        route: matched rule, such as "/cases/<reference>", never the actual path.
        status: of the answer.
        seconds: it took.
    """
    _requests(method, route, status).inc()
    _request_seconds(route).observe(seconds)


def exposition(gauges: Mapping[str, Callable[[], float | None]]) -> bytes:
    """Return the metrics of all processes in Prometheus' text format.

    Args:
        gauges: current values by name; None is omitted.
    """
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest  # noqa: PLC0415 - as above
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - as above
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415 - as above

    _meters()
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped in the library
    else:
        registry.register(REGISTRY)
    measured = {name: gauge() for name, gauge in gauges.items()}
    found = [
        GaugeMetricFamily(name, name, value=value) for name, value in measured.items() if value is not None
    ]
    registry.register(_Measured(found))
    return generate_latest(registry)


@dataclass(frozen=True, eq=False)
class _Measured:
    """A gauge measured on request."""

    found: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        """Return it."""
        return self.found
