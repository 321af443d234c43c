"""Record -> document or refusal. Pure: no I/O, and the verdict depends on the record alone."""

from dataclasses import dataclass
from datetime import datetime

from audit_schemas import (
    SCHEMA_HEADER,
    Catalogue,
    Document,
    EventRefused,
    IndexNaming,
    Problem,
    Reason,
    TimeBounds,
    check_version,
    decode,
    format_timestamp,
)

from audit_consumer.record import Prepared, Record, Refusal

__all__ = ["Decoder"]


@dataclass(frozen=True, slots=True)
class Decoder:
    """What is needed to judge a record."""

    catalogue: Catalogue
    bounds: TimeBounds
    naming: IndexNaming

    def prepare(self, record: Record, now: datetime) -> Prepared | Refusal:
        """Validate a record and make its document, or say why it is refused. Never raises."""
        try:
            return self._prepare(record, now)
        except EventRefused as refused:
            return Refusal(record, refused.reason, refused.path, str(refused))

    def _prepare(self, record: Record, now: datetime) -> Prepared:
        if record.defect is not None:
            raise EventRefused(Reason.MALFORMED, Problem("", record.defect))
        if record.value is None:
            raise EventRefused(Reason.MALFORMED, Problem("", "the record has no value"))
        check_version(record.header(SCHEMA_HEADER))
        event = self.catalogue.settle(decode(record.value))
        self.bounds.check(event.timestamp, record.received)
        moment = format_timestamp(now)
        document = Document.of(event, self.catalogue[event.event.action], record.origin, moment, moment)
        return Prepared(record, self.naming.index_of(event.timestamp), document)
