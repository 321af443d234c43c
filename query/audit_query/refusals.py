"""What Elasticsearch refuses about a query, as an error that says which part of it and what to do.

Its own words for all of these are "all shards failed", or "Partial shards failure" where a shard has
nothing to search. What is too much whatever its settings is refused before, by `Filter`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import elasticsearch

from audit_query.errors import ParameterError, QueryError, TimeRangeError, TimeZoneError

__all__ = ["refusal_of", "refusals_named"]

_ZONE = re.compile(r"Unknown time-zone ID: (\S+)")
_PREFIX = re.compile(r"length of prefix \[\d+\].*allowed maximum of \[(\d+)\]")
_CLAUSES = ("too_many_nested_clauses", "too_many_clauses")


def refusal_of(error: elasticsearch.ApiError) -> QueryError | None:
    """Return the error to raise in its place; None where Elasticsearch's is the best there is."""
    for cause in _causes(error.body):
        reason = str(cause.get("reason"))
        if found := _ZONE.search(reason):
            return TimeZoneError(found[1])
        if found := _PREFIX.search(reason):
            return ParameterError("text", f"Elasticsearch takes at most {found[1]} characters")
        if cause.get("type") == "too_many_buckets_exception":
            why = "take a longer interval, fewer parts, or a shorter time (from, to)"
            return TimeRangeError(f"these are too many buckets; {why}")
        if cause.get("type") in _CLAUSES:
            why = "Elasticsearch can't search for so many words and values at once; give fewer"
            return ParameterError("text", why)
    return None


@contextmanager
def refusals_named() -> Iterator[None]:
    """Raise the error that says what to do, in place of the client's, where there is one."""
    try:
        yield
    except elasticsearch.ApiError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


def _causes(found: Any) -> Iterator[dict[str, Any]]:
    """Yield every cause in an error's body, however deep: of the whole, of shards, of other causes."""
    if isinstance(found, list):
        for each in found:
            yield from _causes(each)
    elif isinstance(found, dict):
        yield found
        for key in ("error", "root_cause", "failed_shards", "reason", "caused_by"):
            yield from _causes(found.get(key))
