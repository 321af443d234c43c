"""What each reason of a dead letter means, and what to do about it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from audit_schemas import Reason

__all__ = ["Advice", "advice_on"]


@dataclass(frozen=True, slots=True)
class Advice:
    """A reason in words."""

    meaning: str
    what_to_do: str
    is_replayable: bool = False
    """Whether the record is accepted once the cause is removed."""


_OWNER = "Tell the owner of the service that published it: the record breaks the contract as it is"

_ADVICE: Mapping[str, Advice] = {
    Reason.UNKNOWN_ACTIVITY: Advice(
        "The activity is not in the catalogue",
        "Add the activity to AUDITLOG_CATALOGUE, restart the consumers, then replay",
        is_replayable=True,
    ),
    Reason.SCHEMA_NEWER: Advice(
        "The publisher uses a newer schema than the consumer",
        "Upgrade the consumers, then replay",
        is_replayable=True,
    ),
    Reason.MALFORMED: Advice("Not one JSON object in UTF-8", _OWNER),
    Reason.DUPLICATE_KEY: Advice("A key occurs twice, so its meaning is open", _OWNER),
    Reason.TOO_LARGE: Advice("Larger than 1 MiB", _OWNER),
    Reason.INVALID: Advice(
        "A field is unknown, missing, of a wrong type, or over its limit",
        "Tell the owner of the service, whose name is in the record",
    ),
    Reason.MISSING_CONTEXT: Advice(
        "A field is missing that the activity requires",
        "Tell the owner of the service, whose name is in the record",
    ),
    Reason.TOO_OLD: Advice(
        "The event's time is too long before its arrival",
        "Check the publisher's clock; for an import, raise AUDITLOG_MAX_PAST_DAYS, then replay",
        is_replayable=True,
    ),
    Reason.TOO_NEW: Advice(
        "The event's time is too far in the future",
        "Check the publisher's clock; once that time has come, replay",
        is_replayable=True,
    ),
    Reason.ID_CONFLICT: Advice(
        "Another event with other content has the same id",
        "A bug, or an attempt to hide something: compare both events",
    ),
    Reason.REJECTED_BY_INDEX: Advice(
        "Elasticsearch rejected the document, though its mapping is sound",
        "Report it to the makers of this log, with the sample",
        is_replayable=True,
    ),
}
_UNKNOWN = Advice(
    "This version does not know the reason", "See whether the consumers are newer than this server"
)


def advice_on(reason: str) -> Advice:
    """Return what a reason means and what to do; of one that this version does not know, that."""
    return _ADVICE.get(reason, _UNKNOWN)
