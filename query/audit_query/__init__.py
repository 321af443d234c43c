"""Ask the log: filter by user and activity, search, count, bucket by time."""

from audit_query.errors import QueryError, TimeRangeError
from audit_query.filter import Filter
from audit_query.log import AuditLog, Bucket, Page, Ranked
from audit_query.settings import QuerySettings

__all__ = [
    "AuditLog",
    "Bucket",
    "Filter",
    "Page",
    "QueryError",
    "QuerySettings",
    "Ranked",
    "TimeRangeError",
]
