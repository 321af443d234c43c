"""How many events of a time can be seen: more than when it was covered is what came too late.

A consumer whose clock is behind by more than the margin stamps events with a time that rules have
covered; so does a bulk request, or a repair, that took long. One count a round notices them.
"""

from audit_query import AuditLog

from audit_alerts.backfill import RuleFilter

__all__ = ["AGAIN", "NOTHING", "visible"]

AGAIN = 600_000
"""How far back of the bound is counted, and looked at again, in milliseconds of event.ingested."""
NOTHING = -1
"""There is no index of events at all."""


def visible(log: AuditLog, before: int, bound: int) -> tuple[int, int]:
    """Return how many events can be seen of the time before an earlier bound, and before this one."""
    ends = {"before": before, "now": bound}
    ranges = {name: _ingested(end - AGAIN, end) for name, end in ends.items()}
    earliest, latest = min(ends.values()) - AGAIN, max(ends.values())
    answer = log.raw_search(
        RuleFilter(queries=(_ingested(earliest, latest),)),
        size=0,
        track_total_hits=False,
        aggs={"ends": {"filters": {"filters": ranges}}},
    )
    if "aggregations" not in answer:
        return NOTHING, NOTHING
    buckets = answer["aggregations"]["ends"]["buckets"]
    return buckets["before"]["doc_count"], buckets["now"]["doc_count"]


def _ingested(after: int, until: int) -> dict[str, object]:
    span = {"gt": after, "lte": until, "format": "epoch_millis"}
    return {"range": {"event.ingested": span}}
