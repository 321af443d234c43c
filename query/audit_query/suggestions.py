"""Values that begin with what someone is typing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import elasticsearch
from audit_schemas import shown_person, visible_name

from audit_query.aggregations import beginning_with, ranking, read_ranking

__all__ = ["SUGGESTED", "Suggested", "Suggestions", "suggestions"]

Suggested = Literal["user", "activity", "ip"]

SUGGESTED: Mapping[Suggested, tuple[str, ...]] = {
    "user": ("audit.user", "user.id"),
    "activity": ("event.action",),
    "ip": ("source.ip",),
}
"""What can be completed, and in which fields."""

_ADDRESSES = 1000


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What to look for: fields, how a value begins, and how many."""

    fields: tuple[str, ...]
    prefix: str
    size: int

    def of_all(self, client: elasticsearch.Elasticsearch, index: str) -> list[str]:
        """Return values from the index's own list of terms, which is quick.

        That list knows no documents: events that retention or a filter leaves out count too.
        """
        values: list[str] = []
        for field in self.fields:
            try:
                response = client.terms_enum(
                    index=index,
                    field=field,
                    string=self.prefix,
                    case_insensitive=True,
                    size=self.size,
                )
            except elasticsearch.NotFoundError:  # no event yet, so no index
                return []
            values += map(shown_person, response["terms"]) if field == "user.id" else response["terms"]
        return self._first(values)

    def of_some(self, search: Callable[..., Mapping[str, Any]]) -> list[str]:
        """Return the most frequent values of the events that `search` sees, and of no others.

        Addresses have no text to match in the index: only the 1,000 most frequent are considered.
        """
        values: list[str] = []
        for field in self.fields:
            aggregations = (
                ranking("ip", _ADDRESSES)
                if field == "source.ip"
                else beginning_with(field, self.prefix, self.size)
            )
            response = search(size=0, track_total_hits=False, aggs=aggregations)
            found = [row.value for row in read_ranking(response)]
            values += map(shown_person, found) if field == "user.id" else found
        return self._first(value for value in values if self._fits(value))

    def _fits(self, value: str) -> bool:
        return value.casefold().startswith(self.prefix.casefold())

    def _first(self, values: Any) -> list[str]:
        return list(dict.fromkeys(values))[: self.size]


def suggestions(what: Suggested, prefix: str, size: int) -> Suggestions:
    """Return what to look for."""
    return Suggestions(SUGGESTED[what], visible_name(prefix) if what == "user" else prefix, size)
