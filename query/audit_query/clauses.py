"""Parts of Elasticsearch queries that several packages put theirs together of. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["any_of", "from_partition"]

Query = dict[str, Any]


def any_of(queries: Iterable[Mapping[str, Any]]) -> Query:
    """Return the query for what at least one of these finds; without any, it finds nothing."""
    known = list(queries)
    return {"bool": {"should": known, "minimum_should_match": 1}} if known else {"match_none": {}}


def from_partition(topic: str, partition: int, *spans: tuple[int, int | None]) -> Query:
    """Return the query for the events whose records are in a partition of Kafka.

    Each span of offsets is from its first to before its end, or to the last one if that is None;
    without any span, all offsets are meant.
    """
    where: list[Query] = [
        {"term": {"audit.kafka.topic": topic}},
        {"term": {"audit.kafka.partition": partition}},
    ]
    if spans:
        where.append(any_of(_offsets(*span) for span in spans))
    return {"bool": {"filter": where}}


def _offsets(first: int, end: int | None) -> Query:
    return {"range": {"audit.kafka.offset": {"gte": first, **({} if end is None else {"lt": end})}}}
