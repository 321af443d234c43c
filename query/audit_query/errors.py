"""What can be wrong with a question to the log."""

__all__ = ["QueryError", "TimeRangeError"]


class QueryError(Exception):
    """Base of all that `audit_query` raises; errors of the Elasticsearch client pass through."""


class TimeRangeError(QueryError):
    """A time or an interval can't be read; the message names the forms that can."""
