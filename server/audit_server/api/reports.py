"""/reports and /timeline: who did what, how long chats waited, and what happened around an event."""

import time
from collections.abc import Generator
from contextlib import closing
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, cast
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
from fastapi import APIRouter, Depends, Request, Response

from audit_server.access import Asker, AskerOf
from audit_server.api.answers import RowsAnswer, TimelineAnswer, UserAnswer, answers, json_response
from audit_server.errors import ProblemError
from audit_server.parameters import Form, Given, Parameter, choice, interval, number, text

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["reports"])

_INTERVAL = interval(default="day", also=(WHOLE,))
_ROWS = number("size", "How many rows, at most.", default=1000, most=10_000)
_SHOWN = number("size", "How many events to show, at most.", default=200, most=1000)


def _same(given: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(","))
    if strange := set(names) - set(SAME):
        raise ValueError(f"{min(strange)[:64]!r} is none of {', '.join(SAME)}")
    return names


_USERS = Form(_INTERVAL, _ROWS)
_CHATS = Form(
    _INTERVAL,
    _ROWS,
    choice("each", "Each chat, in place of users.", ("yes", "no"), default="no"),
    names=("user", "org", "chat", "not_user", "not_org", "not_chat", "from", "to"),
)
_USER = Form(_SHOWN)
_TIMELINE = Form(
    text("around", "An event's id: what happened just before and after it.", example="0" * 32),
    Parameter("window", "How long before and after.", {"type": "string"}, parse_window, example="10m"),
    Parameter(
        "same",
        f"Only what has this in common with that event; of {', '.join(SAME)}, by commas.",
        {"type": "string"},
        _same,
        (),
        example="session",
    ),
    _SHOWN,
)


@router.get(
    "/reports/users",
    summary="What each user did",
    response_class=Response,
    responses=answers(RowsAnswer),
    openapi_extra=_USERS.openapi,
)
def report_users(request: Request, asker: Asker, given: Annotated[Given, Depends(_USERS)]) -> Response:
    """Return, for each user and interval: events by activity, chats, active time, addresses."""
    rows = users(
        asker.log,
        given.filter,
        interval=given["interval"],
        time_zone=given.time_zone,
        progress=_in_time(request),
    )
    return _rows(asker, given, cast("Generator[Any]", rows))


@router.get(
    "/reports/chats",
    summary="How long chats waited",
    response_class=Response,
    responses=answers(RowsAnswer),
    openapi_extra=_CHATS.openapi,
)
def report_chats(request: Request, asker: Asker, given: Annotated[Given, Depends(_CHATS)]) -> Response:
    """Return the waits of chats to be assigned, joined and closed: medians and 95th percentiles.

    By user and interval; or, with `each=yes`, every chat's own.
    """
    late = _in_time(request)
    rows = (
        chats(asker.log, given.filter, progress=late)
        if given["each"] == "yes"
        else waits(
            asker.log,
            given.filter,
            interval=given["interval"],
            time_zone=given.time_zone,
            progress=late,
        )
    )
    return _rows(asker, given, cast("Generator[Any]", rows))


@router.get(
    "/reports/user",
    summary="One user, session by session",
    response_class=Response,
    responses=answers(UserAnswer),
    openapi_extra=_USER.openapi,
)
def report_user(asker: Asker, given: Annotated[Given, Depends(_USER)]) -> Response:
    """Return what one user did, by session, with the sums of all and the newest events."""
    found = user_report(asker.log, given.filter, _one(given, "user"), limit=given["size"])
    asker.note_search(given.question, found.facts.events if found.facts else 0)
    return json_response(found.to_json(ZoneInfo(given.time_zone)))


@router.get(
    "/timeline",
    summary="What happened in a chat, or around an event",
    response_class=Response,
    responses=answers(TimelineAnswer, 404),
    openapi_extra=_TIMELINE.openapi,
)
def timeline(asker: Asker, given: Annotated[Given, Depends(_TIMELINE)]) -> Response:
    """Return events oldest first, with the time since the one before: of `chat`, or `around` one."""
    if given["around"] is None:
        if given["window"] is not None or given["same"]:
            name = "window" if given["window"] is not None else "same"
            raise ParameterError(name, "goes with around, an event's id")
        found = chat_timeline(asker.log, given.filter, _one(given, "chat"), limit=given["size"])
    else:
        found = _around(asker, given)
    asker.note_search(given.question, found.total)
    return json_response(found.to_json())


def _around(asker: AskerOf, given: Given) -> Timeline:
    more = {} if given["window"] is None else {"window": given["window"]}
    found = around(
        asker.log, given.filter, given["around"], same=given["same"], limit=given["size"], **more
    )
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "There is no such event", parameter="around")
    return found


def _one(given: Given, name: str) -> str:
    values = given.question.values(name)
    if len(values) != 1:
        raise ParameterError(name, f"give one {name}, and only one")
    return values[0]


def _rows(asker: AskerOf, given: Given, rows: Generator[Any]) -> Response:
    there = ZoneInfo(given.time_zone)
    with closing(rows):  # a report that is left half way has a point in time to give back
        found = [row.to_json(there) for row in islice(rows, given["size"] + 1)]
    asker.note_search(given.question, lambda: asker.log.count(given.filter))
    return json_response(
        {
            "rows": found[: given["size"]],
            "more": len(found) > given["size"],
            "time_zone": given.time_zone,
        }
    )


def _in_time(request: Request) -> Progress:
    """Return what ends a report whose reader has been told by now that it takes too long."""
    end = time.monotonic() + request.app.state.settings.query_seconds

    def check(_: int, __: int) -> None:
        if time.monotonic() > end:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The report takes too long; give a shorter time, or run `auditlog report`",
                headers={"Retry-After": "30"},
            )

    return check
