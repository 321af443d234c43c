"""Ask the log: filter by user and activity, search, count, bucket by time, export."""

from audit_query.aggregations import Bucket, Buckets, Ranked, Seen
from audit_query.errors import ExportError, ParameterError, QueryError, TimeRangeError
from audit_query.filter import Criteria, Filter
from audit_query.log import AuditLog, Page
from audit_query.question import Question
from audit_query.settings import QuerySettings

__all__ = [
    "AuditLog",
    "Bucket",
    "Buckets",
    "Criteria",
    "ExportError",
    "Filter",
    "Page",
    "ParameterError",
    "QueryError",
    "QuerySettings",
    "Question",
    "Ranked",
    "Seen",
    "TimeRangeError",
]
