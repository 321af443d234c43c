"""The server's Prometheus metrics. All names are here; no label holds a name or a path."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["ServerMetrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class ServerMetrics:
    """The metrics of one server, in a registry of their own. Probes are not counted."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._requests = Counter(
            "auditlog_requests",
            "Requests, by route (none: refused before routing) and status.",
            ["route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "auditlog_request_duration_seconds",
            "How long a response took, to its last byte.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._aborted = Counter(
            "auditlog_responses_aborted",
            "Responses that ended midway: the client disconnected or stalled, or the log failed.",
            registry=registry,
        )
        self.in_flight = Gauge(
            "auditlog_requests_in_flight", "Requests in progress.", registry=registry
        )
        self._limit = Gauge(
            "auditlog_requests_limit", "Limit of concurrent requests.", registry=registry
        )

        self._sign_ins = Counter(
            "auditlog_sign_ins",
            "Sign-ins at the identity provider, by what came of them.",
            ["outcome"],
            registry=registry,
        )

    def signs_in(self, outcomes: Iterable[str]) -> None:
        """Show what may come of a sign-in at 0: a rate needs a beginning."""
        for outcome in outcomes:
            self._sign_ins.labels(outcome)

    def signed_in(self, outcome: str) -> None:
        """Count a sign-in that has succeeded or failed."""
        self._sign_ins.labels(outcome).inc()

    def limit(self, requests: int) -> None:
        """Set the limit of concurrent requests."""
        self._limit.set(requests)

    def observe(self, route: str, status: int, seconds: float, *, is_aborted: bool) -> None:
        """Count a request. `route` is a pattern such as /events/{event_id}, never the path."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if is_aborted:
            self._aborted.inc()
