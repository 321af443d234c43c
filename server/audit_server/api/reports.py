"""/reports and /timeline: who did what, how long chats waited, and what happened around an event."""

import time
from collections.abc import Generator
from contextlib import closing
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo

from audit_query import ParameterError
from audit_query.reports import (
    SAME,
    WHOLE,
    Progress,
    Timeline,
    around,
    chat_timeline,
    chats,
    parse_window,
    user_report,
    users,
    waits,
)
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from audit_server.access import Caller, EventCaller, ReportCaller
from audit_server.api.query_params import (
    INTERVAL,
    PREFIX,
    ChatFilterParams,
    FilterParams,
    Search,
    Text,
    check_query,
)
from audit_server.api.responses import (
    RowsResponse,
    TimelineResponse,
    UserResponse,
    documented,
    json_response,
)
from audit_server.errors import ProblemError

__all__ = ["router"]

router = APIRouter(prefix=PREFIX, tags=["reports"], dependencies=[Depends(check_query)])

_INTERVAL = f"{INTERVAL} `{WHOLE}`: all of it."


class UsersParams(FilterParams):
    """Filters, the interval, and how many rows."""

    interval: Text = Field("day", description=_INTERVAL, examples=["1h"])
    size: int = Field(1000, ge=1, le=10_000, description="How many rows, at most.")


class ChatsParams(ChatFilterParams):
    """Filters, and whether rows are of users or of chats."""

    interval: Text = Field("day", description=_INTERVAL, examples=["1h"])
    size: int = Field(1000, ge=1, le=10_000, description="How many rows, at most.")
    each: Literal["yes", "no"] = Field("no", description="Each chat, in place of users.")


class UserParams(FilterParams):
    """Filters, one user among them, and how many events to show."""

    size: int = Field(200, ge=1, le=1000, description="How many events to show, at most.")


class TimelineParams(UserParams):
    """A chat, or an event and what is around it."""

    around: Text | None = Field(
        None,
        description="An event's id: what happened just before and after it.",
        examples=["0" * 32],
    )
    window: Text | None = Field(None, description="How long before and after.", examples=["10m"])
    same: Text | None = Field(
        None,
        description=f"Only what has this in common with that event; of {', '.join(SAME)}, "
        "separated by commas.",
        examples=["session"],
    )


@router.get(
    "/reports/users",
    summary="What each user did",
    response_class=Response,
    responses=documented(RowsResponse),
)
def report_users(
    request: Request, caller: ReportCaller, params: Annotated[UsersParams, Query()]
) -> Response:
    """Return, for each user and interval: events by activity, chats, active time, addresses."""
    search = params.resolve(request)
    rows = users(
        caller.log,
        search.filter,
        interval=params.interval,
        time_zone=search.time_zone,
        progress=_deadline(request),
    )
    return _rows(caller, search, params.size, cast("Generator[Any]", rows))


@router.get(
    "/reports/chats",
    summary="How long chats waited",
    response_class=Response,
    responses=documented(RowsResponse),
)
def report_chats(
    request: Request, caller: ReportCaller, params: Annotated[ChatsParams, Query()]
) -> Response:
    """Return the waits of chats to be assigned, joined and closed: medians and 95th percentiles.

    By user and interval; or, with `each=yes`, every chat's own.
    """
    search, deadline = params.resolve(request), _deadline(request)
    rows = (
        chats(caller.log, search.filter, progress=deadline)
        if params.each == "yes"
        else waits(
            caller.log,
            search.filter,
            interval=params.interval,
            time_zone=search.time_zone,
            progress=deadline,
        )
    )
    return _rows(caller, search, params.size, cast("Generator[Any]", rows))


@router.get(
    "/reports/user",
    summary="One user, session by session",
    response_class=Response,
    responses=documented(UserResponse),
)
def report_user(
    request: Request, caller: ReportCaller, params: Annotated[UserParams, Query()]
) -> Response:
    """Return what one user did, by session, with the sums of all and the newest events."""
    search = params.resolve(request)
    report = user_report(caller.log, search.filter, _one(search, "user"), limit=params.size)
    caller.record_search(search.spec, report.facts.events if report.facts else 0)
    return json_response(report.to_json(ZoneInfo(search.time_zone)))


@router.get(
    "/timeline",
    summary="What happened in a chat, or around an event",
    response_class=Response,
    responses=documented(TimelineResponse, 404),
)
def timeline(
    request: Request, caller: EventCaller, params: Annotated[TimelineParams, Query()]
) -> Response:
    """Return events oldest first, with the time since the one before: of `chat`, or `around` one."""
    search = params.resolve(request)
    events = (
        _chat_timeline(caller, search, params)
        if params.around is None
        else _around(caller, search, params, params.around)
    )
    caller.record_search(
        search.spec, events.total, around=params.around, window=params.window, same=params.same
    )
    return json_response(events.to_json())


def _chat_timeline(caller: Caller, search: Search, params: TimelineParams) -> Timeline:
    for name in ("window", "same"):
        if getattr(params, name) is not None:
            raise ParameterError(name, "needs around, an event's id")
    return chat_timeline(caller.log, search.filter, _one(search, "chat"), limit=params.size)


def _around(caller: Caller, search: Search, params: TimelineParams, event_id: str) -> Timeline:
    same = params.same.split(",") if params.same else ()
    window = {"window": parse_window(params.window)} if params.window else {}
    events = around(
        caller.log,
        search.filter,
        event_id,
        same=[name.strip() for name in same],
        limit=params.size,
        **window,
    )
    if events is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such event", parameter="around")
    return events


def _one(search: Search, name: str) -> str:
    values = search.spec.values(name)
    if len(values) != 1:
        raise ParameterError(name, f"give one {name}, and only one")
    return values[0]


def _rows(caller: Caller, search: Search, size: int, rows: Generator[Any]) -> Response:
    time_zone = ZoneInfo(search.time_zone)
    with closing(rows):  # a report that is left half way has a point in time to give back
        shown = [row.to_json(time_zone) for row in islice(rows, size + 1)]
    caller.record_search(search.spec, lambda: caller.log.count(search.filter))
    return json_response(
        {"rows": shown[:size], "more": len(shown) > size, "time_zone": search.time_zone}
    )


def _deadline(request: Request) -> Progress:
    """Return what ends a report once its request has timed out."""
    end = time.monotonic() + request.app.state.settings.query_seconds

    def check(_: int, __: int) -> None:
        if time.monotonic() > end:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The report takes too long; give a shorter time, or run `auditlog report`",
                headers={"Retry-After": "30"},
            )

    return check
