"""The overview's pipeline: how far consumers are behind, what they refused, what arrived last."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from audit_query import AuditLog, Filter
from fastapi import Request

from audit_server.access import Caller
from audit_server.dead_letter_view import may_see_pipeline, pipeline_of
from audit_server.page.dead_letter_page import reason_rows
from audit_server.page.rows import display_time
from audit_server.page.seal_card import seal_card
from audit_server.page.view import View
from audit_server.roles import Permission

__all__ = ["LastArrival", "last_arrival", "pipeline_card"]

_ARRIVAL = ("event.id", "event.ingested", "event.created", "@timestamp")

LastArrival = Mapping[str, Any] | None
"""The event that became searchable last; None if there is none."""


def last_arrival(log: AuditLog) -> LastArrival:
    """Return the event that was indexed last."""
    return next(iter(log.newest_arrivals(Filter(), size=1, fields=_ARRIVAL).events), None)


def pipeline_card(
    request: Request, caller: Caller, view: View, arrival: LastArrival
) -> Mapping[str, Any] | None:
    """Return what the card shows, at once; None for whoever sees one organization alone.

    Kafka is asked in the background: what is not known yet is named as pending.
    """
    if not may_see_pipeline(caller):
        return None
    pipeline = pipeline_of(request)
    card: dict[str, Any] = {"has_kafka": pipeline is not None, "arrival": _arrival(arrival, view)}
    card["seal"] = seal_card(request, view)
    card |= {"is_pending": False, "dead_letters": None, "reasons": ()}
    if pipeline is None:
        return card
    card["lag"] = lag = pipeline.lag.read()
    card["is_pending"] = lag.is_pending
    if caller.may(Permission.DEAD_LETTERS):
        reading = pipeline.dead_letters.read()
        newest = reading.value
        card["is_pending"] |= reading.is_pending
        card["dead_letters"] = reading
        card["reasons"] = reason_rows(newest, view.zone) if newest is not None else ()
    return card


def _arrival(arrival: LastArrival, view: View) -> Mapping[str, Any] | None:
    if arrival is None:
        return None
    event = arrival["event"]
    ingested = datetime.fromisoformat(event["ingested"])
    created = datetime.fromisoformat(event.get("created", event["ingested"]))
    return {
        "at": display_time(ingested, view.zone),
        "seconds": max(0.0, (ingested - created).total_seconds()),
        "link": view.expanding_alone(event["id"]),
    }
