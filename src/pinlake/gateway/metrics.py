"""What the gateway counts, for Prometheus. Labels come from closed sets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pinlake.gateway.base import Context
from pinlake.record import Kind

PROTOCOLS = ("kafka", "kinesis", "gateway")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the durations' buckets, in seconds."""


class Durations:
    """How many requests took how long."""

    def __init__(self) -> None:
        self.sum = 0.0
        self._counts = [0] * (len(BOUNDS) + 1)

    def note(self, seconds: float) -> None:
        """Count one."""
        self.sum += seconds
        self._counts[bisect_left(BOUNDS, seconds)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Return each bound with how many were at most that long."""
        bounds = (*map(str, BOUNDS), "+Inf")
        return list(zip(bounds, map(float, accumulate(self._counts)), strict=True))


class Metrics(Collector):
    """The gateway's counters. Plain numbers, for they are counted for every request."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._requests = {(protocol, each): 0 for protocol in PROTOCOLS for each in CLASSES}
        self._durations = {protocol: Durations() for protocol in PROTOCOLS}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, protocol: str, status: int, seconds: float) -> None:
        """Count one answered request and how long it took."""
        self._requests[protocol, CLASSES[status // 100 - 1]] += 1
        self._durations[protocol].note(seconds)

    def text(self) -> bytes:
        """Return the counters in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Return the counters as they are now."""
        yield self._counted()
        yield self._timed()
        yield self._appended()
        failed = "Appends that the log could not store, none of whose records were acknowledged."
        yield CounterMetricFamily("pinlake_append_failures", failed, self._context.failures)

    def _counted(self) -> Metric:
        title = "HTTP requests answered, by protocol and class of status."
        family = CounterMetricFamily("pinlake_requests", title, labels=("protocol", "status"))
        for labels, count in self._requests.items():
            family.add_metric(labels, count)
        return family

    def _timed(self) -> Metric:
        title = "Seconds from a request's last byte to its answer, the log's sync included."
        family = HistogramMetricFamily("pinlake_request_seconds", title, labels=("protocol",))
        for protocol, durations in self._durations.items():
            family.add_metric((protocol,), durations.buckets(), durations.sum)
        return family

    def _appended(self) -> Metric:
        title = "Records that were acknowledged, by what they went to."
        family = CounterMetricFamily("pinlake_records", title, labels=("kind",))
        for kind in Kind:
            family.add_metric((kind.value,), self._context.stored[kind])
        return family
