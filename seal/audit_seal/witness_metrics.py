"""What a witness counts, for Prometheus. All names stand here.

================================================ ======= ====== ========================================
name                                             kind    labels what
================================================ ======= ====== ========================================
auditlog_witness_last_cosigned_timestamp_seconds gauge          when a checkpoint was last cosigned
auditlog_witness_refused_total                   counter reason `history`: contradicts what was seen;
                                                                `other`: not asked as it must be
================================================ ======= ====== ========================================
"""

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["WitnessMetrics"]


class WitnessMetrics:
    """The metrics of one witness, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._cosigned = Gauge(
            "auditlog_witness_last_cosigned_timestamp_seconds",
            "When a checkpoint was last cosigned, since 1970; 0 if none was since the start.",
            registry=registry,
        )
        self._refused = Counter(
            "auditlog_witness_refused_total",
            "Checkpoints that were refused.",
            ["reason"],
            registry=registry,
        )
        for reason in ("history", "other"):
            self._refused.labels(reason)

    def cosigned(self) -> None:
        """Count a checkpoint that was cosigned."""
        self._cosigned.set_to_current_time()

    def refused(self, *, contradicts: bool) -> None:
        """Count one that was not: it contradicts what was seen, or was not asked as it must be."""
        self._refused.labels("history" if contradicts else "other").inc()
