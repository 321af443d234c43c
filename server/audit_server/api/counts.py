"""/buckets, /top and /suggest: numbers of events, and values."""

from typing import Annotated
from zoneinfo import ZoneInfo

from audit_query import SUGGESTED
from fastapi import APIRouter, Depends, Response

from audit_server.access import Asker
from audit_server.api.answers import (
    BucketsAnswer,
    SuggestAnswer,
    TopAnswer,
    answers,
    json_response,
)
from audit_server.parameters import BY, INTERVAL, Form, Given, choice, number, text

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["counts"])

_BUCKETS = Form(
    INTERVAL,
    BY,
    number("parts", "How many values to split by; the rest is summed.", default=10, most=50),
)
_TOP = Form(
    choice("by", BY.description, BY.schema["enum"], is_required=True, example="ip"),
    number("size", "How many values, at most.", default=10, most=1000),
)
_SUGGEST = Form(
    choice("field", "What is being typed.", tuple(SUGGESTED), is_required=True, example="user"),
    text("prefix", "How it begins, in capitals or small letters.", default="", example="ad"),
    number("size", "How many values, at most.", default=10, most=50),
    names=(),
)


@router.get(
    "/buckets",
    summary="Events over time",
    response_class=Response,
    responses=answers(BucketsAnswer),
    openapi_extra=_BUCKETS.openapi,
)
def buckets(asker: Asker, given: Annotated[Given, Depends(_BUCKETS)]) -> Response:
    """Return the number of events in each interval, none left out, split where `by` is given."""
    found = asker.log.buckets(
        given.filter,
        interval=given["interval"],
        by=given["by"],
        parts=given["parts"],
        time_zone=given.time_zone,
    )
    asker.note_search(given.question, sum(bucket.count for bucket in found.buckets))
    there = ZoneInfo(given.time_zone)
    rows = [
        {
            "start": bucket.start.astimezone(there).isoformat(),
            "count": bucket.count,
            "parts": dict(bucket.parts),
            "other": bucket.other,
        }
        for bucket in found.buckets
    ]
    return json_response({"interval": found.interval, "time_zone": given.time_zone, "buckets": rows})


@router.get(
    "/top",
    summary="Most frequent values",
    response_class=Response,
    responses=answers(TopAnswer),
    openapi_extra=_TOP.openapi,
)
def top(asker: Asker, given: Annotated[Given, Depends(_TOP)]) -> Response:
    """Return the most frequent values of a field, with the number of events of each."""
    found = asker.log.top(given.filter, given["by"], size=given["size"])
    asker.note_search(given.question, lambda: asker.log.count(given.filter))
    return json_response({"values": [{"value": row.value, "count": row.count} for row in found]})


@router.get(
    "/suggest",
    summary="Autocompletion",
    response_class=Response,
    responses=answers(SuggestAnswer),
    openapi_extra=_SUGGEST.openapi,
)
def suggest(asker: Asker, given: Annotated[Given, Depends(_SUGGEST)]) -> Response:
    """Return users, activities or addresses that begin as someone is typing."""
    found = asker.log.suggest(given["field"], given["prefix"], size=given["size"])
    return json_response({"values": found})
