"""A bare confluent-kafka producer loop: the yardstick of benchmarks/kafka.py."""

from __future__ import annotations

import sys
import time

from confluent_kafka import Producer


def measure(servers: str, topic: str, value: bytes, seconds: float) -> tuple[float, float]:
    """Produce for so long and return records/s acknowledged, and processor µs a record."""
    producer = Producer(
        {"bootstrap.servers": servers, "enable.idempotence": True, "acks": "all", "linger.ms": 5}
    )
    counted = [0]

    def delivered(error: object, _message: object) -> None:
        assert error is None, error
        counted[0] += 1

    started, before = time.perf_counter(), time.process_time()
    while time.perf_counter() < started + seconds:
        try:
            producer.produce(topic, value, partition=0, on_delivery=delivered)
        except BufferError:
            producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    took, used = time.perf_counter() - started, time.process_time() - before
    return counted[0] / took, used / counted[0] * 1e6


if __name__ == "__main__":
    from gateway import VALUE

    print(*measure(sys.argv[1], "benchmark", VALUE, float(sys.argv[2])), flush=True)
