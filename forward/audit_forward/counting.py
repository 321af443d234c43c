"""How many events of a time a stream wants, has delivered, and has yet to deliver: by offsets.

What stands between the offset that a stream began at and the one that it goes on at was delivered, or
is a dead letter; what a run of its history has covered, too. All else that matches is a gap, or is
still to come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from audit_query import AuditLog, Filter, any_of, from_partition
from audit_schemas import format_timestamp

from audit_forward.state import StreamState, StreamStates
from audit_forward.stream_file import StreamFile

__all__ = ["StreamCount", "count_stream"]

Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StreamCount:
    """Events that match a stream's filter, by what became of them. All but `matching` add up to it."""

    matching: int
    delivered: int
    dead_letters: int
    waiting: int
    """Behind the stream's position: they come by themselves."""
    missing: int
    """From before the stream began, and in no finished run of its history."""
    first_missing: str | None = None
    last_missing: str | None = None


def count_stream(
    log: AuditLog, states: StreamStates, stream: StreamFile, topic: str, start: datetime, end: datetime
) -> StreamCount:
    """Count the events of a time. Errors of the Elasticsearch client pass through."""
    found = next(iter(states.of(stream.name, "stream")), StreamState("stream", stream.name))
    if found.topic != topic:  # offsets of another topic mean nothing in this one
        found = replace(found, positions={})
    runs = states.of(stream.name, "history")
    scoped = log if stream.organization is None else log.for_organization(stream.organization)
    span = {"gte": format_timestamp(start), "lt": format_timestamp(end)}
    passed = any_of([*_passed(found, topic), *_covered(runs)])
    waiting = any_of(_waiting(found, topic))
    missing = {"bool": {"must_not": [passed, waiting]}}
    times = {
        "first": {"min": {"field": "@timestamp"}},
        "last": {"max": {"field": "@timestamp"}},
    }
    wanted = replace(stream.query.filter(end), start=start, end=end)
    answer = scoped.raw_search(
        wanted,
        size=0,
        track_total_hits=True,
        aggs={
            "passed": {"filter": passed},
            "waiting": {"filter": {"bool": {"filter": [waiting], "must_not": [passed]}}},
            "missing": {"filter": missing, "aggs": times},
        },
    )
    counts = answer.get("aggregations", {})
    # Dead letters outlive their events, and filters that were changed since.
    dead = sum(
        _count(scoped, wanted, {"bool": {"filter": [passed, {"ids": {"values": ids}}]}})
        for ids in states.refused_ids(stream.name, span)
    )
    done = counts.get("passed", {}).get("doc_count", 0)
    gap = counts.get("missing", {})
    return StreamCount(
        matching=answer["hits"]["total"]["value"],
        delivered=done - dead,
        dead_letters=dead,
        waiting=counts.get("waiting", {}).get("doc_count", 0),
        missing=gap.get("doc_count", 0),
        first_missing=gap.get("first", {}).get("value_as_string"),
        last_missing=gap.get("last", {}).get("value_as_string"),
    )


def _count(log: AuditLog, wanted: Filter, query: Query) -> int:
    answer = log.raw_search(wanted, size=0, aggs={"found": {"filter": query}})
    return int(answer.get("aggregations", {}).get("found", {}).get("doc_count", 0))


def _passed(state: StreamState, topic: str) -> list[Query]:
    return [
        from_partition(topic, number, (began, goes_on))
        for number, (began, goes_on) in state.positions.items()
        if goes_on > began
    ]


def _waiting(state: StreamState, topic: str) -> list[Query]:
    """Return what is still to come, also of partitions that were added since the stream was stored."""
    found: list[Query] = [
        from_partition(topic, number, (goes_on, None))
        for number, (_, goes_on) in state.positions.items()
    ]
    if state.topic:
        added = {"must_not": [{"terms": {"audit.kafka.partition": list(state.positions)}}]}
        found.append({"bool": {"filter": [{"term": {"audit.kafka.topic": topic}}], **added}})
    return found


def _covered(runs: Sequence[StreamState]) -> list[Query]:
    """Return what runs of history have delivered: up to where one was broken off."""
    found: list[Query] = []
    for run in runs:
        if run.is_done:
            found.append(_ingested_before(run, {"gte": run.start, "lt": run.end}))
        elif run.cursor:
            last = {"gte": run.start, "lt": run.cursor[0], "format": "strict_date_time||epoch_millis"}
            found.append(_ingested_before(run, last))
    return found


def _ingested_before(run: StreamState, span: Query) -> Query:
    """Leave out what was indexed after the run had begun: it may have passed that time already."""
    filters: list[Query] = [{"range": {"@timestamp": span}}]
    if run.began:
        filters.append({"range": {"event.ingested": {"lt": run.began}}})
    return {"bool": {"filter": filters}}
