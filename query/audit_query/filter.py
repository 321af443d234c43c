"""What is asked for, and the query that it becomes. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit_schemas import format_timestamp

from audit_query.errors import TimeRangeError

__all__ = ["Filter"]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: all that match one value of each field that is given.

    `start` is included, `end` is not. Raises TimeRangeError if they are the wrong way round.
    """

    users: tuple[str, ...] = ()
    """Ids or names; `system` for what the system did."""
    activities: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise TimeRangeError(
                f"from {format_timestamp(self.start)} is not before to {format_timestamp(self.end)}"
            )

    def to_query(self) -> dict[str, Any]:
        """Return the Elasticsearch query: filters only, since nothing is scored."""
        clauses: list[dict[str, Any]] = []
        if self.users:
            users = list(self.users)
            either = [{"terms": {"user.id": users}}, {"terms": {"audit.user": users}}]
            clauses.append({"bool": {"should": either, "minimum_should_match": 1}})
        if self.activities:
            clauses.append({"terms": {"event.action": list(self.activities)}})
        if span := self._span():
            clauses.append({"range": {"@timestamp": span}})
        return {"bool": {"filter": clauses}} if clauses else {"match_all": {}}

    def _span(self) -> dict[str, str]:
        span = {}
        if self.start is not None:
            span["gte"] = format_timestamp(self.start)
        if self.end is not None:
            span["lt"] = format_timestamp(self.end)
        return span
