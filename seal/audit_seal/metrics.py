"""What the sealer counts, for Prometheus. All names stand here.

============================================ ======= ========= ========================================
name                                         kind    labels    what
============================================ ======= ========= ========================================
auditlog_seal_last_success_timestamp_seconds gauge             when the last checkpoint was published
auditlog_seal_entries                        gauge             entries of the log
auditlog_seal_period                         gauge             number of the period that signs
auditlog_seal_sealed_offset                  gauge   partition every offset before it is sealed
auditlog_seal_settled_offset                 gauge   partition every offset before it is settled
auditlog_seal_missing_total                  counter           sealed records found without a document
============================================ ======= ========= ========================================
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from audit_seal.place import Position

__all__ = ["SealMetrics"]


class SealMetrics:
    """The metrics of one sealer, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"auditlog_seal_{name}", text, labels, registry=registry)

        self._success = gauge(
            "last_success_timestamp_seconds",
            "When the last checkpoint was published, since 1970; 0 if none was since the start.",
        )
        self._entries = gauge("entries", "Entries of the sealed log.")
        self._period = gauge("period", "Number of the period whose key signs.")
        self._sealed = gauge("sealed_offset", "Every offset before it is sealed.", "partition")
        self._settled = gauge("settled_offset", "Every offset before it is settled.", "partition")
        self.missing = Counter(
            "auditlog_seal_missing",
            "Sealed records that the consumers had passed, and that had no document.",
            registry=registry,
        )

    def sealed(self, entries: int, positions: Iterable[Position], period: int) -> None:
        """Note a checkpoint that was published."""
        self._success.set_to_current_time()
        self._entries.set(entries)
        self._period.set(period)
        for position in positions:
            number = str(position.place.partition)
            self._sealed.labels(number).set(position.end)
            self._settled.labels(number).set(position.settled)
