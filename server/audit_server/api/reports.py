"""/reports and /timeline: who did what, how long chats waited, and what happened around an event."""

from http import HTTPStatus
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from audit_query import ParameterError
from audit_query.reports import (
    SAME,
    WHOLE,
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
from audit_server.api.report_rows import RowParams, deadline, rows_response
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


class UsersParams(FilterParams, RowParams):
    """Filters, the interval, and how many rows."""

    interval: Text = Field("day", description=_INTERVAL, examples=["1h"])


class ChatsParams(ChatFilterParams, RowParams):
    """Filters, and whether rows are of users or of chats."""

    interval: Text = Field("day", description=_INTERVAL, examples=["1h"])
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
        progress=deadline(request),
    )
    activities: list[str] = []
    if params.format == "csv":
        activities = [one.value for one in caller.log.top(search.filter, "activity", size=1000)]
    return rows_response(caller, search, params, rows, activities)


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
    search, progress = params.resolve(request), deadline(request)
    rows = (
        chats(caller.log, search.filter, progress=progress)
        if params.each == "yes"
        else waits(
            caller.log,
            search.filter,
            interval=params.interval,
            time_zone=search.time_zone,
            progress=progress,
        )
    )
    return rows_response(caller, search, params, rows)


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
