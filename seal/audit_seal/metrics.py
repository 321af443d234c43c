"""What the sealer counts, for Prometheus. All names stand here.

============================================ ======= ========= ========================================
name                                         kind    labels    what
============================================ ======= ========= ========================================
auditlog_seal_last_success_timestamp_seconds gauge             when the last checkpoint was published
auditlog_seal_entries                        gauge             entries of the log
auditlog_seal_period                         gauge             number of the period that signs
auditlog_seal_sealed_offset                  gauge   partition every offset before it is sealed
auditlog_seal_settled_offset                 gauge   partition every offset before it is settled
auditlog_seal_missing                        gauge             records that had no document, ever
auditlog_seal_blocked                        gauge   what      1 while sealing or settling is blocked
auditlog_seal_cosigned                       gauge   witness   1 if it cosigned the last checkpoint
auditlog_seal_stamp_timestamp_seconds        gauge             time of the last time stamp
============================================ ======= ========= ========================================
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Gauge

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
        self._missing = gauge(
            "missing", "Records that had no document when they were settled, since the log began."
        )
        self._cosigned = gauge(
            "cosigned", "1 if the witness cosigned the last checkpoint, 0 if not.", "witness"
        )
        self._stamped = gauge(
            "stamp_timestamp_seconds", "Time of the last time stamp, since 1970; 0 if there is none."
        )
        self._blocked = gauge("blocked", "1 while it can't be done.", "what")
        for what in ("sealing", "settling", "stamping"):
            self._blocked.labels(what).set(0)

    def cosigned(self, by_witness: Mapping[str, bool]) -> None:
        """Note who has cosigned the last checkpoint, and who has not."""
        for name, has_cosigned in by_witness.items():
            self._cosigned.labels(name).set(has_cosigned)

    def stamped(self, time: float) -> None:
        """Show the time of the last time stamp."""
        self._stamped.set(time)

    def block(self, what: str) -> None:
        """Note that `sealing`, `settling` or `stamping` is blocked."""
        self._blocked.labels(what).set(1)

    def unblock(self, what: str) -> None:
        """Note that it is not."""
        self._blocked.labels(what).set(0)

    def sealed(self, entries: int) -> None:
        """Note a checkpoint that was published."""
        self._success.set_to_current_time()
        self._entries.set(entries)

    def show(self, positions: Iterable[Position], *, period: int, missing: int) -> None:
        """Show how far the log is; at the start, as it was at the last checkpoint."""
        self._period.set(period)
        self._missing.set(missing)
        for position in positions:
            number = str(position.place.partition)
            self._sealed.labels(number).set(position.end)
            self._settled.labels(number).set(position.settled)
