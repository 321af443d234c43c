"""Values that begin with what someone is typing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import elasticsearch
from audit_schemas import shown_person, visible_name

from audit_query.address_prefix import address_query, is_written_so
from audit_query.aggregations import read_ranking
from audit_query.letter_case import begins_with, prefix_pattern, spellings

__all__ = ["SUGGESTED", "Suggested", "Suggestions", "suggestions"]

Suggested = Literal["user", "activity", "ip"]

SUGGESTED: Mapping[Suggested, tuple[str, ...]] = {
    "user": ("audit.user", "user.id"),
    "activity": ("event.action",),
    "ip": ("source.ip",),
}
"""What can be completed, and in which fields."""

_SPELLINGS = 9
"""More ways to write a prefix are one search, and no longer a list of terms for each."""

_ADDRESSES = 1000
"""Of which those are left out that only look at their text tells are not meant."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What to look for: fields, how a value begins, and how many.

    Whichever way the values are found, they are the first by their letters, field by field.
    """

    fields: tuple[str, ...]
    prefix: str
    size: int

    def of_all(
        self, client: elasticsearch.Elasticsearch, index: str, search: Callable[..., Mapping[str, Any]]
    ) -> list[str]:
        """Return values from the index's own list of terms, which is quick.

        That list knows capitals of ASCII alone, so each spelling beyond that is asked for; where
        there are too many, or of addresses, `search` finds the values.
        """
        prefixes = spellings(self.prefix, _SPELLINGS)
        if prefixes is None or self.fields == SUGGESTED["ip"]:
            return self.of_some(search)
        values: list[str] = []
        for field in self.fields:
            terms: set[str] = set()
            for prefix in prefixes:
                try:
                    response = client.terms_enum(
                        index=index, field=field, string=prefix, case_insensitive=True, size=self.size
                    )
                except elasticsearch.NotFoundError:  # no event yet, so no index
                    return []
                terms.update(response["terms"])
            values += _shown(field, sorted(terms)[: self.size])
        return self._first(values)

    def of_some(self, search: Callable[..., Mapping[str, Any]]) -> list[str]:
        """Return values of the events that `search` sees, and of no others."""
        values: list[str] = []
        for field in self.fields:
            is_address = field == "source.ip"
            terms = {
                "field": field,
                "size": _ADDRESSES if is_address else self.size,
                "order": {"_key": "asc"},
            }
            response = search(
                address_query(self.prefix)
                if is_address
                else {"regexp": {field: {"value": prefix_pattern(self.prefix)}}},
                size=0,
                track_total_hits=False,
                aggs={"ranking": {"terms": terms}},
            )
            fits = is_written_so if is_address else begins_with
            found = [row.value for row in read_ranking(response) if fits(row.value, self.prefix)]
            values += _shown(field, found)
        return self._first(values)

    def _first(self, values: list[str]) -> list[str]:
        return list(dict.fromkeys(values))[: self.size]


def suggestions(what: Suggested, prefix: str, size: int) -> Suggestions:
    """Return what to look for."""
    return Suggestions(SUGGESTED[what], visible_name(prefix) if what == "user" else prefix, size)


def _shown(field: str, values: Iterable[str]) -> Iterable[str]:
    return map(shown_person, values) if field == "user.id" else values
