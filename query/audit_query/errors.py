"""What can be wrong with a question to the log."""

__all__ = ["ExportError", "ParameterError", "QueryError", "TimeRangeError"]


class QueryError(Exception):
    """Base of all that `audit_query` raises; errors of the Elasticsearch client pass through."""


class TimeRangeError(QueryError):
    """A time or an interval can't be read, or asks for too much; the message says what can."""


class ParameterError(QueryError):
    """One part of a question can't be read.

    `parameter` is its name as in a URL (`not_ip`), `reason` a sentence about it.
    """

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter
        self.reason = reason


class ExportError(QueryError):
    """An export can't go on, since Elasticsearch could not search everything."""
