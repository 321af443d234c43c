"""What can be wrong with a query."""

from collections.abc import Iterable

from audit_runtime import did_you_mean

__all__ = [
    "ExportError",
    "ParameterError",
    "QueryError",
    "TimeRangeError",
    "TimeZoneError",
    "unknown_parameter",
]


class QueryError(Exception):
    """Base of all that `audit_query` raises; errors of the Elasticsearch client pass through."""


class TimeRangeError(QueryError):
    """A time or an interval is not valid, or covers too much; the message says what is."""


class TimeZoneError(QueryError):
    """Elasticsearch lacks a time zone that Python has. `name` is the zone's."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Elasticsearch does not know the time zone {name}: its Java is older than that zone. "
            "Use another one of the same time, or an Elasticsearch with a newer Java"
        )
        self.name = name


class ParameterError(QueryError):
    """One parameter of a query is not valid.

    `parameter` is its name as in a URL (`not_ip`), `reason` says what is wrong with it.
    """

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter
        self.reason = reason


class ExportError(QueryError):
    """An export stopped, because Elasticsearch could not search everything."""


def unknown_parameter(name: str, known: Iterable[str]) -> ParameterError:
    """Return the error for a name that is none of those known, with the closest of them."""
    names = list(known)
    near = did_you_mean(name, names)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(names)}"
    return ParameterError(name[:64], f"there is no such parameter; {hint}")
