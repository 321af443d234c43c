"""Why an event or a catalogue is refused.

::

    SchemaError
    ├── EventRefusedError      one event breaks the contract; carries every problem found
    └── CatalogueError    the deployment's activity catalogue can't be used
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CatalogueError", "EventRefusedError", "Problem", "Reason", "SchemaError"]


class Reason(StrEnum):
    """The kinds of refusal: stable codes, which dead letters are grouped by."""

    MALFORMED = "malformed"
    """Not one JSON object in UTF-8."""
    TOO_LARGE = "too-large"
    """Longer than `MAX_EVENT_BYTES`."""
    DUPLICATE_KEY = "duplicate-key"
    """A key appears twice in one object, so its meaning is open."""
    INVALID = "invalid"
    """A field is unknown, missing, of the wrong type, or over its limit."""
    UNKNOWN_ACTIVITY = "unknown-activity"
    """`event.action` is not in the catalogue."""
    MISSING_CONTEXT = "missing-context"
    """The activity requires a field that the event does not have."""
    TOO_OLD = "too-old"
    """`@timestamp` is further in the past than events may be."""
    TOO_NEW = "too-new"
    """`@timestamp` is further in the future than clocks may differ."""
    SCHEMA_NEWER = "schema-newer"
    """Written by a newer schema than this program knows: upgrade, then replay."""
    ID_CONFLICT = "id-conflict"
    """Another event with other content already has this id."""
    REJECTED_BY_INDEX = "rejected-by-index"
    """Elasticsearch refused the document, though the index and its mapping are sound."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the field's dotted path ("" for the whole event) and a sentence."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SchemaError(Exception):
    """Base of all that `audit_schemas` raises."""


class EventRefusedError(SchemaError):
    """The event breaks the contract.

    Messages name fields, limits and the activity, never another of the event's values, so they may
    be logged.
    """

    def __init__(self, reason: Reason, *problems: Problem) -> None:
        super().__init__(reason, *problems)
        self.reason = reason
        self.problems = problems

    @property
    def path(self) -> str:
        """The first offending field's path."""
        return self.problems[0].path

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


class CatalogueError(SchemaError):
    """The activity catalogue can't be used; the message names the file, the activity and the fix."""
