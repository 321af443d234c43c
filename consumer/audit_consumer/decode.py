"""Record -> document or refusal. Pure: no I/O, and the verdict depends on the record alone.

So does the document, but for the place of its address, where there are databases of places.
"""

from collections.abc import Sequence

from audit_schemas import (
    SCHEMA_HEADER,
    Catalogue,
    Document,
    EventRefusedError,
    IndexNaming,
    Problem,
    Reason,
    TimeBounds,
    check_version,
    decode,
    format_timestamp,
)
from confluent_kafka import Message

from audit_consumer.fast_path import FastPath
from audit_consumer.home_index import HomeIndex
from audit_consumer.places import Places
from audit_consumer.record import Headers, Prepared, Record, Refusal, headers_of

__all__ = ["Decoder"]

_NEVER = "1970-01-01T00:00:00.000Z"


class Decoder:
    """Decodes and validates records. Safe to use from several threads."""

    def __init__(
        self,
        catalogue: Catalogue,
        bounds: TimeBounds,
        naming: IndexNaming,
        places: Places | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._bounds = bounds
        self._naming = naming
        self._home = HomeIndex(naming)
        self._places = places
        self._fast_path = FastPath(catalogue, bounds, naming, places)

    @property
    def indices(self) -> set[str]:
        """Every index that `read` gave lines for."""
        return self._fast_path.indices

    def read(self, message: Message, ingested: str) -> bytes | Refusal:
        """Return a record's lines of a bulk request, or why it is refused. Never raises.

        `ingested` is the time of now, in RFC 3339. The message must not stand for an error.
        """
        return self.read_all([message], ingested)[0]

    def read_all(self, messages: Sequence[Message], ingested: str) -> list[bytes | Refusal]:
        """Return what `read` does for each record, in less time; see `portions`."""
        headers = headers_of(messages)
        found = self._fast_path.lines(messages, headers, ingested)
        return [
            lines or self._read_slowly(message, its, ingested)
            for message, its, lines in zip(messages, headers, found, strict=True)
        ]

    def _read_slowly(self, message: Message, headers: Headers, ingested: str) -> bytes | Refusal:
        found = self.prepare(Record.of(message, headers), ingested)
        if isinstance(found, Refusal):
            return found
        self.indices.add(found.index)
        return found.lines

    def prepare(self, record: Record, ingested: str = _NEVER) -> Prepared | Refusal:
        """Validate a record and make its document, or say why it is refused. Never raises.

        Without `ingested` the document is only to be compared, not to be indexed.
        """
        try:
            return self._prepare(record, ingested)
        except EventRefusedError as refused:
            return Refusal(record, refused.reason, refused.path, str(refused))

    def _prepare(self, record: Record, ingested: str) -> Prepared:
        if record.defect is not None:
            reason = Reason.TOO_LARGE if record.is_too_large else Reason.MALFORMED
            raise EventRefusedError(reason, Problem("", record.defect))
        if record.value is None:
            raise EventRefusedError(Reason.MALFORMED, Problem("", "the record has no value"))
        check_version(record.header(SCHEMA_HEADER))
        event = self._catalogue.settle(decode(record.value))
        self._bounds.check(event.timestamp, record.received)
        created = format_timestamp(record.received)
        document = Document.of(
            event,
            self._catalogue[event.event.action],
            record.origin,
            created=created,
            ingested=ingested,
            published=record.value,
            place=self._place_of(event.source.ip if event.source else None),
        )
        index = self._naming.index_of(event.timestamp)
        return Prepared(record, index, document, self._home.of(document.id, created))

    def _place_of(self, ip: str | None) -> str:
        return "" if ip is None or self._places is None else self._places.of(ip)
