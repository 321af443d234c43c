"""What the server counts, for Prometheus. All names stand here; no label holds a name or a path."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["ServerMetrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class ServerMetrics:
    """The metrics of one server, in a registry of their own. Probes are not counted."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._requests = Counter(
            "auditlog_requests",
            "Requests that were answered, by route (none: refused before it had one) and status.",
            ["route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "auditlog_request_seconds",
            "How long an answer took, to its last byte.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._broken = Counter(
            "auditlog_answers_broken",
            "Answers that ended midway: the reader was gone, took nothing, or the log failed.",
            registry=registry,
        )
        self.in_flight = Gauge(
            "auditlog_requests_in_flight", "Requests that are worked on.", registry=registry
        )
        self._limit = Gauge(
            "auditlog_requests_limit", "Requests that may be worked on at a time.", registry=registry
        )

    def limit(self, requests: int) -> None:
        """Set how many requests may be worked on at a time."""
        self._limit.set(requests)

    def answered(self, route: str, status: int, seconds: float, *, is_broken: bool) -> None:
        """Count a request. `route` is a pattern such as /events/{event_id}, never the path."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if is_broken:
            self._broken.inc()
