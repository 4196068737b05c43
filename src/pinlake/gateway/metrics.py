"""What the gateway counts, for Prometheus. Labels come from closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, generate_latest

PROTOCOLS = ("kafka", "kinesis", "gateway")
CLASSES = ("2xx", "3xx", "4xx", "5xx")


class Metrics:
    """The gateway's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        requests = Counter(
            "pinlake_requests",
            "HTTP requests answered, by protocol and class of status.",
            ("protocol", "status"),
            registry=self.registry,
        )
        self._requests = {
            (protocol, status): requests.labels(protocol, status)
            for protocol in PROTOCOLS
            for status in CLASSES
        }

    def count(self, protocol: str, status: int) -> None:
        """Count one answered request."""
        self._requests[protocol, f"{status // 100}xx"].inc()

    def text(self) -> bytes:
        """Return the counters in Prometheus' text format, version 0.0.4."""
        return generate_latest(self.registry)
