"""Events of a time, from Elasticsearch, in order of time: what Kafka no longer has, or a gap."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from audit_query import AuditLog, Filter
from audit_runtime.hits import Hit
from audit_schemas import format_timestamp

from audit_forward.encoder import Encoder
from audit_forward.item import Batch
from audit_forward.state import StreamState
from audit_forward.stream_file import StreamFile

__all__ = ["HistorySource"]

_PAGE = 1000


class HistorySource:
    """See `audit_forward.source.Source`. It goes on behind the last event that was delivered."""

    def __init__(
        self, stream: StreamFile, log: AuditLog, encoder: Encoder, start: datetime, end: datetime
    ) -> None:
        organization = stream.organization
        self._log = log if organization is None else log.for_organization(organization)
        wanted = stream.query.filter(end)
        self._wanted: Filter = replace(wanted, start=start, end=end)
        self._encoder = encoder
        self._pages: Iterator[list[Hit]] = iter(())

    def begin(self, state: StreamState) -> StreamState:
        """Go to where the run was broken off."""
        self._pages = map(
            list,
            self._log.pages(self._wanted, after=state.cursor or None, first=_PAGE, most=_PAGE),
        )
        return replace(state, began=state.began or format_timestamp(datetime.now(UTC)))

    def read(self) -> Batch | None:
        """Return a page of events; None at the end."""
        hits = next(self._pages, None)
        if hits is None:
            return None
        return Batch(
            [self._encoder.event(hit.line, hit.sort[1], hit.sort[2], hit.sort) for hit in hits]
        )

    def lag(self, _: StreamState) -> int:
        """Return 0: what is left is not counted."""
        return 0

    def close(self) -> None:
        """Do nothing: the connection is others' too."""
