"""What the forwarder counts, for Prometheus. All names stand here.

======================================== ======= ====== =============================================
name                                     kind    labels what
======================================== ======= ====== =============================================
auditlog_forward_delivered_total         counter stream items that were acknowledged, repeats too
auditlog_forward_dead_letters_total      counter stream items that it refused for good
auditlog_forward_failures_total          counter stream attempts that failed, and are tried again
auditlog_forward_blocked                 gauge   stream 1 while nothing can be delivered, or read
auditlog_forward_owned                   gauge   stream 1 while this process has the stream
auditlog_forward_lag_records             gauge   stream records behind the consumers; 0 where not owned
auditlog_forward_lag_seconds             gauge   stream age of the last delivered, while there is more
======================================== ======= ====== =============================================

Of several processes one has a stream at a time; the others stand by.
"""

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["ForwardMetrics", "StreamMetrics"]


class ForwardMetrics:
    """The metrics of one process, in a registry of their own. Thread-safe."""

    def __init__(self, streams: Iterable[str] = ()) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, text: str) -> Counter:
            return Counter(f"auditlog_forward_{name}", text, ("stream",), registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"auditlog_forward_{name}", text, ("stream",), registry=registry)

        delivered = counter("delivered", "Items that the receiver acknowledged, repeats among them.")
        dead_letters = counter("dead_letters", "Items that the receiver refused for good.")
        failures = counter("failures", "Attempts that failed, and are tried again.")
        blocked = gauge("blocked", "1 while nothing can be delivered, or read.")
        owned = gauge("owned", "1 while this process has the stream.")
        records = gauge("lag_records", "Records of the stream's topic that it is behind.")
        seconds = gauge("lag_seconds", "Age of what was delivered last, while there is more.")
        self._streams = {
            name: StreamMetrics(
                delivered.labels(name),
                dead_letters.labels(name),
                failures.labels(name),
                blocked.labels(name),
                owned.labels(name),
                records.labels(name),
                seconds.labels(name),
            )
            for name in streams
        }

    def of(self, stream: str) -> "StreamMetrics":
        """Return the metrics of one stream."""
        return self._streams[stream]


class StreamMetrics:
    """The metrics of one stream."""

    def __init__(
        self,
        delivered: Counter,
        dead_letters: Counter,
        failures: Counter,
        blocked: Gauge,
        owned: Gauge,
        lag_records: Gauge,
        lag_seconds: Gauge,
    ) -> None:
        self.delivered = delivered
        self.dead_letters = dead_letters
        self.failures = failures
        self.blocked = blocked
        self.owned = owned
        self._lag_records = lag_records
        self._behind_since: float | None = None
        lag_seconds.set_function(self._lag_seconds)

    def lag(self, records: int, received_ms: int | None) -> None:
        """Note how many records are behind the position, and when Kafka took the last delivered one."""
        self._lag_records.set(records)
        if not records:
            self._behind_since = None
        elif received_ms is not None:
            self._behind_since = received_ms / 1000
        elif self._behind_since is None:
            self._behind_since = time.time()

    def _lag_seconds(self) -> float:
        since = self._behind_since
        return 0.0 if since is None else max(0.0, time.time() - since)
