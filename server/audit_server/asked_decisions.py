"""Which chats behind an objective's share are asked for: the API and the page read it alike."""

from collections.abc import Mapping
from datetime import datetime

from audit_query import ParameterError, TimeRangeError, parse_time
from audit_query.reports import AskedDecisions

__all__ = ["NO_ID", "asked_decisions"]

NO_ID = "none"
"""In place of the id of somebody who has none."""


def asked_decisions(given: Mapping[str, str | None], now: datetime) -> AskedDecisions:
    """Return what the parameters ask for; relative times are those at `now`. Raises ParameterError."""
    met, user_id = given.get("met"), given.get("by_id")
    if met not in (None, "yes", "no"):
        raise ParameterError("met", "must be yes or no")
    return AskedDecisions(
        is_met=None if met is None else met == "yes",
        user=given.get("by"),
        user_id="" if user_id == NO_ID else user_id,
        team=given.get("by_team"),
        opened_from=_time("opened_from", given, now),
        opened_to=_time("opened_to", given, now),
    )


def _time(name: str, given: Mapping[str, str | None], now: datetime) -> datetime | None:
    text = given.get(name)
    try:
        return None if text is None else parse_time(text, now)
    except TimeRangeError as error:
        raise ParameterError(name, str(error)) from None
