"""The consumer's Prometheus metrics; all names stand here.

Counted once a batch, never once a record.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from audit_consumer.geo_file import GeoFile
from audit_consumer.record import Outcome
from audit_consumer.workers import BulkResult

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one consumer, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._records = Counter(
            "auditlog_records", "Records that were settled.", ["outcome"], registry=registry
        )
        self._bulk_seconds = Histogram(
            "auditlog_bulk_seconds",
            "How long a bulk request took, its conflicts and dead letters included.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._bulk_bytes = Counter(
            "auditlog_bulk_bytes", "Bytes of bulk requests' bodies.", registry=registry
        )
        self._retries = Counter(
            "auditlog_retries", "Packs that have to be tried again.", registry=registry
        )
        self.in_flight = Gauge(
            "auditlog_bulks_in_flight", "Bulk requests in flight.", registry=registry
        )
        self.bulks = Gauge(
            "auditlog_bulks_limit", "Bulk requests that may be in flight.", registry=registry
        )
        self.bulk_events = Gauge(
            "auditlog_bulk_events_limit",
            "Documents that a bulk request is filled to.",
            registry=registry,
        )
        self.buffered_bytes = Gauge(
            "auditlog_buffered_bytes", "Bytes of records that are not settled.", registry=registry
        )
        self.oldest_record_age = Gauge(
            "auditlog_oldest_record_age_seconds",
            "Age of the oldest record that was read and is not settled; 0 if there is none.",
            registry=registry,
        )
        self.is_blocked = Gauge(
            "auditlog_blocked", "1 while an error keeps records from being settled.", registry=registry
        )
        self.is_careful = Gauge(
            "auditlog_careful_reading",
            "1 since a batch was too large for the Kafka client; reading is slower, and bounded.",
            registry=registry,
        )
        self._lag = Gauge(
            "auditlog_lag_records",
            "Records of a partition that are published and not settled.",
            ["partition"],
            registry=registry,
        )
        self.seeks = Counter(
            "auditlog_stalled_partition_seeks",
            "Partitions with lag that gave no record after a resume, and were seeks again.",
            registry=registry,
        )
        self._geo_usable = Gauge(
            "auditlog_geo_file_usable",
            "1 where a database of addresses could be read as it is now.",
            ["file"],
            registry=registry,
        )
        self._geo_built = Gauge(
            "auditlog_geo_file_built_timestamp_seconds",
            "When a database of addresses was made, in seconds since 1970.",
            ["file"],
            registry=registry,
        )
        for outcome in Outcome:
            self._records.labels(outcome.value)

    def count_result(self, result: BulkResult) -> None:
        """Count the result of a batch."""
        for outcome, count in result.progress.outcomes.items():
            self._records.labels(outcome.value).inc(count)
        if result.events:
            self._bulk_seconds.observe(result.seconds)
            self._bulk_bytes.inc(result.size)
        if result.progress.blocking_error is not None:
            self._retries.inc()

    def geo_files(self, files: Iterable[GeoFile]) -> None:
        """Set whether databases of addresses can be used, and how old they are."""
        for file in files:
            self._geo_usable.labels(file.path.name).set(not file.problem)
            if file.built is not None:
                self._geo_built.labels(file.path.name).set(file.built.timestamp())

    def lag(self, partitions: Mapping[int, int]) -> None:
        """Set the lag of the partitions that are assigned; others are not shown."""
        self._lag.clear()
        for partition, records in partitions.items():
            self._lag.labels(str(partition)).set(records)
