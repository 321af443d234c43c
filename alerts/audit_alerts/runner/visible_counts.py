"""How many events can be found: more than when their time was covered have come too late.

A consumer whose clock is behind by more than the margin stamps events with a time that rules have
covered; so does a bulk request, or a repair, that took long. One count a round notices them.
"""

from audit_query import AuditLog

from audit_alerts.log_reader import RuleFilter

__all__ = ["NO_INDEX", "RECHECKED", "visible_counts"]

RECHECKED = 600_000
"""How far back is counted, and evaluated again, in milliseconds of event.ingested."""
NO_INDEX = -1
"""There is no index of events at all."""


def visible_counts(log: AuditLog, before: int, now: int) -> tuple[int, int]:
    """Return how many events can be found of the time before an earlier watermark, and before now's."""
    ends = {"before": before, "now": now}
    ranges = {name: _ingested(end - RECHECKED, end) for name, end in ends.items()}
    earliest, latest = min(ends.values()) - RECHECKED, max(ends.values())
    answer = log.raw_search(
        RuleFilter(queries=(_ingested(earliest, latest),)),
        size=0,
        track_total_hits=False,
        aggs={"ends": {"filters": {"filters": ranges}}},
    )
    if "aggregations" not in answer:
        return NO_INDEX, NO_INDEX
    buckets = answer["aggregations"]["ends"]["buckets"]
    return buckets["before"]["doc_count"], buckets["now"]["doc_count"]


def _ingested(after: int, until: int) -> dict[str, object]:
    span = {"gt": after, "lte": until, "format": "epoch_millis"}
    return {"range": {"event.ingested": span}}
