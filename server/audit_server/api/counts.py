"""/buckets, /top and /suggest: numbers of events, and values."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from audit_query import AUTO, Bucket, Dimension, QuerySpec, Suggested
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from audit_server.access import EventCaller
from audit_server.api.query_params import INTERVAL, PREFIX, FilterParams, QueryParams, Text, check_query
from audit_server.api.responses import (
    BucketsResponse,
    SuggestResponse,
    TopResponse,
    documented,
    json_response,
)

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["counts"], dependencies=[Depends(check_query)])


class BucketsParams(FilterParams):
    """Filters, the interval, and what to split it by."""

    interval: Text = Field(AUTO, description=INTERVAL, examples=["1h"])
    by: Dimension | None = Field(None, description="What to split each interval by.")
    parts: int = Field(10, ge=1, le=50, description="How many values to split by; the rest is summed.")


class TopParams(FilterParams):
    """Filters, and what to rank."""

    by: Dimension = Field(description="What to rank.", examples=["ip"])
    size: int = Field(10, ge=1, le=1000, description="How many values, at most.")


class SuggestParams(QueryParams):
    """What is being typed."""

    field: Suggested = Field(description="What is being typed.", examples=["user"])
    prefix: Text = Field(
        "", description="How it begins, in capitals or small letters.", examples=["ad"]
    )
    size: int = Field(10, ge=1, le=50, description="How many values, at most.")


@router.get(
    "/buckets",
    summary="Events over time",
    response_class=Response,
    responses=documented(BucketsResponse),
)
def buckets(
    request: Request, caller: EventCaller, params: Annotated[BucketsParams, Query()]
) -> Response:
    """Return the number of events in each interval, none left out, split where `by` is given."""
    search = params.resolve(request)
    histogram = caller.log.buckets(
        search.filter,
        interval=params.interval,
        by=params.by,
        parts=params.parts,
        time_zone=search.time_zone,
    )
    caller.record_search(search.spec, sum(bucket.count for bucket in histogram.buckets))
    rows = [_bucket(bucket, ZoneInfo(search.time_zone)) for bucket in histogram.buckets]
    return json_response(
        {"interval": histogram.interval, "time_zone": search.time_zone, "buckets": rows}
    )


@router.get(
    "/top",
    summary="Most frequent values",
    response_class=Response,
    responses=documented(TopResponse),
)
def top(request: Request, caller: EventCaller, params: Annotated[TopParams, Query()]) -> Response:
    """Return the most frequent values of a field, with the number of events of each."""
    search = params.resolve(request)
    ranking = caller.log.top(search.filter, params.by, size=params.size)
    caller.record_search(search.spec, lambda: caller.log.count(search.filter))
    return json_response({"values": [{"value": row.value, "count": row.count} for row in ranking]})


@router.get(
    "/suggest",
    summary="Autocompletion",
    response_class=Response,
    responses=documented(SuggestResponse),
)
def suggest(caller: EventCaller, params: Annotated[SuggestParams, Query()]) -> Response:
    """Return users, activities or addresses that begin as someone is typing."""
    values = caller.log.suggest(params.field, params.prefix, size=params.size)
    caller.record_search(QuerySpec(), len(values), suggest=params.field, prefix=params.prefix or None)
    return json_response({"values": values})


def _bucket(bucket: Bucket, time_zone: ZoneInfo) -> dict[str, Any]:
    return {
        "start": bucket.start.astimezone(time_zone).isoformat(),
        "count": bucket.count,
        "parts": dict(bucket.parts),
        "other": bucket.other,
    }
